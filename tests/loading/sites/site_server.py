"""A site of 300 pages with traps, on this machine: it counts what it is asked for, and answers conditional requests."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COUNT = 300
ROBOTS = "User-agent: *\nDisallow: /docs/secret/\nDisallow: /*?sort=\nSitemap: {}/docs/sitemap.xml\n"


class Site:
    """What the site has at each path, and how often each was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.unchanged: Counter[str] = Counter()
        self.address = ""
        self.robots: str | int = ROBOTS

    def answer(self, path: str) -> tuple[int, str, bytes, dict[str, str]]:
        """Return status, kind, body and headers."""
        if path == "/robots.txt":
            broken = isinstance(self.robots, int)
            return (int(self.robots), "text/plain", b"", {}) if broken else (
                200, "text/plain", str(self.robots).format(self.address).encode(), {})  # fmt: skip
        if path.startswith("/docs/loop/"):  # a link that is relative by mistake leads one step deeper each time
            return 200, "text/html", b'<p>A page of the loop.</p><a href="loop/next">on</a>', {}
        if path == "/docs/private":
            return 302, "text/html", b"", {"Location": "http://169.254.169.254/latest/meta-data/"}
        if path == "/docs/circle":
            return 302, "text/html", b"", {"Location": "/docs/circle2"}
        if path == "/docs/circle2":
            return 302, "text/html", b"", {"Location": "/docs/circle"}
        if path == "/docs/large":
            return 200, "text/html", b"<p>" + b"x" * 6_000_000, {}
        if path == "/docs/program":
            return 200, "application/octet-stream", b"\x7fELF" + b"x" * 100_000, {}
        if path == "/docs/broken":
            return 500, "text/html", b"", {}
        if path not in self.pages:
            return 404, "text/html", b"", {}
        kind = "application/xml" if path.endswith(".xml") else "text/html"
        return 200, kind, self.pages[path].encode(), {}


def page(number: int, *links: str) -> str:
    """Return a page of its own words, with links."""
    words = (
        f"Page {number} tells of the harbour number {number} and of its {number * 7} ships in the year of the flood."
    )
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return f"<html><head><title>Page {number}</title></head><body><main><h1>Page {number}</h1><p>{words}</p></main>" \
           f"<ul>{anchors}</ul></body></html>"  # fmt: skip


TRAPS = ("loop/", "private", "circle", "large", "program", "broken", "secret/plan", "list?sort=name", "gone",
         "/elsewhere/", "http://127.0.0.2/docs/", "mailto:ann@example.org", "javascript:alert(1)", "page1.html#part",
         "http://[::1", "picture.png", "//evil.example/docs/")  # fmt: skip


def site_of(count: int) -> Site:
    """Return a site whose page n links to pages 3n to 3n + 2; its first page links to the traps too."""
    site = Site()
    for number in range(1, count + 1):
        links = [f"page{following}.html" for following in range(3 * number - 1, 3 * number + 2) if following <= count]
        site.pages[f"/docs/page{number}.html"] = page(number, *links)
    site.pages["/docs/"] = page(0, "page1.html", *TRAPS)
    site.pages["/docs/unlinked.html"] = page(1_000)
    site.pages["/docs/hidden.html"] = '<meta name="robots" content="noindex"><p>Not to be indexed.</p>'
    return site


@contextmanager
def running(site: Site) -> Iterator[str]:
    """Serve the site; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests[self.path] += 1
            status, kind, body, headers = site.answer(self.path)
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == 200 and self.headers.get("If-None-Match") == tag:
                site.unchanged[self.path] += 1
                status, body = 304, b""
            self.send_response(status)
            fixed = {"Content-Type": kind, "Content-Length": str(len(body)), "ETag": tag}
            for name, value in {**fixed, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    listed = "".join(f"<url><loc>{site.address}/docs/{name}.html</loc></url>" for name in ("unlinked", "hidden"))
    site.pages["/docs/sitemap.xml"] = f"<urlset>{listed}<url><loc>http://127.0.0.2/docs/x</loc></url></urlset>"
    try:
        yield site.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
