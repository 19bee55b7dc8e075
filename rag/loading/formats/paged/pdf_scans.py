"""Tells the pages of a PDF that are pictures from those that have text, and reads the words of these pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from rag.core.errors import EmptyDocument
from rag.core.types import RecognizedRange
from rag.loading.formats.paged.pdf_lines import PageLines, PdfLine, body_size, is_white
from rag.loading.isolation.heartbeat import report_alive
from rag.loading.pages.reading_order import USUAL_SIZE, ordered_lines
from rag.loading.pages.recognition import MAX_PICTURE_SECONDS, MAX_PICTURE_SIDE, Recognizer, recognizer, unread_remedy
from rag.loading.sources import Source

MIN_PICTURE_SHARE = 0.7
"""Share of the page that a picture covers if it is a scan."""
MAX_STAMP_LETTERS = 100
"""Letters of text on a scan that came from a program: a stamp, a page number."""
MAX_PAGE_OBJECTS = 10_000
MAX_RECOGNIZED_PAGES = 2_000
"""Pages of one file that are recognised; each takes seconds."""
_UNCOUNTED = frozenset("-\ufffe\0")


@dataclass(frozen=True)
class ScannedPages:
    """What became of the pages of a PDF that are pictures, by number, and how many lines are too unsure to be text."""

    unread: tuple[int, ...] = ()
    without_words: tuple[int, ...] = ()
    unsure_count: int = 0


def with_scans(pdf: Any, pages: Sequence[PageLines], source: Source) -> tuple[list[list[PdfLine]], ScannedPages]:
    """Return the lines of all pages; those of pictures are recognised if there is an engine for it.

    Raises UnreadableSource if the settings name an engine that cannot be used.
    """
    lines = [page.lines for page in pages]
    scans = [i for i in range(len(pages)) if is_scan(pdf, i, lines[i])]
    recognize = recognizer(source) if scans else None
    readable = scans[:MAX_RECOGNIZED_PAGES] if recognize else []
    size, without_words, unsure_count = body_size(lines) or USUAL_SIZE, list[int](), 0
    for i in readable:
        assert recognize is not None
        report_alive(MAX_PICTURE_SECONDS)
        recognized, unsure = _recognized(pdf, i, recognize)
        unsure_count += unsure
        if _letter_count(recognized) > _letter_count(lines[i]):
            lines[i] = [replace(line, size=line.size * size / USUAL_SIZE) for line in recognized]
        elif not lines[i]:
            without_words.append(i + 1)
    unread = tuple(i + 1 for i in scans[len(readable) :])
    return lines, ScannedPages(unread, tuple(without_words), unsure_count)


def is_scan(pdf: Any, index: int, lines: Sequence[PdfLine]) -> bool:
    """Tell if a page is a picture of text: it shows something and has no text, or a picture covers nearly all of it."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    if _letter_count(lines) > MAX_STAMP_LETTERS:
        return False
    page = pdf[index]
    try:
        objects = [item for item in islice(page.get_objects(max_depth=3), MAX_PAGE_OBJECTS) if _is_drawn(item)]
        if not lines:
            return bool(objects)
        area = max(page.get_width() * page.get_height(), 1.0)
        sides = [item.get_bounds() for item in objects if item.type == FPDF_PAGEOBJ_IMAGE]
        return any((right - left) * (top - bottom) >= MIN_PICTURE_SHARE * area for left, bottom, right, top in sides)
    finally:
        page.close()


def _is_drawn(item: Any) -> bool:
    from pypdfium2.raw import FPDF_PAGEOBJ_FORM, FPDF_PAGEOBJ_TEXT

    return item.type not in (FPDF_PAGEOBJ_TEXT, FPDF_PAGEOBJ_FORM) and not is_white(item)


def unread_error(source: Source, unread: Sequence[int], count: int) -> EmptyDocument:
    """Return the error that names the pages that were not read, with what to do about it."""
    several = len(unread) > 1
    pages = f"page{'s' * several} {page_ranges(unread)} of {count}"
    verb = "are pictures" if several else "is a picture"
    return EmptyDocument(f"{source.name}: {pages} {verb} without text.", unread_remedy(source))


def page_ranges(numbers: Sequence[int]) -> str:
    """Return `1, 3-5` for 1, 3, 4, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def words_of_block(block: Sequence[PdfLine], text: str) -> Iterator[RecognizedRange]:
    """Yield the recognised words of the lines of a block with their places in its `text`.

    The text has the letters of the lines in their order; it may differ from them in hyphens and white space.
    """
    if not any(line.recognized for line in block):
        return
    places = [i for i, letter in enumerate(text) if _counts(letter)]
    counted = 0
    for line in block:
        before = _running_counts(line.words)
        for start, end, *rest in line.recognized:
            first, last = counted + before[start], counted + before[end] - 1
            if first <= last < len(places):
                yield (places[first], places[last] + 1, *rest)  # type: ignore[misc]
        counted += before[-1]


def _running_counts(words: str) -> list[int]:
    """Return for each offset the number of counted letters before it."""
    counts = [0]
    for letter in words:
        counts.append(counts[-1] + _counts(letter))
    return counts


def _counts(letter: str) -> bool:
    return not letter.isspace() and letter not in _UNCOUNTED


def _letter_count(lines: Sequence[PdfLine]) -> int:
    return sum(_counts(letter) for line in lines for letter in line.words)


def _recognized(pdf: Any, index: int, recognize: Recognizer) -> tuple[list[PdfLine], int]:
    page = pdf[index]
    try:
        points = page.get_size()
        picture = page.render(scale=MAX_PICTURE_SIDE / max(*points, 1.0)).to_pil()
    finally:
        page.close()
    recognition = recognize(picture)
    return ordered_lines(recognition.lines, picture.size, points), recognition.unsure_count
