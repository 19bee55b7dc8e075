"""Reads robots.txt as RFC 9309 says, and lists the addresses of site maps."""

import html
import re
import zlib
from typing import TYPE_CHECKING

from rag.core.errors import ExtraNotInstalled
from rag.loading.sites.addresses import SiteScope, plain_address

if TYPE_CHECKING:
    from protego import Protego

ROBOT_NAME = "pincite"
MAX_ROBOTS_BYTES = 500_000
MAX_DELAY_SECONDS = 30.0
"""The longest pause between two requests that a site can ask for."""
MAX_SITEMAP_BYTES = 50_000_000
LOCATION = re.compile(r"<(?:\w+:)?loc>\s*(?:<!\[CDATA\[)?\s*([^<\]]+?)\s*(?:\]\]>)?\s*</(?:\w+:)?loc>", re.IGNORECASE)
IS_INDEX = re.compile(r"<(?:\w+:)?sitemapindex[\s>]", re.IGNORECASE)


class SiteRules:
    """What a site allows: its robots.txt, everything if it has none, nothing if it could not be read."""

    def __init__(self, text: str | None) -> None:
        """Read the rules; None stands for a robots.txt that the server could not give, which forbids everything."""
        self._rules = _parsed("User-agent: *\nDisallow: /" if text is None else text)

    def allows(self, address: str) -> bool:
        """Tell whether a page may be read."""
        return bool(self._rules.can_fetch(address, ROBOT_NAME))

    def delay(self, seconds: float) -> float:
        """Return the pause between two requests: the longer of `seconds` and the pause that the site asks for."""
        return max(seconds, min(MAX_DELAY_SECONDS, self._rules.crawl_delay(ROBOT_NAME) or 0.0))

    def sitemaps(self, scope: SiteScope) -> list[str]:
        """Return the addresses of site maps on the host of the site, the usual one if none is named."""
        named = [plain_address(address) for address in self._rules.sitemaps]
        own = [address for address in named if address is not None and address.startswith(f"{scope.origin}/")]
        return own or [f"{scope.origin}/sitemap.xml"]


def sitemap_addresses(data: bytes) -> tuple[list[str], bool]:
    """Return the addresses in a site map, and whether they are those of more site maps.

    No parser of XML reads it: nothing is needed of it but the text of one element.
    """
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data)
    text = data.decode("utf-8", "replace")
    addresses = (plain_address(html.unescape(match[1])) for match in LOCATION.finditer(text))
    return [address for address in addresses if address is not None], bool(IS_INDEX.search(text[:10_000]))


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MAX_SITEMAP_BYTES)
    except zlib.error:
        return b""


def _parsed(text: str) -> "Protego":
    try:
        from protego import Protego
    except ImportError:
        what = "The library that reads robots.txt is not installed."
        raise ExtraNotInstalled(what, "Install it: pip install 'pincite-slim[crawl]'") from None
    return Protego.parse(text)
