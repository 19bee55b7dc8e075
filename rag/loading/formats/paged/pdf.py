"""Loads the text layer of PDF files, page by page; the words of scanned pages are recognised, or the pages are named.

pdfium gives the lines; their positions and the sizes of their letters tell headings and paragraphs.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import Composer, storable
from rag.loading.formats.paged.pdf_frames import frame_lines
from rag.loading.formats.paged.pdf_hyphens import Hyphens
from rag.loading.formats.paged.pdf_lines import PageLines, PdfLine, page_lines
from rag.loading.formats.paged.pdf_scans import body_size, unread_error, with_scans, words_of_block
from rag.loading.sources import Source, checked_path, source_sha256

MAX_PDF_SECONDS = 300
"""Time that the pages of one file may take."""
MIN_HEADING_RATIO = 1.12
"""Letters of a heading, at least, over those of the text."""
MAX_PDF_HEADING_CHARACTERS = 200
MAX_LABEL_CHARACTERS = 40
"""Characters of the number printed on a page, such as `xiv` or `A-12`."""
MIN_PARAGRAPH_STEP = 1.3
"""Distance between the lines of two paragraphs, at least, over the usual one on the page."""
_BULLET = re.compile(r"[•◦▪●‣–*-]\s+\S|\(?\d{1,3}[.)]\s+\S")
_SENTENCE_END = re.compile(r"[.!?:;\u3002\uff01\uff1f][\"')\]\u201d\u2019\u00bb]*$")
MIN_PROSE_WORDS = 4
"""Words of a line that may go on behind the end of the page."""
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
    sizes = {round(line.size, 1) for lines in pages for line in lines}
    smallest = MIN_HEADING_RATIO * body_size(pages)
    large = sorted((size for size in sizes if size > smallest), reverse=True)
    levels = {size: min(level, 6) for level, size in enumerate(large, start=1)}
    hyphens = Hyphens(line.words for lines in pages for line in lines)
    unfinished: list[PdfLine] = []
    for number, (lines, frame) in enumerate(zip(pages, frame_lines(pages), strict=True)):
        blocks = list(_blocks([line for i, line in enumerate(lines) if i not in frame]))
        goes_on = bool(unfinished) and bool(blocks) and _goes_on(unfinished, blocks[0])
        if unfinished:
            before = hyphens.joined(_text(unfinished))
            rest = blocks.pop(0) if goes_on else []
            after = hyphens.joined(_text(rest))
            text = f"{before}\n{after}"
            composer.add(text, page_start=len(before) + 1 if goes_on else None)
            composer.recognize(words_of_block([*unfinished, *rest], text))
            unfinished = []
        if not goes_on:
            composer.page()
        is_last = number + 1 == len(pages)
        if not is_last and blocks and _is_unfinished(blocks[-1], levels):
            unfinished = blocks.pop()
        for block in blocks:
            text = hyphens.joined(_text(block))
            level = levels.get(round(block[0].size, 1))
            if level and len(text) <= MAX_PDF_HEADING_CHARACTERS:
                composer.add(text, "heading", level)
            else:
                composer.add(text, "list_item" if _BULLET.match(text) else "paragraph")
            composer.recognize(words_of_block(block, text))
        # The frame stands before a sentence that the end of the page cuts, so that the sentence stays whole.
        for i in sorted(frame):
            text = hyphens.joined(lines[i].words)
            composer.add(text, reason="running_head")
            composer.recognize(words_of_block([lines[i]], text))
    return composer


def _text(block: list[PdfLine]) -> str:
    return "\n".join(line.words for line in block)


def _is_unfinished(block: list[PdfLine], levels: dict[float, int]) -> bool:
    """Tell if a block at the end of a page stops within a sentence."""
    words = block[-1].words
    is_prose = len(words.split()) >= MIN_PROSE_WORDS and round(block[0].size, 1) not in levels
    return is_prose and not _BULLET.match(block[0].words) and not _SENTENCE_END.search(words)


def _goes_on(block: list[PdfLine], other: list[PdfLine]) -> bool:
    """Tell if the first block of a page goes on with the sentence that the page before left unfinished."""
    words = other[0].words
    is_prose = words[:1].islower() or len(words.split()) >= MIN_PROSE_WORDS
    is_same_size = abs(other[0].size - block[-1].size) <= 0.1 * block[-1].size
    return is_prose and is_same_size and not _BULLET.match(words)


def _blocks(lines: list[PdfLine]) -> Iterator[list[PdfLine]]:
    """Yield the lines of each block: a new one begins with other letters, more distance, a bullet, another column."""
    steps = [above.end_bottom - below.bottom for above, below in pairwise(lines)]
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


def _title(info: dict[str, str]) -> str | None:
    title = info.get("Title", "").strip()
    return None if _PROGRAM_TITLE.match(title) else title


def _metadata(info: dict[str, str]) -> dict[str, object]:
    names = {"author": "Author", "tags": "Keywords", "subject": "Subject"}
    values = {key: info.get(name, "").strip(" ()") for key, name in names.items()}
    date = _DATE.match(info.get("CreationDate", ""))
    values["created"] = "-".join(part for part in date.groups() if part) if date else ""
    return {key: value for key, value in values.items() if value not in ("", "unspecified", "anonymous")}
