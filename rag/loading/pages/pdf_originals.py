"""Shows the PDFs and pictures that documents were read from, as long as these files are the ones that were indexed."""

import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rag.core.errors import InvalidInput, UnreadableSource
from rag.core.types import Document, Span
from rag.loading.isolation.pdf_process import PdfProcess
from rag.loading.pages.pdf_pages import FORMATS_WITH_PAGES, Box, PagePlaces, PageText, PdfFileState, file_state
from rag.loading.pages.picture_pages import recognized_boxes
from rag.loading.sources import UPLOADS, source_sha256

MIN_PICTURE_WIDTH, MAX_PICTURE_WIDTH = 100, 2_400
"""Pixels."""
MAX_CACHED_BYTES = 64_000_000
MAX_CACHED_HASHES = 1_000
NEIGHBOUR_PAGES = 20
"""Pages before and after a quotation whose sizes are returned with it."""
MAX_MARKED_PAGES = 20
"""Pages of one quotation on which it is marked."""
COSTLY_SECONDS = 5.0
"""A request that failed after so long is not tried again for some time."""
FAILURE_SECONDS = 600.0
NOT_THE_SAME = "The text is shown as it was indexed. Index the file again to see its pages."
Result = TypeVar("Result")


class PdfOriginals:
    """Draws pages and finds words on them; keeps pictures, and hashes of files until they change."""

    def __init__(self, process: PdfProcess | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start nothing yet."""
        self._process, self._clock, self._lock = process or PdfProcess(), clock, threading.Lock()
        self._hashes: OrderedDict[tuple[str, PdfFileState], str] = OrderedDict()
        self._pictures: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._failures: OrderedDict[tuple[object, ...], tuple[float, UnreadableSource]] = OrderedDict()

    def file(self, document: Document, index: Path) -> Path:
        """Return the PDF that a document of an index was read from.

        Raises UnreadableSource if there is none, or if it is gone or has changed.
        """
        return self._same_file(document, index)[0]

    def places(self, document: Document, index: Path, span: Span) -> PagePlaces:
        """Return the boxes of a span of a document's text, and the sizes of its pages and those around them.

        Raises UnreadableSource as `file` does, or if the file cannot be looked into within the limits.
        """
        return self.places_of_all(document, index, [span])[0]

    def places_of_all(self, document: Document, index: Path, spans: Sequence[Span]) -> list[PagePlaces]:
        """Return what `places` does for each span, by one request to the process. Raises UnreadableSource."""
        path, state = self._same_file(document, index)
        numbers = [_page_numbers(document, span.start, span.end) for span in spans]
        pairs = list(zip(spans, numbers, strict=True))
        recognized = [_recognized_pages(document, span, own) for span, own in pairs]
        groups = [
            [text for text in _page_texts(document, span, own) if text.number not in boxes]
            for (span, own), boxes in zip(pairs, recognized, strict=True)
        ]
        low, high = min(own.start for own in numbers), max(own.stop for own in numbers)
        listed = range(low - NEIGHBOUR_PAGES, high + NEIGHBOUR_PAGES)
        key = (document.source_sha256, document.text_sha256, *spans)
        places = self._tried(key, lambda: self._process.places_of_groups(path, state, groups, listed))
        return [
            replace(own, boxes=dict(sorted({**own.boxes, **boxes}.items())))
            for own, boxes in zip(places, recognized, strict=True)
        ]

    def picture(self, document: Document, index: Path, number: int, width: int, marks: Sequence[Box] = ()) -> bytes:
        """Return a page as a PNG, its marks tinted. Raises UnreadableSource as `places` does."""
        path, state = self._same_file(document, index)
        width = max(MIN_PICTURE_WIDTH, min(width, MAX_PICTURE_WIDTH))
        key = (document.source_sha256, number, width, tuple(marks))
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        picture = self._tried(key, lambda: self._process.picture(path, state, number, width, marks))
        with self._lock:
            self._pictures[key] = picture
            while sum(map(len, self._pictures.values())) > MAX_CACHED_BYTES:
                self._pictures.popitem(last=False)
        return picture

    def _tried(self, key: tuple[object, ...], work: Callable[[], Result]) -> Result:
        """Return the result of `work`. If it failed after a long time, fail at once for a while."""
        begun = self._clock()
        with self._lock:
            until, failure = self._failures.get(key, (0.0, None))
        if failure is not None and begun < until:
            raise UnreadableSource(failure.message, failure.remedy)
        try:
            return work()
        except UnreadableSource as error:
            if self._clock() - begun >= COSTLY_SECONDS:
                with self._lock:
                    self._failures[key] = (self._clock() + FAILURE_SECONDS, error)
                    while len(self._failures) > MAX_CACHED_HASHES:
                        self._failures.popitem(last=False)
            raise

    def _same_file(self, document: Document, index: Path) -> tuple[Path, PdfFileState]:
        name = document.source_path or ""
        if not has_pages(document) or not document.source_sha256:
            raise UnreadableSource("The document was not read from a PDF file or a picture.", "")
        there = [path for path in _candidates(name, index) if path.is_file()]
        for path in there:
            try:
                state = file_state(path)
                if self._sha256(path, state) == document.source_sha256:
                    return path, state
            except OSError:
                continue
        if there:
            raise UnreadableSource(f"{Path(name).name} has changed since it was indexed.", NOT_THE_SAME)
        if any(parent.is_file() for parent in Path(name).parents):
            raise UnreadableSource(f"{Path(name).name} lies inside another file, so its pages cannot be drawn.", "")
        raise UnreadableSource(f"{Path(name).name} is not where it was when it was indexed.", NOT_THE_SAME)

    def _sha256(self, path: Path, state: PdfFileState) -> str:
        key = (str(path), state)
        with self._lock:
            if key in self._hashes:
                return self._hashes[key]
        sha256 = source_sha256(path)
        with self._lock:
            self._hashes[key] = sha256
            while len(self._hashes) > MAX_CACHED_HASHES:
                self._hashes.popitem(last=False)
        return sha256


def _candidates(name: str, index: Path) -> Iterator[Path]:
    """Yield the paths at which a source may be.

    A relative path was stored from the working folder of that time, which is often the one that holds the index.
    """
    path, index = Path(name), index.resolve()
    yield path.absolute()
    if not path.is_absolute():
        yield index.parent / path
    if path.parent.name == UPLOADS:
        yield index / UPLOADS / path.name


def _page_numbers(document: Document, start: int, end: int) -> range:
    """Return the numbers of the pages that hold `start:end`. Raises InvalidInput for a wrong range."""
    pages, length = document.layout.pages, len(document.text)
    if not 0 <= start < end <= length:
        raise InvalidInput(f"There is no range {start}..{end} in this document.", f"It has {length:,} code points.")
    first, last = max(1, bisect_right(pages, start)), max(1, bisect_right(pages, end - 1))
    return range(first, min(last, first + MAX_MARKED_PAGES - 1) + 1)


def has_pages(document: Document) -> bool:
    """Tell if a document was read from the pages of a PDF, or from pictures."""
    return document.format in FORMATS_WITH_PAGES and bool(document.layout.pages) and bool(document.source_path)


def _recognized_pages(document: Document, span: Span, numbers: range) -> dict[int, tuple[Box, ...]]:
    pages = {number: _recognized_boxes(document, number, span.start, span.end) for number in numbers}
    return {number: boxes for number, boxes in pages.items() if boxes}


def _page_texts(document: Document, span: Span, numbers: range) -> Iterator[PageText]:
    texts = (_page_text(document, number, span.start, span.end) for number in numbers)
    return (text for text in texts if text is not None)


def _recognized_boxes(document: Document, number: int, start: int, end: int) -> tuple[Box, ...]:
    """Return the boxes of the words of `start:end` that were recognised on a page."""
    low, high = _page_range(document, number)
    return recognized_boxes(document.layout.recognized_in(max(start, low), min(end, high)))


def _page_range(document: Document, number: int) -> tuple[int, int]:
    pages = document.layout.pages
    return pages[number - 1], pages[number] if number < len(pages) else len(document.text)


def _page_text(document: Document, number: int, start: int, end: int) -> PageText | None:
    """Return the stored text of a page and its part of `start:end`, None if that is blank."""
    text, (low, high) = document.text, _page_range(document, number)
    inner_start, inner_end = max(start, low), min(end, high)
    if not text[inner_start:inner_end].strip():
        return None
    return PageText(number, text[low:high], inner_start - low, inner_end - low)
