"""Reads the lines of a PDF page with their places: shown text and the values of form fields, without hidden text."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from rag.core.types import RecognizedRange

MIN_LETTER_POINTS = 1.5
"""Height of a letter's line below which nobody can read it."""
MIN_WHITE = 250
"""Red, green and blue of letters that cannot be told from paper."""
MAX_SHAPES = 500
"""Shapes of a page that may be the dark ground of white letters."""
MAX_FIELDS = 2_000
"""Form fields of a page that are read."""
MAX_COLUMN_SPACES = 200
"""Spaces between two columns: the width of a page is its author's choice."""
MIN_COLUMN_GAP = 1.2
"""Space between two words, as a share of the height of a line, from which they stand in different columns."""
COLUMN_WIDTH = 0.45
"""Width that a space stands for between columns, as a share of the height of a line."""
_LETTER = re.compile(r"[^\W_]")
SAMPLED_LETTERS = 12
"""Letters of a line, about, whose size is looked at."""
MAX_MARK_LETTERS = 6
"""Letters in which the mark of a list item is looked for, as `(12)`; the gap behind it parts no columns."""
_ITEM_MARK = re.compile(r"\s*(?:\(?\w{1,3}[.)]|\W)\s*")
# Fonts in the old encodings of TeX have ligatures and the bullet here. pdfium gives their codes without a Unicode map.
LIGATURES = {0x1B: "ff", 0x1C: "fi", 0x1D: "fl", 0x1E: "ffi", 0x1F: "ffl", 0x88: "•"}
_CHECKED_FIELDS, _VALUE_FIELDS = (2, 3), (4, 5, 6)


@dataclass(frozen=True)
class PdfLine:
    """A line of a page: its words, the size of its letters, and the places of its first and last letter, in points.

    `start` and `length` are its place in the text that pdfium gives of the page, in UTF-16 units. The words of a form
    field follow these, or stand alone with a length of 0. `recognized` are the words of a line that was read from a
    picture, with their places in `words`.
    """

    words: str
    size: float
    bottom: float
    end_bottom: float
    left: float = 0.0
    top: float = 0.0
    start: int = 0
    length: int = 0
    recognized: tuple[RecognizedRange, ...] = ()

    @property
    def plain_words(self) -> str:
        """Return the words without the spaces that part columns."""
        return " ".join(self.words.split())


@dataclass(frozen=True)
class PageLines:
    """The lines of a page in the order of the file, and how many of them are hidden."""

    lines: list[PdfLine]
    hidden_count: int = 0


def page_lines(page: Any, form: Any) -> PageLines:
    """Return the lines of a page; `form` is the form environment of the document, None if it has no form."""
    text = page.get_textpage()
    try:
        ground = _Ground(page)
        lines: list[PdfLine] = []
        hidden_count = 0
        for line, start, first, length in _text_lines(text):
            if _is_hidden(text, ground, first, length):
                hidden_count += 1
            else:
                words = _in_columns(text, line.words, start, line.top - line.bottom)
                lines.append(replace(line, words=words.strip().translate(LIGATURES)))
    finally:
        text.close()
    return PageLines(_with_fields(lines, page, form) if form is not None else lines, hidden_count)


def body_size(pages: Sequence[Sequence[PdfLine]]) -> float:
    """Return the size of most letters, 0 if there are none."""
    sizes = Counter[float]()
    for line in (line for lines in pages for line in lines):
        sizes[round(line.size, 1)] += len(line.plain_words)
    return max(sizes, key=lambda size: (sizes[size], -size), default=0.0)


def _text_lines(text: Any) -> Iterator[tuple[PdfLine, int, int, int]]:
    """Yield each line as pdfium gives it, the numbers of its start and of its first letter, and its length."""
    start = 0
    last = text.count_chars() - 1
    for words in text.get_text_range().split("\r\n"):
        if words.strip():
            size, letter = _usual_letter(text, words, start, last)
            first = min(start + len(words) - len(words.lstrip()), last)
            # A line whose last word was broken by a hyphen goes on in the next line of the page.
            end = max(first, min(start + len(words.rstrip()) - 1, last))
            left = text.get_charbox(first, loose=True)[0]
            _, bottom, _, top = text.get_charbox(letter, loose=True)
            end_bottom = text.get_charbox(end, loose=True)[1]
            # A last letter far above the first begins another column.
            end_bottom = end_bottom if end_bottom <= bottom + size else bottom
            line = PdfLine(words, size, bottom, end_bottom, left, top, start, _units(words))
            yield line, start, first, end - first + 1
        start += _units(words) + 2


def _usual_letter(text: Any, words: str, start: int, last: int) -> tuple[float, int]:
    """Return the size that most letters of a line have, and the number of the first of these.

    A bullet, a name in another font or the mark of a footnote often begins a line.
    """
    from pypdfium2.raw import FPDFText_GetFontSize

    letters = [min(start + match.start(), last) for match in _LETTER.finditer(words)]
    letters = letters[:: max(1, len(letters) // SAMPLED_LETTERS)] or [
        min(start + len(words) - len(words.lstrip()), last)
    ]
    sizes = [round(FPDFText_GetFontSize(text, letter), 2) for letter in letters]
    size = max(sizes, key=lambda item: (sizes.count(item), -sizes.index(item)))
    return size, letters[sizes.index(size)]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _in_columns(text: Any, words: str, start: int, height: float) -> str:
    """Return the words of a line with more spaces where a gap parts columns, as wide as the gap is on the page.

    pdfium gives one blank for a gap of any width, so the cells of a table could not be told apart.
    """
    from pypdfium2.raw import FPDFText_GetUnicode

    if height <= 0 or not words.replace("\xad", "-").isprintable() or any(character > "\uffff" for character in words):
        return words
    parts, length, position = [], 0, 0
    origin: float | None = None
    for match in re.finditer(" ", words):
        blank = start + match.start()
        if not 0 < match.start() < len(words) - 1:
            continue
        if match.start() <= MAX_MARK_LETTERS and _ITEM_MARK.fullmatch(words, 0, match.start()):
            continue
        if FPDFText_GetUnicode(text, blank) != ord(" "):
            continue
        if origin is None:
            origin = text.get_charbox(start)[0]
        before, after = text.get_charbox(blank - 1)[2], text.get_charbox(blank + 1)[0]
        if after - before < MIN_COLUMN_GAP * height:
            continue
        parts.append(words[position : match.start()])
        length += len(parts[-1])
        spaces = min(max(2, round((after - origin) / (COLUMN_WIDTH * height)) - length), MAX_COLUMN_SPACES)
        parts.append(" " * spaces)
        length, position = length + spaces, match.end()
    return "".join([*parts, words[position:]])


def _is_hidden(text: Any, ground: "_Ground", first: int, length: int) -> bool:
    """Tell if nobody sees a line: its first, middle and last letter are tiny, off the page, or white on white."""
    return all(_is_letter_hidden(text, ground, first + offset) for offset in {0, length // 2, length - 1})


def _is_letter_hidden(text: Any, ground: "_Ground", index: int) -> bool:
    from pypdfium2.raw import FPDFText_GetFillColor

    left, bottom, right, top = text.get_charbox(index, loose=True)
    if right <= left or top <= bottom:
        return False  # a blank that pdfium adds between words
    x, y = (left + right) / 2, (bottom + top) / 2
    if top - bottom < MIN_LETTER_POINTS or not ground.holds(x, y):
        return True
    red, green, blue, opacity = (ctypes.c_uint() for _ in range(4))
    if not FPDFText_GetFillColor(text, index, red, green, blue, opacity):
        return False
    is_white = min(red.value, green.value, blue.value) >= MIN_WHITE
    return opacity.value == 0 or (is_white and not ground.is_dark(x, y))


class _Ground:
    """The visible part of a page, and the shapes and pictures that may lie under its letters."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._box = page.get_cropbox()

    def holds(self, x: float, y: float) -> bool:
        left, bottom, right, top = self._box
        return bool(left <= x <= right and bottom <= y <= top)

    def is_dark(self, x: float, y: float) -> bool:
        return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in self._shapes)

    @cached_property
    def _shapes(self) -> list[tuple[float, float, float, float]]:
        from pypdfium2.raw import FPDF_PAGEOBJ_TEXT

        objects = islice(self._page.get_objects(max_depth=3), 20 * MAX_SHAPES)
        shapes = (shape for shape in objects if shape.type != FPDF_PAGEOBJ_TEXT and not is_white(shape))
        return [shape.get_bounds() for shape in islice(shapes, MAX_SHAPES)]


def is_white(shape: Any) -> bool:
    """Tell if a shape is filled with the colour of paper."""
    from pypdfium2.raw import FPDF_PAGEOBJ_PATH, FPDFPageObj_GetFillColor

    red, green, blue, opacity = (ctypes.c_uint() for _ in range(4))
    if shape.type != FPDF_PAGEOBJ_PATH or not FPDFPageObj_GetFillColor(shape, red, green, blue, opacity):
        return False
    return min(red.value, green.value, blue.value) >= MIN_WHITE


@dataclass(frozen=True)
class _Field:
    """The value of a form field and its rectangle."""

    value: str
    left: float
    bottom: float
    top: float


def _with_fields(lines: list[PdfLine], page: Any, form: Any) -> list[PdfLine]:
    """Return the lines with the value of each form field behind its label, or in a line of its own."""
    filled = list(lines)
    by_row: dict[int, list[int]] = {}
    for i, line in enumerate(lines):
        by_row.setdefault(round(line.bottom / 10), []).append(i)
    for field in _fields(page, form):
        middle = (field.bottom + field.top) / 2
        near = (i for row in range(round(middle / 10) - 2, round(middle / 10) + 2) for i in by_row.get(row, ()))
        labels = [i for i in near if lines[i].bottom <= middle <= lines[i].top and lines[i].left < field.left]
        if labels:
            label = max(labels, key=lambda i: lines[i].left)
            filled[label] = replace(filled[label], words=f"{filled[label].words} {field.value}")
        else:
            size = lines[0].size if lines else field.top - field.bottom
            filled.append(PdfLine(field.value, size, field.bottom, field.bottom, field.left, field.top))
    return filled


def _fields(page: Any, form: Any) -> Iterator[_Field]:
    from pypdfium2 import raw

    for i in range(min(raw.FPDFPage_GetAnnotCount(page), MAX_FIELDS)):
        annotation = raw.FPDFPage_GetAnnot(page, i)
        kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
        is_shown = kind in _VALUE_FIELDS or (kind in _CHECKED_FIELDS and raw.FPDFAnnot_IsChecked(form, annotation))
        value = _value(form, annotation) if is_shown else ""
        rectangle = raw.FS_RECTF()
        if value and raw.FPDFAnnot_GetRect(annotation, rectangle):
            yield _Field(value, rectangle.left, rectangle.bottom, rectangle.top)
        raw.FPDFPage_CloseAnnot(annotation)


def _value(form: Any, annotation: Any) -> str:
    from pypdfium2 import raw

    length = raw.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFAnnot_GetFormFieldValue(form, annotation, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), length)
    return " ".join(buffer.raw.decode("utf-16-le", "replace").replace("\0", " ").split())
