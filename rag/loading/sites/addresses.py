"""Tells which addresses belong to a site, and writes each of them in one way."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

MAX_ADDRESS_CHARACTERS = 2_000
MAX_EQUAL_SEGMENTS = 3
"""Parts of a path that may be equal: a relative link that is wrong repeats one at each step, without end."""
PORTS = {"http": 80, "https": 443}
NO_DOCUMENT = re.compile(
    r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|bmp|tiff?|mp[34]|m4[av]|ogg|wav|webm|avi|mov|woff2?|ttf|eot"
    r"|zip|gz|tgz|bz2|xz|7z|rar|iso|dmg|exe|msi|apk|deb|rpm|jar|wasm)$",
    re.IGNORECASE,
)
"""Ends of paths that are no pages and no documents."""
SAFE = "/%:@!$&'()*+,;=~-._"
"""Characters of a path that stay as they are."""


def plain_address(address: str, base: str = "") -> str | None:
    """Return an address in its one form, without its fragment; None if it is none of the web.

    >>> plain_address("../b#top", "HTTP://Example.org:80/a/c/"), plain_address("mailto:ann@example.org")
    ('http://example.org/a/b', None)
    """
    try:
        parts = urlsplit(urljoin(base, address.strip()))
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if scheme not in PORTS or not host or parts.username is not None or len(address) > MAX_ADDRESS_CHARACTERS:
        return None
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return None
    shown = f"[{name}]" if ":" in name else name
    netloc = shown if port in (None, PORTS[scheme]) else f"{shown}:{port}"
    path = quote(parts.path, SAFE) or "/"
    plain = urlunsplit((scheme, netloc, path, quote(parts.query, f"{SAFE}?"), ""))
    return plain if len(plain) <= MAX_ADDRESS_CHARACTERS else None


@dataclass(frozen=True)
class SiteScope:
    """The addresses of one site: those of one host below one path."""

    origin: str
    path: str

    @classmethod
    def below(cls, address: str) -> "SiteScope":
        """Return the scope of the folder that an address lies in.

        >>> SiteScope.below("https://example.org/docs/index.html")
        SiteScope(origin='https://example.org', path='/docs/')
        """
        parts = urlsplit(address)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.path[: parts.path.rfind("/") + 1] or "/")

    def contains(self, address: str) -> bool:
        """Tell whether an address in its one form belongs to the site."""
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}" == self.origin and parts.path.startswith(self.path)

    def is_page(self, address: str) -> bool:
        """Tell whether an address belongs to the site and may be a page or a document."""
        path = urlsplit(address).path
        segments = [segment for segment in path.split("/") if segment]
        repeats = max((segments.count(segment) for segment in set(segments)), default=0)
        return self.contains(address) and repeats <= MAX_EQUAL_SEGMENTS and not NO_DOCUMENT.search(path)
