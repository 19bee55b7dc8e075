"""Loads plain text files."""

import hashlib
from collections.abc import Iterator

from rag.core.errors import EmptyDocument, LoadError
from rag.core.types import Document, Layout
from rag.loading.decoding import decode
from rag.loading.metadata import gather
from rag.loading.sources import Source, read_source

LONGEST_TITLE = 200
"""Characters of a first line that may still be a title."""
MOST_TITLE_WORDS = 12
"""Words of a first line with a full stop that may still be a title; a longer one is the first sentence."""


def load_text(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a plain text file. Raises LoadError."""
    text, sha256, found = read_text(source)
    yield Document(
        id=source.document_id,
        text=text,
        title=first_line_title(text),
        format="text",
        source_path=source.name,
        source_sha256=sha256,
        metadata=gather(found, text),
        layout=Layout(own_lines=not source.depth),
    )


def read_text(source: Source) -> tuple[str, str, dict[str, str]]:
    """Return the decoded text, the sha256 of the bytes and, where it is not UTF-8, the encoding as metadata.

    Raises UnreadableSource and EmptyDocument.
    """
    data = read_source(source)
    text, encoding = decode(data, source.name)
    if not text.strip():
        raise EmptyDocument(f"{source.name} holds no text.", "Fill the file or leave it out.")
    return text, hashlib.sha256(data).hexdigest(), {} if encoding == "utf-8" else {"encoding": encoding}


def first_line_title(text: str) -> str | None:
    """Return the first line that is not blank when a blank line follows it and it is short.

    At most LONGEST_TITLE characters; a line that ends in a full stop is a title only up to MOST_TITLE_WORDS words.
    """
    lines = text.lstrip()[: LONGEST_TITLE + 1_000].splitlines()
    title = lines[0].rstrip() if len(lines) > 1 and not lines[1].strip() else ""
    prose = title.endswith(".") and len(title.split()) > MOST_TITLE_WORDS
    return title if title and len(title) <= LONGEST_TITLE and not prose else None
