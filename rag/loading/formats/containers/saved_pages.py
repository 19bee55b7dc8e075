"""Loads web pages that a browser saved as one file (MHTML): the page itself; its pictures and styles are no text."""

import email
import email.policy
import hashlib
from collections.abc import Iterator
from email.message import Message

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.formats.markup.html import page_document
from rag.loading.sources import Source, read_source


def load_saved_page(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a saved page. Raises LoadError."""
    data = read_source(source)
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    pages = [part for part in message.walk() if part.get_content_type() in ("text/html", "application/xhtml+xml")]
    if not pages:
        what = f"{source.name} is no saved web page: no part of it is HTML."
        raise UnreadableSource(what, "Save the page again.")
    address = str(message.get("Snapshot-Content-Location") or pages[0].get("Content-Location") or "")
    properties = {"uri": address} if address.startswith(("http://", "https://")) else {}
    embedded = {"embedded pages": len(pages) - 1}
    yield page_document(source, _bytes(pages[0]), hashlib.sha256(data).hexdigest(), properties, embedded)


def _bytes(part: "Message[str, str]") -> bytes:
    """Return the bytes of a page, in UTF-8 if the message names the encoding."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    label = part.get_content_charset()
    if label:
        try:
            return content.decode(label).encode("utf-8-sig")
        except (LookupError, UnicodeError):
            pass
    return content
