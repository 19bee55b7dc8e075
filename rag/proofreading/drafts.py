"""Reads a draft from a file as a document, with the ranges that its format marks as block quotes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.core.errors import InvalidInput, LoadError
from rag.core.types import Document
from rag.loading.isolation.calls import call_apart
from rag.loading.isolation.process import load_apart
from rag.loading.sources import Source

MAX_DRAFT_CHARACTERS = 1_000_000
"""Characters of a draft; each of its sentences is searched for."""


@dataclass(frozen=True)
class Draft:
    """A draft to be proofread; `block_quotes` are ranges of its text that its format marks as quoted."""

    document: Document
    path: Path | None = None
    block_quotes: tuple[tuple[int, int], ...] = field(default=())


def draft_of_text(text: str, name: str = "draft", markdown: bool = True) -> Draft:
    """Return the draft of a text. Raises InvalidInput if it is longer than `MAX_DRAFT_CHARACTERS`."""
    return _checked(Draft(Document(name, text, format="markdown" if markdown else "text")))


def draft_at(path: Path, name: str | None = None) -> Draft:
    """Return the draft in a file of any format that can be indexed, read in a process of its own.

    `name` is the name of the draft if it differs from that of the file. Raises InvalidInput if the file cannot be
    read, holds several documents or is too long.
    """
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", "Give a draft: .md, .txt, .html or .docx.")
    documents = list(load_apart(Source(path, name or path.name)))
    error = next((item for item in documents if isinstance(item, LoadError)), None)
    if error is not None:
        raise InvalidInput(error.message, error.remedy)
    if len(documents) != 1 or not isinstance(documents[0], Document):
        raise InvalidInput(f"{name or path} holds {len(documents)} documents.", "Give one draft.")
    document = documents[0]
    return _checked(Draft(document, path, _block_quotes(document, path)))


def _checked(draft: Draft) -> Draft:
    length = len(draft.document.text)
    if length > MAX_DRAFT_CHARACTERS:
        raise InvalidInput(
            f"The draft has {length:,} characters, at most {MAX_DRAFT_CHARACTERS:,} are read.", "Split it."
        )
    return draft


def _block_quotes(document: Document, path: Path) -> tuple[tuple[int, int], ...]:
    """Return the ranges of the paragraphs that HTML or Word marks as quoted; the loaders do not keep these marks."""
    if document.format not in ("docx", "html"):
        return ()
    try:
        paragraphs = call_apart(f"{__name__}:quoted_paragraphs", path, {"path": str(path), "kind": document.format})
    except LoadError as error:
        raise InvalidInput(error.message, error.remedy) from None
    ranges, position = [], 0
    for paragraph in paragraphs:
        start = document.text.find(paragraph, position)
        if start >= 0:
            position = start + len(paragraph)
            ranges.append((start, position))
    return tuple(ranges)


def quoted_paragraphs(path: str, kind: str) -> list[str]:
    """Return the texts of the paragraphs that a file of Word or HTML marks as quoted; called in the other process."""
    return _quoted_of_docx(Path(path)) if kind == "docx" else _quoted_of_html(Path(path))


def _quoted_of_docx(path: Path) -> list[str]:
    from docx import Document as open_docx

    paragraphs: Any = open_docx(str(path)).paragraphs
    quoted = (item for item in paragraphs if item.style is not None and "quote" in item.style.name.lower())
    return [text for text in (item.text.strip() for item in quoted) if text]


def _quoted_of_html(path: Path) -> list[str]:
    from rag.loading.formats.markup.html import decode_html, parsed
    from rag.loading.web_text.markup import markup_blocks

    root = parsed(decode_html(path.read_bytes(), path.name)[0])
    quotes = [] if root is None else list(root.iter("blockquote"))
    return [block.text.strip() for quote in quotes for block in markup_blocks(quote) if block.text.strip()]
