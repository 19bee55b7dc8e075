"""Tells the running heads, feet and page numbers of a PDF from its text."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rag.loading.formats.paged.pdf_lines import PdfLine, body_size

FRAME_LINES = 2
"""Lines at the top and at the bottom of a page that may belong to its frame."""
MIN_FRAME_PAGES = 2
"""Pages that must bear a line before it belongs to the frame."""
MIN_FRAME_SHARE = 0.3
"""Share of the pages that must bear it: heads change from chapter to chapter, and from left to right pages."""
MIN_FIXED_SHARE = 0.5
"""Share of the pages whose outermost line must stand at one height, for heads that change with every section."""
MIN_FIXED_PAGES = 4
"""Pages that must have their outermost line there."""
MAX_FIXED_RATIO = 1.05
"""Size of the letters of such a head, at most, over that of the text: titles of slides stand at one height."""
MAX_FRAME_CHARACTERS = 120
MIN_FRAME_GAP = 1.5
"""Distance between frame and text, at least, over the size of the letters."""
_NUMBER = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)

_OUTER_NUMBER = re.compile(r"^\d{1,4}(?!\S)|(?<!\S)\d{1,4}$")


def frame_lines(pages: Sequence[Sequence[PdfLine]]) -> list[set[int]]:
    """Return for each page the positions of the lines that belong to its frame."""
    orders = [sorted(range(len(lines)), key=lambda i, lines=lines: -lines[i].bottom) for lines in pages]  # type: ignore[misc]
    edges = [_edges(lines, order) for lines, order in zip(pages, orders, strict=True)]
    counts = Counter(key for page in edges for key in {*page.values()})
    needed = max(MIN_FRAME_PAGES, MIN_FRAME_SHARE * sum(bool(lines) for lines in pages))
    frames = [{i for i, key in page.items() if counts[key] >= needed} for page in edges]
    fixed = [(number, i) for number, i in _fixed_lines(pages, orders) if i in edges[number]]
    numbered = _numbered_pages([(number, pages[number][i].plain_words) for number, i in fixed])
    for number, i in fixed:
        if number in numbered or counts[edges[number][i]] >= MIN_FRAME_PAGES:
            frames[number].add(i)
    return [_outermost(*page) for page in zip(pages, orders, frames, strict=True)]


def _edges(lines: Sequence[PdfLine], order: Sequence[int]) -> dict[int, tuple[bool, str]]:
    """Return the highest and lowest lines by their position, each with its words without figures."""
    top = order[: min(FRAME_LINES, len(order) - 1)] if order else []
    places = {**dict.fromkeys(order[-FRAME_LINES:], False), **dict.fromkeys(top, True)}
    short = ((i, is_top) for i, is_top in places.items() if len(lines[i].plain_words) <= MAX_FRAME_CHARACTERS)
    return {i: (is_top, _NUMBER.sub("#", lines[i].plain_words).casefold()) for i, is_top in short}


def _fixed_lines(pages: Sequence[Sequence[PdfLine]], orders: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield number of the page and position of the outermost lines that stand at one height on most pages.

    The first line of the text stands at one height too, but no gap follows it.
    """
    usual_size = body_size(pages)
    for is_top in (True, False):
        outermost = {
            number: order[0 if is_top else -1]
            for number, order in enumerate(orders)
            if len(order) > 1 and _stands_apart(pages[number], order, is_top, usual_size)
        }
        heights = Counter(round(pages[number][i].bottom) for number, i in outermost.items())
        needed = max(MIN_FIXED_PAGES, MIN_FIXED_SHARE * sum(bool(lines) for lines in pages))
        for number, i in outermost.items():
            height = round(pages[number][i].bottom)
            if heights[height - 1] + heights[height] + heights[height + 1] >= needed:
                yield number, i


def _numbered_pages(heads: Sequence[tuple[int, str]]) -> set[int]:
    """Return the pages whose head or foot begins or ends with their number: most numbers are as far from the index."""
    numbers = [(page, int(match)) for page, words in heads for match in _OUTER_NUMBER.findall(words)]
    distances = Counter(number - page for page, number in numbers)
    usual, count = distances.most_common(1)[0] if distances else (0, 0)
    return {page for page, number in numbers if number - page == usual} if count >= MIN_FIXED_PAGES else set()


def _stands_apart(lines: Sequence[PdfLine], order: Sequence[int], is_top: bool, usual_size: float) -> bool:
    """Tell if the outermost line of a page has a gap beside it, and no larger letters than the text: it is no title."""
    size = lines[order[0 if is_top else -1]].size
    return size <= MAX_FIXED_RATIO * usual_size and _is_gap(lines, order, 1 if is_top else len(order) - 1)


def _outermost(lines: Sequence[PdfLine], order: Sequence[int], frame: set[int]) -> set[int]:
    """Return the lines of the frame with no text outside them, and with a gap between them and the text."""
    top, bottom = 0, len(order)
    while top < len(order) and order[top] in frame:
        top += 1
    while bottom > top and order[bottom - 1] in frame:
        bottom -= 1
    head = order[:top] if top < len(order) and _is_gap(lines, order, top) else order[:0]
    foot = order[bottom:] if 0 < bottom < len(order) and _is_gap(lines, order, bottom) else order[:0]
    return {*head, *foot}


def _is_gap(lines: Sequence[PdfLine], order: Sequence[int], rank: int) -> bool:
    above, below = lines[order[rank - 1]], lines[order[rank]]
    return above.bottom - below.bottom >= MIN_FRAME_GAP * min(above.size, below.size)
