"""Reads a site page by page: what robots.txt allows, politely, and only what has changed since the last time."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rag.core.errors import InvalidInput, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.formats.markup.web import (
    REDIRECTS,
    IpAddress,
    WebAnswer,
    WebQuestion,
    documents_of,
    fetched,
    is_public,
    refusal_of,
)
from rag.loading.media_types import SUFFIX_OF_MEDIA_TYPE
from rag.loading.sites.addresses import SiteScope, plain_address
from rag.loading.sites.crawl_file import CrawledPage, SiteState
from rag.loading.sites.links import PageLinks, links_of
from rag.loading.sites.robots import MAX_ROBOTS_BYTES, SiteRules, sitemap_addresses
from rag.loading.sources import Source

MAX_SITEMAPS = 50
MAX_START_REDIRECTS = 5
MAX_PAGE_BYTES = 5_000_000
"""Of one page or document of a site."""
GONE = (404, 410)
HTML_KINDS = ("text/html", "application/xhtml+xml")
Load = Callable[[Source], Iterator[Document | LoadError]]


@dataclass(frozen=True)
class CrawlLimits:
    """How far a crawl goes: steps from the start, addresses in all, and the pause between two requests."""

    depth: int = 5
    pages: int = 500
    delay: float = 0.5


@dataclass(frozen=True)
class CrawlStep:
    """What one address gave: documents to add, ids of documents to remove, or an error."""

    address: str
    documents: tuple[Document, ...] = ()
    removed: tuple[str, ...] = ()
    error: LoadError | None = None
    is_unchanged: bool = False


class SiteCrawl:
    """One crawl of a site. It changes `state` as it goes; who stores it then can go on from there after a stop."""

    def __init__(
        self,
        start: str,
        state: SiteState,
        limits: CrawlLimits,
        load: Load,
        allowed: Callable[[IpAddress], bool] = is_public,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read nothing yet. Raises InvalidInput if `start` is no web address."""
        address = plain_address(start)
        if address is None:
            raise InvalidInput(f"{start} is no plain web address.", "Give one like https://example.org/docs/.")
        self.start, self.state, self._limits, self._load = address, state, limits, load
        self._allowed, self._wait = allowed, wait
        self._pending: deque[tuple[str, int]] = deque()
        self._met: set[str] = set()
        self.is_cut = False

    def steps(self) -> Iterator[CrawlStep]:
        """Yield the result of each address of the site, and at the end the addresses that no longer belong to it.

        Raises UnreadableSource if the site cannot be reached, or does not allow the start to be read.
        """
        self._scope, self._rules = self._begin()
        if not self._rules.allows(self.start):
            raise UnreadableSource(f"The robots.txt of {self._scope.origin} forbids {self.start}.", "Ask its owner.")
        if self.state.is_complete:
            self.state.run, self.state.is_complete = secrets.token_hex(8), False
        self._add([self.start], 0)
        self._add(self._sitemap(), 1)
        visited = 0
        while self._pending:
            address, depth = self._pending.popleft()
            if not self._rules.allows(address):
                continue
            if visited >= self._limits.pages:
                self.is_cut = True
                break
            visited += 1
            yield from self._visited(address, depth)
        if not self.is_cut:
            yield from self._no_longer_there()
        self.state.is_complete = True

    def _begin(self) -> tuple[SiteScope, SiteRules]:
        """Follow the redirects of the start, which may lead to another host, and read the rules of that."""
        for _ in range(MAX_START_REDIRECTS + 1):
            answer = fetched(self.start, self._allowed, WebQuestion(follows=False, is_read=lambda kind: False))
            target = plain_address(answer.headers.get("location", ""), self.start)
            if answer.status not in REDIRECTS or target is None:
                scope = SiteScope.below(self.start)
                return scope, SiteRules(self._robots(scope))
            self.start = target
        raise UnreadableSource(f"{self.start} redirects without end.", "Give the last address.")

    def _robots(self, scope: SiteScope) -> str | None:
        try:
            answer = fetched(f"{scope.origin}/robots.txt", self._allowed, WebQuestion(max_bytes=MAX_ROBOTS_BYTES))
        except UnreadableSource:
            return None
        if answer.status == 200:
            return answer.data.decode("utf-8", "replace")
        return "" if 400 <= answer.status < 500 else None

    def _sitemap(self) -> list[str]:
        """Return the addresses of the site that its site maps list, as many as may be read at most."""
        pending: list[str] = self._rules.sitemaps(self._scope)
        pages: list[str] = []
        for number, address in enumerate(pending):
            if number >= MAX_SITEMAPS or len(pages) >= self._limits.pages or not self._rules.allows(address):
                break
            try:
                answer = self._asked(address, WebQuestion(follows=False))
            except UnreadableSource:
                continue
            addresses, are_sitemaps = sitemap_addresses(answer.data)
            if are_sitemaps:
                pending += [item for item in addresses if item.startswith(f"{self._scope.origin}/")]
            else:
                pages += addresses
        return pages[: self._limits.pages]

    def _visited(self, address: str, depth: int) -> Iterator[CrawlStep]:
        known = self.state.pages.get(address)
        if known is not None and known.run == self.state.run:  # read before the crawl was stopped
            self._add(known.links, depth + 1)
            return
        try:
            yield self._read(address, depth, known)
        except UnreadableSource as error:  # it may be there the next time, so its documents stay
            if known is not None:
                self._keep(address, known, depth)
            yield CrawlStep(address, error=error)

    def _read(self, address: str, depth: int, known: CrawledPage | None) -> CrawlStep:
        answer = self._asked(address, WebQuestion(_conditions(known), False, _is_document, MAX_PAGE_BYTES))
        if answer.status in REDIRECTS:
            target = plain_address(answer.headers.get("location", ""), address)
            self._add([target] if target else [], depth)
            return self._replaced(address, depth, known, PageLinks(), ())
        if answer.status == 304 and known is not None:
            self._keep(address, known, depth)
            return CrawlStep(address, is_unchanged=True)
        if answer.status in GONE:
            self.state.pages.pop(address, None)
            removed = known.document_ids if known is not None else ()
            return CrawlStep(address, removed=removed, error=None if removed else refusal_of(answer))
        if answer.status != 200:
            raise refusal_of(answer)
        return self._changed(address, depth, known, answer)

    def _changed(self, address: str, depth: int, known: CrawledPage | None, answer: WebAnswer) -> CrawlStep:
        is_page = answer.kind in HTML_KINDS
        links = links_of(answer.data, address, answer.headers) if is_page else PageLinks()
        items = (
            list(documents_of(answer, address, self._load)) if links.is_indexed and _is_document(answer.kind) else []
        )
        documents = tuple(item for item in items if isinstance(item, Document))
        self._add(links.addresses, depth + 1)
        step = self._replaced(address, depth, known, links, documents)
        marks = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
        self.state.pages[address] = replace(self.state.pages[address], etag=marks[0], changed=marks[1])
        return replace(step, error=next((item for item in items if isinstance(item, LoadError)), None))

    def _replaced(
        self, address: str, depth: int, known: CrawledPage | None, links: PageLinks, documents: tuple[Document, ...]
    ) -> CrawlStep:
        document_ids = tuple(document.id for document in documents)
        inside = tuple(link for link in links.addresses if self._scope.is_page(link))
        self.state.pages[address] = CrawledPage(self.state.run, depth, links=inside, document_ids=document_ids)
        before = known.document_ids if known is not None else ()
        return CrawlStep(address, documents, tuple(item for item in before if item not in document_ids))

    def _keep(self, address: str, known: CrawledPage, depth: int) -> None:
        self.state.pages[address] = replace(known, run=self.state.run, depth=depth)
        self._add(known.links, depth + 1)

    def _no_longer_there(self) -> Iterator[CrawlStep]:
        for address in [address for address, page in self.state.pages.items() if page.run != self.state.run]:
            removed = self.state.pages.pop(address).document_ids
            if removed:
                yield CrawlStep(address, removed=removed)

    def _add(self, addresses: "list[str] | tuple[str, ...]", depth: int) -> None:
        """Note addresses of the site that were not met yet, the nearest to the start first."""
        if depth > self._limits.depth:
            return
        for address in addresses:
            if address not in self._met and self._scope.is_page(address):
                self._met.add(address)
                self._pending.append((address, depth))

    def _asked(self, address: str, question: WebQuestion) -> WebAnswer:
        self._wait(self._rules.delay(self._limits.delay))
        return fetched(address, self._allowed, question)


def _conditions(known: CrawledPage | None) -> dict[str, str]:
    """Return the headers that ask for a page only if it has changed."""
    if known is None:
        return {}
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.changed}
    return {name: value for name, value in conditions.items() if value and value.isprintable()}


def _is_document(kind: str) -> bool:
    return kind in SUFFIX_OF_MEDIA_TYPE and not kind.startswith("image/") and kind != "application/zip"
