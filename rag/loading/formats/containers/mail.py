"""Loads e-mail messages (EML, MBOX): headers and text as one document, attachments as documents of their own.

The library finds the parts; which of them are text, and in which encoding, is decided here, because real messages
name both wrongly.
"""

import base64
import email
import email.policy
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from rag.core.errors import EmptyDocument, LoadError
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.decoding import labelled
from rag.loading.formats.markup.html import compose, parsed
from rag.loading.media_types import SUFFIX_OF_MEDIA_TYPE
from rag.loading.members import load_member
from rag.loading.sources import Source, read_source
from rag.loading.web_text.markup import MarkupBlock, markup_blocks, struck_count

SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Date")
"""Headers that are part of the text."""
MAX_HEADER_CHARACTERS = 10_000
"""Characters of a header that are read: the library takes long for the address lists of thousands."""
MIN_WORDS_SHARE = 0.5
"""Share of the words of an HTML text that the plain text has, if it says the same."""
MAX_STUB_WORDS = 40
"""Words of a plain text that only says to look at the HTML text."""
_NOT_TEXT = ("image", "audio", "video", "font", "model")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
_ENRICHED_SIGN = re.compile(r"<<|<[^<>\n]{1,60}>")
"""A command of enriched text, or two signs that stand for one."""
_BEFORE_HEADERS = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*(?:>?From [^\n]*\n)?")
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", re.IGNORECASE)
_BOUNDARY_LINE = re.compile(rb"^--([^\r\n]{1,200}?)[ \t]*\r?\nContent-", re.MULTILINE | re.IGNORECASE)
_MESSAGE_START = re.compile(rb"^From (?=[^\n]*\d{4})[^\n]*\n(?=[A-Za-z-]+:|>?From )", re.MULTILINE)
_Load = Callable[[Source], Iterator[Document | LoadError]]
_Part: TypeAlias = "Message[str, str]"


def load_mail(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the document of a message, then those of its attachments, read with `load`. Raises LoadError."""
    data = read_source(source)
    yield from message_documents(source, _parsed(data), hashlib.sha256(data).hexdigest(), load)


def load_mbox(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the documents of all messages of a mailbox, each read as a message of its own. Raises LoadError."""
    data = read_source(source)
    starts = [match.start() for match in _MESSAGE_START.finditer(data)]
    if not starts:
        raise EmptyDocument(f"{source.name} holds no messages.", "Leave it out.")
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), start=1):
        message = re.sub(rb"^>(?=>*From )", b"", data[start:end], flags=re.MULTILINE)
        yield from load_member(source, f"message-{number}.eml", message, load)


def message_documents(source: Source, message: _Part, sha256: str, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the document of a message, then those of its attachments; `sha256` is that of its file."""
    composer, attachments = Composer(source), list[_Part]()
    for name in SHOWN_HEADERS:
        for value in message.get_all(name, []):
            composer.add(f"{name}: {_header(value)}")
    for part in _texts(message, attachments):
        _add_text(composer, part)
    title = _header(message.get("Subject", ""))
    if not composer.is_empty or not attachments:
        yield composer.document("mail", sha256, title, _properties(message))
    for number, part in enumerate(attachments, start=1):
        kind = SUFFIX_OF_MEDIA_TYPE.get(part.get_content_type(), "")
        name = _file_name(part) or f"attachment-{number}{kind}"
        yield from load_member(source, name, _content(part), load, kind)


def _parsed(data: bytes) -> _Part:
    """Return the parts of a message. Lines before the headers are left out."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        with suppress(UnicodeDecodeError):
            data = data.decode("utf-16").encode("utf-8")
    start = _BEFORE_HEADERS.match(data)
    return _mended(email.message_from_bytes(data[start.end() if start else 0 :], policy=email.policy.compat32))


def _mended(message: _Part) -> _Part:
    """Return the message with its parts, if the library found none because their boundary is written in an odd way."""
    payload = message.get_payload()
    if not isinstance(payload, str) or message.get_content_maintype() != "multipart":
        return message
    body = payload.encode("ascii", "surrogateescape")
    declaration = _BOUNDARY.search(str(message.get("Content-Type", "")))
    boundaries = [(declaration[1] or declaration[2]).encode("utf-8", "surrogateescape")] if declaration else []
    line = _BOUNDARY_LINE.search(body)
    boundaries += [line[1]] if line else []
    for boundary in boundaries:
        if b"--" + boundary in body:
            pieces = re.split(rb"(?m)^--" + re.escape(boundary) + rb"(?:--)?[ \t]*\r?$\n?", body)[1:]
            parts = [email.message_from_bytes(piece, policy=email.policy.compat32) for piece in pieces if piece.strip()]
            message.set_payload([_mended(part) for part in parts])
            return message
    message.set_type("text/plain")  # so that all of it is shown
    return message


def _texts(part: _Part, attachments: list[_Part]) -> Iterator[_Part]:
    """Yield the parts that are text of the message itself; add the others to `attachments`."""
    kind, children = part.get_content_type(), _payload(part)
    if kind in _SIGNATURES:
        return
    if isinstance(children, list) and kind == "message/delivery-status":
        yield part
    elif isinstance(children, list) and part.get_content_maintype() == "multipart":
        if kind == "multipart/alternative":
            yield from _best(children, attachments)
            return
        for child in children:
            yield from _texts(_mended(child), attachments)
    elif part.get_content_maintype() == "text" and not _is_attached(part) and _is_text(part):
        yield part
    elif _content(part).strip():
        attachments.append(part)


def _best(alternatives: list[_Part], attachments: list[_Part]) -> Iterator[_Part]:
    """Yield the texts of the alternative that says most: plain text, unless it is blank or a stub beside HTML.

    If each says much that the other lacks, both are yielded, and so are other alternatives, such as an invitation.
    """
    candidates: list[tuple[str, list[_Part]]] = []
    for alternative in alternatives:
        texts = list(_texts(_mended(alternative), attachments))
        kinds = {text.get_content_type() for text in texts}
        candidates.append(("html" if "text/html" in kinds else "plain" if "text/plain" in kinds else "other", texts))
    plain = [text for kind, texts in candidates if kind == "plain" for text in texts]
    marked = [text for kind, texts in candidates if kind == "html" for text in texts]
    yield from _fuller(plain, marked)
    for kind, texts in candidates:
        if kind == "other":
            yield from texts


def _fuller(plain: list[_Part], marked: list[_Part]) -> list[_Part]:
    """Return the plain parts if they have most words of the HTML parts, else those; both if the plain ones say more."""
    plain_words, html_words = ({word for part in parts for word in _words(part)} for parts in (plain, marked))
    shared = len(html_words & plain_words)
    if shared >= MIN_WORDS_SHARE * len(html_words):
        return plain
    own_count = len(plain_words) - shared
    is_stub = own_count < min(MAX_STUB_WORDS, len(html_words))
    return marked if is_stub or shared >= MIN_WORDS_SHARE * len(plain_words) else [*plain, *marked]


def _is_text(part: _Part) -> bool:
    """Tell if the bytes can be read as text; if not, the part is reported as a file that cannot be read."""
    try:
        _text(part)
    except LoadError:
        return False
    return True


def _is_attached(part: _Part) -> bool:
    if part.get_content_disposition() == "attachment":
        return True
    # A text with a file's name is a file, unless the message asks to show it inline.
    return bool(_file_name(part)) and part.get_content_disposition() != "inline"


def _file_name(part: _Part) -> str:
    """Return the name of an attachment. The library cuts a name with blanks that stands without quotes."""
    name = part.get_filename() or ""
    for header in ("Content-Disposition", "Content-Type"):
        bare = re.search(r"\b(?:file)?name\s*=\s*([^\"\s;][^;\r\n\"]*)", str(part.get(header, "")))
        if bare and name and bare[1].startswith(name):
            name = bare[1]
    return _header(name).strip()


def _words(part: _Part) -> list[str]:
    is_html = part.get_content_type() == "text/html"
    text = " ".join(block.text for block in _html_blocks(part)) if is_html else _text(part)
    return re.findall(r"\w+", text.casefold())


def _html_blocks(part: _Part) -> list[MarkupBlock]:
    root = parsed(_text(part))
    return list(markup_blocks(root)) if root is not None else []


def _add_text(composer: Composer, part: _Part) -> None:
    kind, text = part.get_content_type(), _text(part)
    if kind == "text/html":
        root = parsed(text)
        composer.leave_out("struck texts", struck_count(root) if root is not None else 0)
        compose(composer, list(markup_blocks(root)) if root is not None else [])
        return
    if kind in ("text/enriched", "text/richtext"):
        text = _ENRICHED_SIGN.sub(lambda sign: "<" if sign[0] == "<<" else "", text)
    text = text.replace("\r\n", "\n")
    if kind == "text/calendar":
        for line in re.sub(r"\n[ \t]", "", text).split("\n"):
            composer.add(line.replace("\\,", ",").replace("\\;", ";").replace("\\n", " "), "list_item")
        return
    for paragraph in re.split(r"\n[ \t]*\n", text):
        composer.add(paragraph)


def _text(part: _Part) -> str:
    data = _content(part)
    label = part.get_content_charset() if isinstance(part.get_payload(), str) else None
    return labelled(data, label, "a message") if data.strip() else ""


def _content(part: _Part) -> bytes:
    """Return the bytes of a part, also of base64 that was cut off."""
    payload = _payload(part)
    if isinstance(payload, list):
        return b"\n".join(bytes(inner) for inner in payload)
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        letters = re.sub(r"[^A-Za-z0-9+/]", "", payload)
        with suppress(ValueError):
            return base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + "=" * (-len(letters) % 4 % 3))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _payload(part: _Part) -> Any:
    return part.get_payload()


def _header(value: object) -> str:
    """Return a header as text: its encoded words, and bytes that are in no declared encoding."""
    raw = str(value)[:MAX_HEADER_CHARACTERS] if isinstance(value, str) else _header_text(value)
    raw = " ".join(raw.split())
    with suppress(ValueError, LookupError, AssertionError):
        return "".join(_decoded_word(word, label) for word, label in decode_header(raw))
    return _decoded_word(raw, None)


def _header_text(value: object) -> str:
    # The library wraps a header with bytes beyond ASCII; its pieces are the header as it came.
    return "".join(str(piece) for piece, _ in getattr(value, "_chunks", []))[:MAX_HEADER_CHARACTERS]


def _decoded_word(word: str | bytes, label: str | None) -> str:
    data = word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word
    with suppress(LoadError):
        return labelled(data, label, "a header")
    return data.decode("utf-8", "replace")


def _properties(message: _Part) -> dict[str, object]:
    properties: dict[str, object] = {"author": _header(message.get("From", ""))}
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        date = parsedate_to_datetime(str(message.get("Date", ""))[:MAX_HEADER_CHARACTERS])
        properties["published_at"] = date.date().isoformat()
    return {key: value for key, value in properties.items() if value}
