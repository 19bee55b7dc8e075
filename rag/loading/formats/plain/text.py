"""Loads plain text files."""

import hashlib
from collections.abc import Iterator

from rag.core.errors import EmptyDocument, LoadError
from rag.core.types import Document, Layout
from rag.loading.decoding import decode
from rag.loading.metadata import gather
from rag.loading.sources import Source, read_source

MAX_TITLE_CHARACTERS = 200
"""Characters of a first line that may still be a title."""
MAX_TITLE_WORDS = 12
"""Words of a first line with a full stop that may still be a title; a longer one is the first sentence."""


def load_text(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a plain text file. Raises LoadError."""
    text, sha256, properties = read_text(source)
    yield Document(
        id=source.document_id,
        text=text,
        title=first_line_title(text),
        format="text",
        source_path=source.name,
        source_sha256=sha256,
        metadata=gather(properties, text),
        layout=Layout(own_lines=not source.depth),
    )


def read_text(source: Source) -> tuple[str, str, dict[str, str]]:
    """Return the decoded text, the sha256 of the bytes, and the encoding as metadata if it is not UTF-8.

    Raises UnreadableSource and EmptyDocument.
    """
    data = read_source(source)
    text, encoding = decode(data, source.name)
    if not text.strip():
        raise EmptyDocument(f"{source.name} holds no text.", "Fill the file or leave it out.")
    return text, hashlib.sha256(data).hexdigest(), {} if encoding == "utf-8" else {"encoding": encoding}


def first_line_title(text: str) -> str | None:
    """Return the first line that is not blank, if it is short and a blank line follows it.

    At most MAX_TITLE_CHARACTERS; if it ends in a full stop, at most MAX_TITLE_WORDS words.
    """
    lines = text.lstrip()[: MAX_TITLE_CHARACTERS + 1_000].splitlines()
    title = lines[0].rstrip() if len(lines) > 1 and not lines[1].strip() else ""
    prose = title.endswith(".") and len(title.split()) > MAX_TITLE_WORDS
    return title if title and len(title) <= MAX_TITLE_CHARACTERS and not prose else None
