"""Loads the text layer of PDF files, page by page; pages without one are reported by their numbers.

pdfium gives the lines; their positions and the sizes of their letters tell headings and paragraphs.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.sources import Source, checked_path, file_sha256

MAX_PDF_SECONDS = 300
"""Time that the pages of one file may take."""
MIN_HEADING_RATIO = 1.12
"""Letters of a heading, at least, over those of the text."""
MAX_HEADING_CHARACTERS = 200
MIN_PARAGRAPH_STEP = 1.3
"""Distance between the lines of two paragraphs, at least, over the usual one on the page."""
_BULLET = re.compile(r"[•◦▪●‣–*-]\s+\S|\(?\d{1,3}[.)]\s+\S")
_LETTER = re.compile(r"[^\W_]")
_HYPHEN = re.compile("\\b(\\w++)\ufffe(\\w++)")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")
_PROGRAM_TITLE = re.compile(r"Microsoft \w+ - |untitled|.*\.(?:docx?|pptx?|indd|tex|dvi|rtf)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Line:
    """A line of a page: its words, size of its letters, and its lower edge; all in points."""

    words: str
    size: float
    bottom: float


def load_pdf(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a PDF, then an error that numbers the pages without text. Raises LoadError."""
    from pypdfium2 import PdfDocument

    sha256, path = file_sha256(source.path), checked_path(source.path)
    with PdfDocument(path) as pdf:
        pages = list(_pages(pdf, source))
        info = pdf.get_metadata_dict()
    empty = [number for number, lines in enumerate(pages, start=1) if not lines]
    if len(empty) < len(pages):
        yield _composed(source, pages).document("pdf", sha256, _title(info), _metadata(info))
    if empty:
        whose = f"page{'s' * (len(empty) > 1)} {_ranges(empty)} of {len(pages)}"
        raise EmptyDocument(f"{source.name}: no text on {whose}.", "If scanned, run text recognition (OCR) on it.")


def why_unreadable(source: Source, error: Exception) -> UnreadableSource:
    """Return the error of a file that pdfium refused, with its reason."""
    if "password" in str(error).lower():
        return UnreadableSource(f"{source.name} is encrypted with a password.", "Save a copy without the password.")
    return UnreadableSource(f"{source.name} is no sound PDF: cut off or damaged.", "Download or export it again.")


def _pages(pdf: Any, source: Source) -> Iterator[list[_Line]]:
    until = time.monotonic() + MAX_PDF_SECONDS
    for number in range(len(pdf)):
        if time.monotonic() > until:
            what = f"{source.name}: reading stopped at page {number + 1} after {MAX_PDF_SECONDS} seconds."
            raise UnreadableSource(what, "Split the file.")
        page = pdf[number]
        text = page.get_textpage()
        yield list(_lines(text))
        text.close()
        page.close()


def _lines(page: Any) -> Iterator[_Line]:
    from pypdfium2.raw import FPDFText_GetFontSize

    start = 0
    for words in page.get_text_range().split("\r\n"):
        if words.strip():
            # A bullet often comes from another font: the first letter tells the size.
            letter = _LETTER.search(words)
            at = min(start + (letter.start() if letter else 0), page.count_chars() - 1)
            _, bottom, _, _ = page.get_charbox(at, loose=True)
            yield _Line(words.strip(), FPDFText_GetFontSize(page, at), bottom)
        start += len(words.encode("utf-16-le")) // 2 + 2


def _composed(source: Source, pages: list[list[_Line]]) -> Composer:
    composer = Composer(source)
    sizes = Counter[float]()
    for line in (line for lines in pages for line in lines):
        sizes[round(line.size, 1)] += len(line.words)
    body = max(sizes, key=lambda size: (sizes[size], -size))
    large = sorted((size for size in sizes if size > MIN_HEADING_RATIO * body), reverse=True)
    levels = {size: min(level, 6) for level, size in enumerate(large, start=1)}
    hyphens = _Hyphens(line.words for lines in pages for line in lines)
    for lines in pages:
        composer.page()
        for block in _blocks(lines):
            text = hyphens.mended("\n".join(line.words for line in block))
            level = levels.get(round(block[0].size, 1))
            if level and len(text) <= MAX_HEADING_CHARACTERS:
                composer.add(text, "heading", level)
            else:
                composer.add(text, "list_item" if _BULLET.match(text) else "paragraph")
    return composer


def _blocks(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Yield the lines of each block: a new one begins with other letters, more distance, a bullet, another column."""
    steps = [above.bottom - below.bottom for above, below in pairwise(lines)]
    usual = median([step for step in steps if step > 0] or [0.0])
    block = lines[:1]
    for above, line, step in zip(lines, lines[1:], steps, strict=False):
        other_size = abs(line.size - above.size) > 0.1 * above.size
        apart = step > MIN_PARAGRAPH_STEP * usual or (step < 0 and not line.words[:1].islower())
        if other_size or apart or _BULLET.match(line.words):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


class _Hyphens:
    """Decides for words broken at a line's end, which pdfium marks, whether the hyphen belongs to the word."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._hyphenated = {word.lower() for line in lines for word in re.findall(r"\b\w++-\w++", line)}

    def mended(self, text: str) -> str:
        def joined(match: re.Match[str]) -> str:
            whole = f"{match[1]}-{match[2]}"
            return whole if whole.lower() in self._hyphenated else match[1] + match[2]

        return _HYPHEN.sub(joined, text).replace("\ufffe", "-").replace("\x00", "")


def _title(info: dict[str, str]) -> str | None:
    title = info.get("Title", "").strip()
    return None if _PROGRAM_TITLE.match(title) else title


def _metadata(info: dict[str, str]) -> dict[str, object]:
    names = {"author": "Author", "tags": "Keywords", "subject": "Subject"}
    values = {key: info.get(name, "").strip(" ()") for key, name in names.items()}
    date = _DATE.match(info.get("CreationDate", ""))
    values["created"] = "-".join(part for part in date.groups() if part) if date else ""
    return {key: value for key, value in values.items() if value not in ("", "unspecified", "anonymous")}


def _ranges(numbers: list[int]) -> str:
    """Return `1, 3-5` for 1, 3, 4, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
