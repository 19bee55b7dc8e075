"""A site is read once, politely, within its bounds; the next time only what has changed is read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.cli.crawling import crawl_into
from rag.core.errors import InvalidInput, LoadError, UnreadableSource
from rag.core.types import Document
from rag.index.index import Index
from rag.loading import Source, load
from rag.loading.formats.markup.web import IpAddress
from rag.loading.sites.addresses import plain_address
from rag.loading.sites.crawl import CrawlLimits, CrawlStep, SiteCrawl
from rag.loading.sites.crawl_file import CrawlFile, SiteState
from rag.loading.sites.links import links_of
from rag.loading.sites.robots import SiteRules, sitemap_addresses
from tests.loading.sites.site_server import COUNT, page, running, site_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

pytest.importorskip("protego", reason="the extra crawl is not installed")
FAR = CrawlLimits(depth=20, pages=1_000)


def only_this_machine(address: IpAddress) -> bool:
    return str(address) == "127.0.0.1"


def titled(source: Source) -> Iterator[Document | LoadError]:
    """Read a page as one document, without the parts of a loader that take their time."""
    text = source.path.read_text(encoding="utf-8")
    yield Document(source.document_id, text)


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def crawled(start: str, state: SiteState, limits: CrawlLimits = FAR) -> list[CrawlStep]:
    return list(SiteCrawl(start, state, limits, titled, only_this_machine, Waits()).steps())


def added(steps: list[CrawlStep]) -> set[str]:
    return {document.id.rpartition("/docs/")[2] for step in steps for document in step.documents}


@pytest.mark.thorough
def test_a_site_with_traps_is_read_once_and_then_only_what_has_changed() -> None:
    site, state = site_of(COUNT), SiteState()
    with running(site) as address:
        steps = crawled(f"{address}/docs/", state)
        own = {f"page{number}.html" for number in range(1, COUNT + 1)} | {"", "unlinked.html"}
        loops = {name for name in added(steps) if name.startswith("loop/")}
        assert added(steps) - loops == own and len(loops) <= 4
        errors = {step.address.rpartition("/docs/")[2] for step in steps if step.error is not None}
        assert errors == {"large", "broken", "gone"} and state.is_complete
        asked = site.requests
        assert max(count for path, count in asked.items() if path != "/docs/") == 1, "each address is asked for once"
        assert not {path for path in asked if "secret" in path or "sort=" in path or path.startswith("/elsewhere")}
        site.requests.clear()
        below = [f"page{number}.html" for number in (20, 21)]  # but not 22, to which no other page links
        site.pages["/docs/page7.html"] = page(7, *below).replace("harbour", "lighthouse")
        del site.pages["/docs/page300.html"]
        steps = crawled(f"{address}/docs/", state)
        changed = added(steps) - loops
        assert changed == {"page7.html"} and not site.unchanged["/docs/page7.html"]
        assert sum(site.unchanged.values()) > COUNT - 20
        removed = {item.rpartition("/docs/")[2] for step in steps for item in step.removed}
        below_22 = {f"page{number}.html" for number in (22, *range(65, 68), *range(194, 203))}
        assert removed - loops == {"page300.html", *below_22}


def test_a_crawl_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    site, states = site_of(30), CrawlFile(tmp_path / "crawls.json")
    with running(site) as address:
        start = f"{address}/docs/"
        state = states.state(start)
        steps = SiteCrawl(start, state, FAR, titled, only_this_machine, Waits()).steps()
        before = [next(steps) for _ in range(15)]
        states.write(start, state)
        site.requests.clear()
        state = states.state(start)
        assert not state.is_complete
        after = crawled(start, state)
        assert not added(before) & added(after) and state.is_complete
        assert len({name for name in added(before) | added(after) if name.startswith("page")}) == 30
        again = [path for path in site.requests if path.endswith(".html") and path[6:] in added(before)]
        assert again == []


@pytest.mark.thorough
def test_depth_and_count_bound_a_crawl_and_nothing_is_removed_when_it_is_cut() -> None:
    site, state = site_of(30), SiteState()
    site.pages["/docs/sitemap.xml"] = ""
    with running(site) as address:
        start = f"{address}/docs/"
        near = crawled(start, SiteState(), CrawlLimits(depth=2, pages=1_000))
        # The sitemap of the server is written when it starts, so its two pages are at depth 1 too.
        assert {name for name in added(near) if name.startswith("page")} == {f"page{n}.html" for n in range(1, 5)}
        crawled(start, state)
        cut = crawled(start, state, CrawlLimits(depth=20, pages=10))
        assert not [step for step in cut if step.removed] and state.is_complete


def test_a_page_that_fails_keeps_its_documents() -> None:
    site, state = site_of(3), SiteState()
    with running(site) as address:
        crawled(f"{address}/docs/", state)
        site.answer = lambda path: (503, "text/html", b"", {}) if "page1" in path else type(site).answer(site, path)  # type: ignore[method-assign]
        steps = crawled(f"{address}/docs/", state)
        assert not [step for step in steps if step.removed]
        assert [step.address.rpartition("/")[2] for step in steps if step.error and "page" in step.address] == [
            "page1.html"
        ]


@pytest.mark.parametrize(
    ("robots", "is_read"), [(404, True), (403, True), (500, False), ("User-agent: *\nDisallow: /", False)]
)
def test_a_site_is_read_if_its_rules_allow_it(robots: str | int, is_read: bool) -> None:
    site = site_of(1)
    site.robots = robots
    with running(site) as address:
        if is_read:
            assert "page1.html" in added(crawled(f"{address}/docs/", SiteState()))
        else:
            with pytest.raises(UnreadableSource, match="forbids"):
                crawled(f"{address}/docs/", SiteState())
            assert set(site.requests) == {"/docs/", "/robots.txt"}


def test_the_pause_is_the_longer_of_the_own_one_and_that_of_the_site() -> None:
    site, waits = site_of(1), Waits()
    site.robots = "User-agent: pincite\nCrawl-delay: 2\nUser-agent: *\nCrawl-delay: 9"
    with running(site) as address:
        list(
            SiteCrawl(f"{address}/docs/", SiteState(), CrawlLimits(delay=0.5), titled, only_this_machine, waits).steps()
        )
    assert set(waits) == {2.0}
    assert SiteRules("User-agent: *\nCrawl-delay: 1000").delay(0.5) == 30 and SiteRules("").delay(0.5) == 0.5


@pytest.mark.parametrize(
    "start", ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://localhost/", "http://[::1]/"]
)
def test_a_private_address_is_no_start(start: str) -> None:
    crawl = SiteCrawl(start, SiteState(), FAR, titled, wait=Waits())
    with pytest.raises(UnreadableSource, match="not a public address"):
        list(crawl.steps())


def test_what_is_no_web_address_is_refused() -> None:
    for start in ("ftp://example.org/", "file:///etc/passwd", "http://ann:x@example.org/", ""):
        with pytest.raises(InvalidInput):
            SiteCrawl(start, SiteState(), FAR, titled)


@pytest.mark.parametrize(
    ("link", "plain"),
    [("a/../b", "http://example.org/c/b"), ("?q=ä b", "http://example.org/c/?q=%C3%A4%20b"), ("//x.org", "http://x.org/"),
     ("HTTP://EXAMPLE.ORG:80", "http://example.org/"), ("https://bücher.example/", "https://xn--bcher-kva.example/"),
     ("http://a@b/", None), ("http://x:99999/", None), ("x" * 3_000, None), ("http://[::1", None), ("data:,x", None)],
)  # fmt: skip
def test_addresses_have_one_form(link: str, plain: str | None) -> None:
    assert plain_address(link, "http://example.org/c/") == plain


def test_a_page_says_what_may_be_followed() -> None:
    text = '<base href="/b/"><a href=x>x<a href="y" rel="nofollow">y<area href="z"><a>no<a href="x#top">'
    assert links_of(text.encode(), "http://e.org/", {}).addresses == ("http://e.org/b/x", "http://e.org/b/z")
    none = links_of(b'<meta name=ROBOTS content="NoFollow, noindex"><a href=x>', "http://e.org/", {})
    assert none.addresses == () and not none.is_indexed
    assert not links_of(b"<a href=x>", "http://e.org/", {"x-robots-tag": "none"}).is_indexed
    assert links_of(b"\xff<a href='\xff'><", "http://e.org/", {}).is_indexed


def test_a_site_map_is_read_without_a_parser_of_entities() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><urlset><loc> http://e.org/a?b=1&amp;c=2 </loc><loc>&a;</loc></urlset>'
    assert sitemap_addresses(bomb) == (["http://e.org/a?b=1&c=2"], False)
    index = b"<sitemapindex><sitemap><loc><![CDATA[http://e.org/s.xml]]></loc></sitemap></sitemapindex>"
    assert sitemap_addresses(index) == (["http://e.org/s.xml"], True)
    assert sitemap_addresses(b"\x1f\x8bnot packed") == ([], False)


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    (tmp_path / "crawls.json").write_text('{"schema": "other"}')
    with pytest.raises(InvalidInput, match="Delete the file"):
        CrawlFile(tmp_path / "crawls.json").state("http://e.org/")


def test_an_index_follows_its_site(tmp_path: Path, embedder: "Embedder") -> None:
    site, index = site_of(2), tmp_path / "index"
    with running(site) as address:
        start = f"{address}/docs/"

        def crawl() -> "dict[str, list[str]]":
            report = crawl_into(index, start, FAR, {}, load, only_this_machine, Waits())
            names = ("added", "updated", "unchanged", "removed")
            return {name: sorted(item.rpartition("/")[2] for item in getattr(report, name)) for name in names}

        first = crawl()
        assert {"page1.html", "page2.html", "unlinked.html"} <= set(first["added"])
        opened = Index.open(index)
        document = opened.document(f"{start}page1.html")
        assert document is not None and document.title == "Page 1" and document.metadata["uri"] == document.id
        assert "Not to be indexed" not in str([opened.document(item.id) for item in opened.documents()])
        opened.close()
        site.pages["/docs/page1.html"] = page(1).replace("harbour", "lighthouse")
        del site.pages["/docs/unlinked.html"]
        second = crawl()
        assert (second["updated"], second["removed"]) == (["page1.html"], ["page2.html", "unlinked.html"])
        assert not second["added"] and (index / "crawls.json").is_file()
