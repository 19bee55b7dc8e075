"""Loads the text layer of PDF files, page by page; the words of scanned pages are recognised, or the pages are named.

pdfium gives the lines; their positions and the sizes of their letters tell headings and paragraphs.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, storable
from rag.loading.formats.paged.pdf_blocks import (
    BULLET,
    MIN_HEADING_RATIO,
    PdfBlock,
    goes_on,
    is_unfinished,
    page_blocks,
    usual_steps,
)
from rag.loading.formats.paged.pdf_frames import frame_lines
from rag.loading.formats.paged.pdf_hyphens import Hyphens
from rag.loading.formats.paged.pdf_lines import PageLines, PdfLine, body_size, page_lines
from rag.loading.formats.paged.pdf_scans import unread_error, with_scans, words_of_block
from rag.loading.sources import Source, checked_path, source_sha256

MAX_PDF_SECONDS = 300
"""Time that the pages of one file may take."""
MAX_PDF_HEADING_CHARACTERS = 200
MAX_LABEL_CHARACTERS = 40
"""Characters of the number printed on a page, such as `xiv` or `A-12`."""
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")
_PROGRAM_TITLE = re.compile(r"Microsoft \w+ - |untitled|.*\.(?:docx?|pptx?|indd|tex|dvi|rtf)$", re.IGNORECASE)


def load_pdf(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a PDF, then an error that numbers the pages that are pictures and were not read.

    Raises LoadError.
    """
    from pypdfium2 import PdfDocument

    sha256, path = source_sha256(source.path), checked_path(source.path)
    with PdfDocument(path) as pdf:
        pages = list(_pages(pdf, source))
        lines, scans = with_scans(pdf, pages, source)
        info, labels = pdf.get_metadata_dict(), page_labels(pdf)
    if any(lines):
        composer = composed(source, lines)
        composer.leave_out("hidden lines", sum(page.hidden_count for page in pages))
        composer.leave_out("lines of pictures that could not be read", scans.unsure_count)
        composer.leave_out("pages without words", len(scans.without_words))
        document = composer.document("pdf", sha256, _title(info), _metadata(info))
        yield replace(document, layout=replace(document.layout, page_labels=labels))
    if scans.unread:
        raise unread_error(source, scans.unread, len(pages))
    if not any(lines):
        raise EmptyDocument(f"{source.name}: no words on its pages.", "Leave it out.")


def page_labels(pdf: Any) -> tuple[str, ...]:
    """Return the number printed on each page as the file names it, nothing if these are the numbers of the pages.

    A page whose label is its number, or that has none, gets an empty text.
    """
    labels = [" ".join(storable(pdf.get_page_label(i)).split()) for i in range(len(pdf))]
    printed = [label if label.isprintable() and len(label) <= MAX_LABEL_CHARACTERS else "" for label in labels]
    differing = tuple("" if label == str(number) else label for number, label in enumerate(printed, start=1))
    return differing if any(differing) else ()


def why_unreadable(source: Source, error: Exception) -> UnreadableSource:
    """Return the error of a file that pdfium refused, with its reason."""
    if "password" in str(error).lower():
        return UnreadableSource(f"{source.name} is encrypted with a password.", "Save a copy without the password.")
    return UnreadableSource(f"{source.name} is no sound PDF: cut off or damaged.", "Download or export it again.")


def _pages(pdf: Any, source: Source) -> Iterator[PageLines]:
    until = time.monotonic() + MAX_PDF_SECONDS
    has_form = pdf.get_formtype() != 0
    if has_form:
        pdf.init_forms()
    for number in range(len(pdf)):
        if time.monotonic() > until:
            what = f"{source.name}: reading stopped at page {number + 1} after {MAX_PDF_SECONDS} seconds."
            raise UnreadableSource(what, "Split the file.")
        page = pdf[number]
        yield page_lines(page, pdf.formenv if has_form else None)
        page.close()


def composed(source: Source, pages: list[list[PdfLine]]) -> Composer:
    """Return the text of the lines of all pages, with its headings, paragraphs and running heads."""
    composer = Composer(source)
    writer = _Writer(composer, pages)
    for number, (lines, frame) in enumerate(zip(pages, frame_lines(pages), strict=True)):
        writer.write_page(lines, frame, is_last=number + 1 == len(pages))
    return composer


class _Writer:
    """Writes the lines of pages as blocks of a document; it keeps the block that goes on on the next page."""

    def __init__(self, composer: Composer, pages: list[list[PdfLine]]) -> None:
        self._composer = composer
        self._body_size = body_size(pages)
        self._steps = usual_steps(pages)
        self._hyphens = Hyphens(line.words for lines in pages for line in lines)
        sizes = {round(line.size, 1) for lines in pages for line in lines}
        large = sorted((size for size in sizes if size > MIN_HEADING_RATIO * self._body_size), reverse=True)
        self._levels = {size: min(level, 6) for level, size in enumerate(large, start=1)}
        self._unfinished: PdfBlock = []

    def write_page(self, lines: list[PdfLine], frame: set[int], is_last: bool) -> None:
        """Write a page; what may cut a sentence in two stands before that sentence: footnotes and the frame."""
        page = page_blocks([line for i, line in enumerate(lines) if i not in frame], self._body_size, self._steps)
        blocks = self._without_rest(page.text)
        if not is_last and blocks and is_unfinished(blocks[-1], self._body_size):
            self._unfinished = blocks.pop()
        for block in [*blocks, *page.notes]:
            self._write(block)
        for i in sorted(frame):
            text = self._hyphens.joined(lines[i].words)
            self._composer.add(text, reason="running_head")
            self._composer.recognize(words_of_block([lines[i]], text))

    def _without_rest(self, blocks: list[PdfBlock]) -> list[PdfBlock]:
        """Begin the page, and write the block of the page before with its rest. Return the other blocks."""
        unfinished, self._unfinished = self._unfinished, []
        has_rest = bool(unfinished) and bool(blocks) and goes_on(unfinished, blocks[0], self._body_size)
        if unfinished:
            before, rest = self._text(unfinished), blocks[0] if has_rest else []
            text, start = self._hyphens.across_pages(before, self._text(rest))
            self._composer.add(text, _kind(text), page_start=start if has_rest else None)
            self._composer.recognize(words_of_block([*unfinished, *rest], text))
        if not has_rest:
            self._composer.page()
        return blocks[1:] if has_rest else blocks

    def _write(self, block: PdfBlock) -> None:
        text = self._text(block)
        level = self._levels.get(round(block[0].size, 1))
        if level and len(text) <= MAX_PDF_HEADING_CHARACTERS:
            self._composer.add(text, "heading", level)
        else:
            self._composer.add(text, _kind(text))
        self._composer.recognize(words_of_block(block, text))

    def _text(self, block: PdfBlock) -> str:
        return self._hyphens.joined("\n".join(line.words for line in block))


def _kind(text: str) -> BlockKind:
    return "list_item" if BULLET.match(text) else "paragraph"


def _title(info: dict[str, str]) -> str | None:
    title = info.get("Title", "").strip()
    return None if _PROGRAM_TITLE.match(title) else title


def _metadata(info: dict[str, str]) -> dict[str, object]:
    names = {"author": "Author", "tags": "Keywords", "subject": "Subject"}
    values = {key: info.get(name, "").strip(" ()") for key, name in names.items()}
    date = _DATE.match(info.get("CreationDate", ""))
    values["created"] = "-".join(part for part in date.groups() if part) if date else ""
    return {key: value for key, value in values.items() if value not in ("", "unspecified", "anonymous")}
