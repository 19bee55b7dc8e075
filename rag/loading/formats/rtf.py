"""Loads rich text (RTF) as the plain text that striprtf extracts."""

import hashlib
import re
from collections.abc import Iterator

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import storable
from rag.loading.formats.text import first_line_title
from rag.loading.metadata import gather
from rag.loading.sources import Source, read_source

_PROPERTY = re.compile(r"\{\\(title|author)\b ?([^{}\\]*+)\}")
MAX_INFO_CHARACTERS = 20_000
"""Characters behind the first `\\info` that are searched for title and author."""
MAX_RTF_BYTES = 16 * 1024 * 1024
"""Bytes of text; striprtf takes some 25 times that in memory. Pictures are taken out before."""
_PICTURE = re.compile(rb"(?<=\s)[0-9a-fA-F]{128}[0-9a-fA-F\s]*")


def load_rtf(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of an RTF file. Raises LoadError."""
    from striprtf.striprtf import rtf_to_text

    data = read_source(source)
    if not data.lstrip().startswith(b"{\\rtf"):
        raise UnreadableSource(f"{source.name} is no RTF file.", "Save it again as RTF.")
    if not data.rstrip(b"\0\r\n\t ").endswith(b"}"):
        raise UnreadableSource(f"{source.name} is cut off: its last bracket is missing.", "Save or download it again.")
    slim = _PICTURE.sub(b"", data)
    if len(slim) > MAX_RTF_BYTES:
        raise UnreadableSource(f"{source.name} holds more than {MAX_RTF_BYTES} bytes of text.", "Split it.")
    rtf = slim.decode("cp1252", "replace")
    text = storable(rtf_to_text(rtf, errors="replace"))  # type: ignore[no-untyped-call]
    if not text.strip():
        raise EmptyDocument(f"{source.name} holds no text.", "Leave it out.")
    properties = _properties(rtf)
    title = str(properties.pop("title", "")) or first_line_title(text)
    sha256 = hashlib.sha256(data).hexdigest()
    yield Document(source.document_id, text, title, "rtf", source.name, sha256, gather(properties, text))


def _properties(rtf: str) -> dict[str, object]:
    """Return title and author from the group `info`."""
    start = rtf.find(r"\info")
    info = rtf[start : start + MAX_INFO_CHARACTERS] if start >= 0 else ""
    return {match[1]: match[2].strip() for match in _PROPERTY.finditer(info) if match[2].strip()}
