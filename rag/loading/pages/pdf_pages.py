"""Finds where a stored text stands on the pages of its PDF, and draws these pages.

The lines of a page are read again as `rag.loading.formats.paged.pdf` reads them, and each letter of the stored text is
traced to its character in the file. Boxes are proven before they are returned: the text that pdfium cuts out of them is
the text that they are for, but for white space and hyphens.
"""

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.core.errors import UnreadableSource
from rag.loading.formats.paged.pdf import why_unreadable
from rag.loading.formats.paged.pdf_lines import LIGATURES, PdfLine, page_lines
from rag.loading.sources import Source, checked_path

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS_WITH_PAGES = ("pdf", "picture")
"""Formats of documents whose pages can be drawn."""
MAX_PICTURE_PIXELS = 3_000
"""Pixels of the longer side of a picture."""
MAX_LISTED_SIZES = 100
"""Pages whose sizes are returned with the boxes of a quotation."""
MIN_SHARED_EXTENT = 0.3
"""Share of the height, or of the width if they are turned, that neighbours in a row have in common."""
MARK_COLOUR = (255, 226, 130)
PNG_LEVEL = 3
"""Level of compression: 6 takes three times as long for a tenth fewer bytes."""
_UNCOUNTED = frozenset("-\xad\ufffe\0")
"""Hyphens: the loader decides by the words of the whole document if a broken word keeps its own."""
_DEVICE = 1_000_000
"""Units that pdfium divides the sides of a page into, so that whole numbers are exact enough."""

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right and top in the points of the page."""
Box = tuple[float, float, float, float]
"""Left, top, width and height as shares of the page as it is shown: turned, and cut to its crop box."""
PdfFileState = tuple[int, int, int]
"""Size, time of the last change and number of a file, which tell if it is still the same."""


@dataclass(frozen=True)
class PageText:
    """The stored text of a page, and the range `start:end` of it to look for."""

    number: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class PagePlaces:
    """Where words stand: the boxes on each page, and the sizes of the pages around them in points.

    The boxes of a page are None if they cannot be proven.
    """

    page_count: int
    boxes: Mapping[int, tuple[Box, ...] | None]
    sizes: Mapping[int, tuple[float, float]]


def file_state(path: Path) -> PdfFileState:
    """Return the state of a file. Raises OSError."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def answer_pdf(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of the reading process to a request for boxes or a picture. Raises UnreadableSource."""
    with _opened(Path(request["path"]), tuple(request["state"])) as pdf:
        if "width" in request:
            marks = [(box[0], box[1], box[2], box[3]) for box in request["marks"]]
            return {"png": base64.b64encode(draw_page(pdf, request["number"], request["width"], marks)).decode("ascii")}
        listed = range(request["low"], request["high"])
        groups = [[PageText(**text) for text in group] for group in request["groups"]]
        return {"groups": [asdict(find_places(pdf, texts, listed)) for texts in groups]}


def find_places(pdf: Any, texts: Sequence[PageText], listed: range) -> PagePlaces:
    """Return the boxes of the range of each page, and the sizes of the pages of these numbers that there are."""
    count = len(pdf)
    shown = range(max(1, listed.start), min(count + 1, listed.stop, listed.start + MAX_LISTED_SIZES))
    boxes = {text.number: _page_boxes(pdf, text) for text in texts if 1 <= text.number <= count}
    return PagePlaces(count, boxes, {number: pdf.get_page_size(number - 1) for number in shown})


def draw_page(pdf: Any, number: int, width: int, marks: Sequence[Box] = ()) -> bytes:
    """Return a page as a PNG of about this width in pixels, with the boxes `marks` tinted.

    Raises UnreadableSource if there is no such page.
    """
    if not 1 <= number <= len(pdf):
        raise UnreadableSource(f"There is no page {number}.", f"The file has {len(pdf)} pages.")
    page = pdf[number - 1]
    page_width, page_height = page.get_size()
    side = min(width, MAX_PICTURE_PIXELS)
    scale = min(side / max(page_width, 1.0), MAX_PICTURE_PIXELS / max(page_height, 1.0))
    image = page.render(scale=scale).to_pil().convert("RGB")
    page.close()
    for box in marks:
        tint(image, box)
    return png_bytes(image)


def png_bytes(image: "Image") -> bytes:
    """Return a picture as a PNG."""
    data = BytesIO()
    _smallest(image).save(data, "PNG", compress_level=PNG_LEVEL)
    return data.getvalue()


def changed_file(path: Path) -> UnreadableSource:
    """Return the error of a file that changed while its pages were asked for."""
    return UnreadableSource(f"{path.name} has changed while it was read.", "Try again.")


@contextmanager
def _opened(path: Path, state: tuple[int, ...]) -> Iterator[Any]:
    """Give the PDF. Raises UnreadableSource if the file changes before the caller is done."""
    from pypdfium2 import PdfDocument, PdfiumError

    changed = changed_file(path)
    try:
        if file_state(checked_path(path)) != state:
            raise changed
        with PdfDocument(path) as pdf:
            if pdf.get_formtype() != 0:
                pdf.init_forms()
            yield pdf
        if file_state(path) != state:
            raise changed
    except OSError:
        raise changed from None
    except PdfiumError as error:
        raise why_unreadable(Source(path, path.name), error) from None


def tint(image: "Image", box: Box) -> None:
    """Colour a box of a picture as if by a marker pen."""
    from PIL import Image, ImageChops

    left, top, width, height = box
    area = (
        int(left * image.width),
        int(top * image.height) - 1,
        int((left + width) * image.width) + 1,
        int((top + height) * image.height) + 2,
    )
    part = image.crop(area)
    image.paste(ImageChops.multiply(part, Image.new("RGB", part.size, MARK_COLOUR)), area)


def _smallest(image: "Image") -> "Image":
    """Return the picture in shades of grey if it has no colour: a third of the bytes."""
    from PIL import ImageChops

    red, green, blue = image.split()
    is_grey = all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
    return red if is_grey else image


@dataclass(frozen=True, slots=True)
class _Letter:
    """A letter of a page: its line, and its place in the text of pdfium, None for a letter of a form field."""

    value: str
    line: int
    index: int | None


def _page_boxes(pdf: Any, text: PageText) -> tuple[Box, ...] | None:
    page = pdf[text.number - 1]
    text_page = page.get_textpage()
    try:
        lines = page_lines(page, pdf.formenv).lines
        whole = text_page.get_text_range().encode("utf-16-le")
        by_line = [_letters_of_line(line, i, whole) for i, line in enumerate(lines)]
        before, inside = _counted(text.text[: text.start]), _counted(text.text[text.start : text.end])
        order = _stored_order(by_line, _counted(text.text))
        if order is not None:
            letters = [letter for i in order for letter in by_line[i]]
            letters = letters[len(before) : len(before) + len(inside)]
        else:
            letters = _only_occurrence([letter for line in by_line for letter in line], inside)
        rectangles = _proven(text_page, letters, inside)
        return None if rectangles is None else tuple(_as_shown(page, rectangle) for rectangle in rectangles)
    finally:
        text_page.close()
        page.close()


def _counted(text: str) -> str:
    """Return the letters of a text that stored text and PDF must share: all but white space and hyphens."""
    return "".join(letter for letter in text.translate(LIGATURES) if not letter.isspace() and letter not in _UNCOUNTED)


def _letters_of_line(line: PdfLine, number: int, whole: bytes) -> list[_Letter]:
    letters, index = [], line.start
    for character in whole[2 * line.start : 2 * (line.start + line.length)].decode("utf-16-le", "replace"):
        letters += [_Letter(value, number, index) for value in _counted(character)]
        index += 2 if character > "\uffff" else 1
    return letters + [_Letter(value, number, None) for value in _counted(line.words)[len(letters) :]]


def _stored_order(by_line: Sequence[list[_Letter]], stored: str) -> list[int] | None:
    """Return the numbers of the lines in the order in which the loader stored them, None if it is another text.

    The loader moves the lines of the frame and footnotes. So the line that follows in the file is tried first, then the
    longest of those that the stored text goes on with.
    """
    texts = ["".join(letter.value for letter in line) for line in by_line]
    unplaced = [i for i, text in enumerate(texts) if text]
    order, position, following = list[int](), 0, 0
    while unplaced:
        if following >= len(unplaced) or not stored.startswith(texts[unplaced[following]], position):
            matching = [k for k, i in enumerate(unplaced) if stored.startswith(texts[i], position)]
            if not matching:
                return None
            following = max(matching, key=lambda k: len(texts[unplaced[k]]))
        order.append(unplaced.pop(following))
        position += len(texts[order[-1]])
    return order if position == len(stored) else None


def _only_occurrence(letters: Sequence[_Letter], text: str) -> list[_Letter]:
    """Return the letters of a text that the page holds once, none if it holds it more often or not at all.

    For text that another version of the loader has stored.
    """
    page = "".join(letter.value for letter in letters)
    start = page.find(text)
    is_only = start >= 0 and page.find(text, start + 1) < 0
    return list(letters[start : start + len(text)]) if is_only else []


def _proven(text_page: Any, letters: Sequence[_Letter], text: str) -> list[Rectangle] | None:
    """Return rectangles out of which pdfium cuts `text`, None if there are none."""
    if not text or "".join(letter.value for letter in letters) != text:
        return None
    from pypdfium2.raw import FPDFText_GetCharIndexFromTextIndex

    rows: list[list[Rectangle]] = []
    for _, line in groupby(letters, key=lambda letter: letter.line):
        indexes = [letter.index for letter in line]
        if None in indexes:
            return None
        characters = [FPDFText_GetCharIndexFromTextIndex(text_page, index) for index in dict.fromkeys(indexes)]
        if min(characters) < 0:
            return None
        rows += _split_rows(text_page, characters)
    for rectangles in _choices(rows):
        cut = "".join(text_page.get_text_bounded(*rectangle) for rectangle in rectangles)
        if _counted(cut) == text:
            return rectangles
    return None


def _split_rows(text_page: Any, characters: Sequence[int]) -> Iterator[list[Rectangle]]:
    """Yield the rectangles of each row: pdfium counts a word that is broken by a hyphen, and what follows, as one line.

    Letters of one row overlap or have the same height, those of a turned row the same distance from the side.
    """
    row: list[Rectangle] = []
    before: Rectangle | None = None
    for character in characters:
        around = text_page.get_charbox(character, loose=True)
        if before is not None and not _share_row(before, around):
            yield row
            row = []
        row.append(text_page.get_charbox(character))
        before = around
    yield row


def _share_row(letter: Rectangle, other: Rectangle) -> bool:
    for low, high in ((0, 2), (1, 3)):
        shared = min(letter[high], other[high]) - max(letter[low], other[low])
        if shared > MIN_SHARED_EXTENT * min(letter[high] - letter[low], other[high] - other[low]):
            return True
    return False


def _choices(rows: Sequence[Sequence[Rectangle]]) -> Iterator[list[Rectangle]]:
    """Yield rectangles around the letters of each line, the simplest first, the smallest last.

    pdfium cuts out each letter that a rectangle touches, so a rectangle must not touch the letters beside, above or
    below. These may overlap: letters that are set close, lines that are set close.
    """
    yield [_around(row) for row in rows]
    yield [_within(row) for row in rows]
    yield [_low(row) for row in rows]
    yield [_core(letter) for row in rows for letter in row]


def _around(letters: Sequence[Rectangle]) -> Rectangle:
    left, bottom, right, top = zip(*letters, strict=True)
    return min(left), min(bottom), max(right), max(top)


def _within(letters: Sequence[Rectangle]) -> Rectangle:
    """Return the rectangle without a third of its first and last letter and a tenth of its height on each side."""
    left, bottom, right, top = _around(letters)
    first, last = min(letters), max(letters, key=lambda letter: letter[2])
    inset = 0.1 * (top - bottom)
    lowest_top, highest_bottom = min(letter[3] for letter in letters), max(letter[1] for letter in letters)
    return (
        left + (first[2] - first[0]) / 3,
        min(bottom + inset, (bottom + lowest_top) / 2),
        right - (last[2] - last[0]) / 3,
        max(top - inset, (top + highest_bottom) / 2),
    )


def _low(letters: Sequence[Rectangle]) -> Rectangle:
    """Return the lowest rectangle that touches all letters of a line: full stops, and quotation marks if it has any."""
    left, _, right, _ = _within(letters)
    lowest_top, highest_bottom = min(letter[3] for letter in letters), max(letter[1] for letter in letters)
    height = max(letter[3] - letter[1] for letter in letters)
    bottom = min(lowest_top, highest_bottom) - 0.02 * height
    return left, bottom, right, max(highest_bottom, lowest_top - 0.5 * height, bottom) + 0.02 * height


def _core(letter: Rectangle) -> Rectangle:
    left, bottom, right, top = letter
    return left + (right - left) / 3, bottom + (top - bottom) / 3, right - (right - left) / 3, top - (top - bottom) / 3


def _as_shown(page: Any, rectangle: Rectangle) -> Box:
    """Return a rectangle as shares of the page as it is shown."""
    from ctypes import c_int

    from pypdfium2.raw import FPDF_PageToDevice

    left, bottom, right, top = rectangle
    corners = []
    for x, y in ((left, bottom), (right, top)):
        across, down = c_int(), c_int()
        FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, x, y, across, down)
        corners.append((across.value / _DEVICE, down.value / _DEVICE))
    (x, y), (other_x, other_y) = corners
    return min(x, other_x), min(y, other_y), abs(other_x - x), abs(other_y - y)
