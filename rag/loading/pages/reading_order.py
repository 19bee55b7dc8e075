"""Puts the lines that were recognised in a picture in the order in which people read them: columns, rows, cells."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median

from rag.core.types import RecognizedRange
from rag.loading.formats.paged.pdf_lines import COLUMN_WIDTH, MAX_COLUMN_SPACES, MIN_COLUMN_GAP, PdfLine
from rag.loading.pages.recognition import RecognizedLine, RecognizedWord

MIN_COLUMN_LINES = 4
"""Lines of a column of prose, at least; fewer may be the cells of a table."""
MIN_COLUMN_LETTERS = 12
"""Letters that half of the lines of a column have at least."""
MAX_SPANNING_SHARE = 0.4
"""Share of the lines that may cross the gap between two columns: headings, and text above or below them."""
MIN_LARGE_RATIO = 1.4
"""Height of a line over the usual one from which it is a heading: heights in a picture are rough."""
USUAL_SIZE = 10.0
"""Size, in points, of the letters of most lines."""
SIDE_PARTS = 10_000
"""Parts that the sides of a page are divided into for the boxes of words."""
BROKEN_WORD = "\ufffe"
"""Sign of a word that goes on in the next line; pdfium gives it too."""


@dataclass(frozen=True)
class _Row:
    """A line, or several side by side, in coordinates in which lines are level; `y` grows downwards."""

    lines: tuple[RecognizedLine, ...]
    left: float
    right: float
    bottom: float
    height: float

    @property
    def top(self) -> float:
        return self.bottom - self.height


def ordered_lines(lines: Sequence[RecognizedLine], size: tuple[int, int], points: tuple[float, float]) -> list[PdfLine]:
    """Return the lines of a picture of `size` pixels, on a page of `points`, as those of a PDF page are given."""
    if not lines:
        return []
    angle = _angle(lines)
    usual = median(line.height for line in lines)
    rows = [row for column in _columns([_levelled(line, angle) for line in lines]) for row in _rows(column)]
    scale = points[1] / size[1]
    return _with_broken_words([_pdf_line(row, usual, size, points, scale) for row in rows])


def _angle(lines: Sequence[RecognizedLine]) -> float:
    """Return the angle by which a scan is turned, from its longer lines."""
    longest = sorted(lines, key=lambda line: line.left[0] - line.right[0])[: max(1, len(lines) // 2)]
    return median(math.atan2(line.right[1] - line.left[1], line.right[0] - line.left[0]) for line in longest)


def _levelled(line: RecognizedLine, angle: float) -> _Row:
    (left, bottom), (right, _) = (_turned(point, -angle) for point in (line.left, line.right))
    return _Row((line,), left, right, bottom, max(line.height, 1.0))


def _turned(point: tuple[float, float], angle: float) -> tuple[float, float]:
    x, y = point
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _columns(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """Yield the rows of each column, also of columns between lines that span them."""
    gap = _column_gap(rows)
    if gap is None:
        yield sorted(rows, key=lambda row: row.bottom)
        return
    by_height = sorted(rows, key=lambda row: (row.top + row.bottom) / 2)
    for spans, band in groupby(by_height, key=lambda row: row.left < gap < row.right):
        members = list(band)
        if spans:
            yield members
        else:
            yield from _columns([row for row in members if row.right <= gap])
            yield from _columns([row for row in members if row.left >= gap])


def _column_gap(rows: Sequence[_Row]) -> float | None:
    """Return where a gap between two columns of prose lies that the fewest lines cross, None if there is none."""
    best: tuple[int, float] | None = None
    for x in sorted({row.left - 0.5 for row in rows}):
        left, right = [row for row in rows if row.right <= x], [row for row in rows if row.left >= x]
        crossing = len(rows) - len(left) - len(right)
        if crossing > MAX_SPANNING_SHARE * len(rows) or not (_is_prose(left) and _is_prose(right)):
            continue
        if _share_height(left, right) and (best is None or crossing < best[0]):
            best = crossing, x
    return None if best is None else best[1]


def _is_prose(rows: Sequence[_Row]) -> bool:
    if len(rows) < MIN_COLUMN_LINES:
        return False
    return median(sum(len(line.text) for line in row.lines) for row in rows) >= MIN_COLUMN_LETTERS


def _share_height(left: Sequence[_Row], right: Sequence[_Row]) -> bool:
    """Tell if two groups stand side by side, and not one below the other."""
    sides = (left, right)
    top = max(min(row.top for row in side) for side in sides)
    return top < min(max(row.bottom for row in side) for side in sides)


def _rows(column: Sequence[_Row]) -> Iterator[_Row]:
    """Yield the rows from the top down, with the lines that stand side by side in one row."""
    pending: list[_Row] = []
    for row in sorted(column, key=lambda item: (item.top + item.bottom) / 2):
        if pending and not _is_beside(pending, row):
            yield _joined(pending)
            pending = []
        pending.append(row)
    if pending:
        yield _joined(pending)


def _is_beside(row: Sequence[_Row], other: _Row) -> bool:
    first = row[0]
    shared = min(first.bottom, other.bottom) - max(first.top, other.top)
    slack = 0.3 * first.height
    apart = all(other.left >= item.right - slack or other.right <= item.left + slack for item in row)
    return apart and shared > 0.5 * min(first.height, other.height)


def _joined(rows: Sequence[_Row]) -> _Row:
    ordered = sorted(rows, key=lambda row: row.left)
    return _Row(
        tuple(line for row in ordered for line in row.lines),
        ordered[0].left,
        max(row.right for row in ordered),
        median(row.bottom for row in ordered),
        max(row.height for row in ordered),
    )


def _pdf_line(row: _Row, usual: float, size: tuple[int, int], points: tuple[float, float], scale: float) -> PdfLine:
    text, words = "", list[RecognizedRange]()
    origin = row.lines[0].left[0]
    end = origin
    for line in row.lines:
        if text:
            text += " " * _spaces(line.left[0] - end, line.left[0] - origin, line.height, len(text))
        words += [_range(word, len(text), size) for word in line.words]
        text, end = text + line.text, line.right[0]
    ratio = row.height / usual
    letters = USUAL_SIZE * (round(2 * ratio) / 2 if ratio >= MIN_LARGE_RATIO else 1.0)
    bottom = points[1] - scale * row.bottom
    top = bottom + scale * row.height
    return PdfLine(text, letters, bottom, bottom, scale * row.left, top, recognized=tuple(words))


def _spaces(gap: float, distance: float, height: float, length: int) -> int:
    """Return how many spaces stand for a gap: one between words, more between the cells of a table."""
    if gap < MIN_COLUMN_GAP * height:
        return 1
    return min(max(2, round(distance / (COLUMN_WIDTH * height)) - length), MAX_COLUMN_SPACES)


def _range(word: RecognizedWord, offset: int, size: tuple[int, int]) -> RecognizedRange:
    left, top, right, bottom = word.box
    x, y = _share(left, size[0]), _share(top, size[1])
    return (
        offset + word.start,
        offset + word.end,
        round(100 * word.confidence),
        x,
        y,
        _share(right, size[0]) - x,
        _share(bottom, size[1]) - y,
    )


def _share(pixels: float, side: int) -> int:
    return round(SIDE_PARTS * min(max(pixels / side, 0.0), 1.0))


def _with_broken_words(lines: Sequence[PdfLine]) -> list[PdfLine]:
    """Return the lines; one whose last word is broken by a hyphen goes on in the next, as pdfium gives it."""
    joined: list[PdfLine] = []
    for line in lines:
        if joined and line.words[:1].isalpha() and re.search(r"[^\W\d_]-$", joined[-1].words):
            joined[-1] = _continued(joined[-1], line)
        else:
            joined.append(line)
    return joined


def _continued(line: PdfLine, other: PdfLine) -> PdfLine:
    moved = [(start + len(line.words), end + len(line.words), *rest) for start, end, *rest in other.recognized]
    words = line.words[:-1] + BROKEN_WORD + other.words
    return replace(line, words=words, end_bottom=other.end_bottom, recognized=(*line.recognized, *moved))  # type: ignore[arg-type]
