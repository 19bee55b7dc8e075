"""Finds the links of a page, and whether the page itself allows to be indexed and followed."""

import html.parser
from collections.abc import Mapping
from dataclasses import dataclass

from rag.loading.sites.addresses import plain_address

MAX_LINKS_OF_PAGE = 2_000
MAX_PARSED_CHARACTERS = 3_000_000


@dataclass(frozen=True)
class PageLinks:
    """The addresses that a page links to, in order; whether it may be indexed."""

    addresses: tuple[str, ...] = ()
    is_indexed: bool = True


def links_of(data: bytes, address: str, headers: Mapping[str, str]) -> PageLinks:
    """Return the links of a page at `address`. Bytes that are no text become signs that no address has."""
    parser = _LinkParser(address)
    parser.feed(data.decode("utf-8", "replace")[:MAX_PARSED_CHARACTERS])
    directives = parser.directives | _directives(headers.get("x-robots-tag", ""))
    follows = not directives & {"nofollow", "none"}
    return PageLinks(tuple(parser.addresses) if follows else (), not directives & {"noindex", "none"})


class _LinkParser(html.parser.HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._base = address
        self.addresses: dict[str, None] = {}
        self.directives: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and values.get("href"):
            self._base = plain_address(values["href"], self._base) or self._base
        elif tag == "meta" and values.get("name", "").lower() in ("robots", "pincite"):
            self.directives |= _directives(values.get("content", ""))
        elif tag in ("a", "area") and "nofollow" not in values.get("rel", "").lower().split():
            address = plain_address(values["href"], self._base) if values.get("href") else None
            if address is not None and len(self.addresses) < MAX_LINKS_OF_PAGE:
                self.addresses[address] = None


def _directives(text: str) -> set[str]:
    return {part.strip() for part in text.lower().split(",")}
