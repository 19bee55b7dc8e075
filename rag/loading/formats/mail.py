"""Loads e-mail messages (EML): their headers and text as one document, attachments as documents of their own."""

import email
import email.policy
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from rag.core.errors import LoadError
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.formats.html import compose, parsed
from rag.loading.markup import markup_blocks
from rag.loading.members import load_member
from rag.loading.sources import Source, read_source

SHOWN = ("Subject", "From", "To", "Cc", "Date")
"""Headers that are part of the text."""


def load_mail(
    source: Source, load: Callable[[Source], Iterator[Document | LoadError]]
) -> Iterator[Document | LoadError]:
    """Yield the document of a message, then those of its attachments, read with `load`. Raises LoadError."""
    data = read_source(source)
    message = email.message_from_bytes(data, policy=email.policy.default)
    composer = Composer(source)
    for name in SHOWN:
        for value in message.get_all(name, []):
            composer.add(f"{name}: {value}")
    body = message.get_body(("plain", "html"))
    if body is not None:
        _add_body(composer, body)
    yield composer.document("mail", hashlib.sha256(data).hexdigest(), str(message.get("Subject", "")), _found(message))
    for number, part in enumerate(message.iter_attachments(), start=1):
        kind = ".eml" if part.get_content_type() == "message/rfc822" else ""
        name = part.get_filename() or f"attachment-{number}{kind}"
        yield from load_member(source, name, _bytes(part), load)


def _add_body(composer: Composer, body: MIMEPart) -> None:
    text = str(body.get_content())
    if body.get_content_subtype() == "html":
        root = parsed(text)
        compose(composer, list(markup_blocks(root)) if root is not None else [])
        return
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        composer.add(paragraph)


def _bytes(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    if isinstance(content, bytes):
        return content
    inner = part.get_payload()
    return bytes(inner[0]) if isinstance(inner, list) and inner and isinstance(inner[0], EmailMessage) else b""


def _found(message: EmailMessage) -> dict[str, object]:
    found: dict[str, object] = {"author": str(message.get("From", ""))}
    with suppress(ValueError, TypeError, OverflowError):
        found["published_at"] = parsedate_to_datetime(str(message.get("Date", ""))).date().isoformat()
    return {key: value for key, value in found.items() if value}
