"""Loads source code and settings files as text: a citation leads to the line."""

import re
from collections.abc import Iterator

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document, Layout
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import gather
from rag.loading.sources import Source

_STRETCH = re.compile(r"\S(?:.*\S)?(?:[ \t\r]*\n[ \t]*\S(?:.*\S)?)*")
"""Lines up to the next blank one."""


def load_source_code(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a file of source code; lines up to the next blank one are a block. Raises LoadError."""
    text, sha256, properties = read_text(source)
    kind: BlockKind = "code"
    blocks = tuple((match.start(), match.end(), kind, None, None) for match in _STRETCH.finditer(text))
    yield Document(
        id=source.document_id,
        text=text,
        format="source_code",
        source_path=source.name,
        source_sha256=sha256,
        metadata=gather(properties, text),
        layout=Layout(blocks, own_lines=not source.depth),
    )
