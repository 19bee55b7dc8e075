"""Loads Outlook messages (MSG): they are put into the form of an e-mail, with all bodies and attachments."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from struct import unpack_from
from typing import TypeAlias

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import storable
from rag.loading.decoding import labelled
from rag.loading.formats.containers.compound_file import CompoundFile
from rag.loading.formats.containers.mail import message_documents
from rag.loading.formats.office.rtf import MAX_RTF_BYTES, rtf_text
from rag.loading.sources import Source, read_source

MAX_EMBEDDED_MESSAGES = 10
"""Messages attached to one another that are opened."""
MAX_ATTACHMENTS = 2_000
_HEADER_BYTES, _EMBEDDED_HEADER_BYTES, _ATTACHMENT_HEADER_BYTES = 32, 24, 8
_UNICODE, _STRING, _BINARY, _TIME, _INTEGER = 0x1F, 0x1E, 0x102, 0x40, 0x03
_SUBJECT, _BODY, _HTML, _RTF, _MEDIA_TYPE = 0x37, 0x1000, 0x1013, 0x1009, 0x370E
_SENDERS = ((0x0C1A, 0x5D01, 0x0C1F), (0x42, 0x5D02, 0x65))
"""Name, address and other address of who sent a message, and of whom it was sent for."""
_RECEIVERS = {"To": 0x0E04, "Cc": 0x0E03}
_TIMES = (0x39, 0x0E06)
"""When a message was sent, and when it arrived."""
_CODE_PAGES = (0x3FDE, 0x3FFD)
_FILE_NAMES = (0x3707, 0x3704, 0x3001)
_DATA = 0x3701
_ATTACHMENT = re.compile(r"(__attach_version1\.0_#[0-9A-Fa-f]{1,8})/")
_MEDIA_KIND = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_RTF_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""Text that every compressed RTF may refer to."""
_Load = Callable[[Source], Iterator[Document | LoadError]]
_Part: TypeAlias = "Message[str, str]"


def load_msg(source: Source, load: _Load) -> Iterator[Document | LoadError]:
    """Yield the document of a message, then those of its attachments, read with `load`. Raises LoadError."""
    data = read_source(source)
    try:
        file = CompoundFile(data)
        if not any(path.startswith("__properties_version1.0") for path in file.streams):
            raise ValueError("no message in it")
        message = _mail(_Storage(file, "", _HEADER_BYTES), 0)
    except ValueError as error:
        what = f"{source.name} is no sound Outlook message: {error}."
        raise UnreadableSource(what, "Save it again, as .eml if the program can.") from None
    yield from message_documents(source, message, hashlib.sha256(data).hexdigest(), load)


@dataclass(frozen=True)
class _Storage:
    """A message or an attachment in a compound file, with its properties."""

    file: CompoundFile
    folder: str
    header_bytes: int
    usual_encoding: str = "cp1252"

    def binary(self, tag: int) -> bytes:
        """Return a property that is bytes, none if there is none."""
        return self._stream(tag, _BINARY)

    def text(self, tag: int) -> str:
        """Return a property that is text, in Unicode or in the code page of the message."""
        data = self._stream(tag, _UNICODE)
        if data:
            return storable(data.decode("utf-16-le", "surrogatepass")).rstrip("\0")
        data = self._stream(tag, _STRING)
        return labelled(data, self.encoding, self.folder).rstrip("\0") if data else ""

    @property
    def encoding(self) -> str:
        """Return the encoding of text that is not in Unicode."""
        number = next((value for tag in _CODE_PAGES if (value := self._number(tag, _INTEGER))), 0)
        return "utf-8" if number == 65001 else f"cp{number & 0xFFFF}" if number else self.usual_encoding

    def time(self, tag: int) -> datetime | None:
        """Return a property that is a time, None if there is none or an absurd one."""
        ticks = self._number(tag, _TIME)
        with suppress(OverflowError):
            return _EPOCH + timedelta(microseconds=ticks // 10) if ticks else None
        return None

    def _stream(self, tag: int, kind: int) -> bytes:
        path = f"{self.folder}__substg1.0_{tag:04X}{kind:04X}"
        return self.file.read(path) if path in self.file.streams else b""

    def _number(self, tag: int, kind: int) -> int:
        """Return a property of a fixed size: these stand in one table."""
        path = f"{self.folder}__properties_version1.0"
        table = self.file.read(path) if path in self.file.streams else b""
        for offset in range(self.header_bytes, len(table) - 15, 16):
            if unpack_from("<I", table, offset)[0] == (tag << 16 | kind):
                return int(unpack_from("<Q" if kind == _TIME else "<I", table, offset + 8)[0])
        return 0


def _mail(message: _Storage, depth: int) -> _Part:
    """Return a message of Outlook as an e-mail."""
    mail = MIMEMultipart("mixed")
    date = next((time for tag in _TIMES if (time := message.time(tag))), None)
    headers = {
        "Subject": message.text(_SUBJECT),
        "From": _sender(message),
        **{name: message.text(tag) for name, tag in _RECEIVERS.items()},
        "Date": format_datetime(date) if date else "",
    }
    for name, value in headers.items():
        if value.strip():
            mail[name] = _encoded(value)
    bodies = list(_bodies(message))
    if bodies:
        mail.attach(MIMEMultipart("alternative", _subparts=bodies))
    for folder in _attachment_folders(message)[:MAX_ATTACHMENTS]:
        storage = _Storage(message.file, f"{message.folder}{folder}/", _ATTACHMENT_HEADER_BYTES, message.encoding)
        part = _attachment(storage, depth)
        if part is not None:
            mail.attach(part)
    return mail


def _encoded(value: str) -> str:
    words = " ".join(value.split())
    return words if words.isascii() and "=?" not in words else Header(words, "utf-8").encode(linesep="")


def _sender(message: _Storage) -> str:
    for tags in _SENDERS:
        name, *addresses = (message.text(tag) for tag in tags)
        # An address inside an organisation is a path: /O=FIRM/OU=…
        address = next((address for address in addresses if "@" in address), "")
        if name or address:
            return f"{name} <{address}>" if address and address != name else name or address
    return ""


def _bodies(message: _Storage) -> Iterator[_Part]:
    plain, html = message.text(_BODY), message.text(_HTML)
    html = html or _html(message)
    if plain.strip():
        yield MIMEText(storable(plain), "plain", "utf-8")
    if html.strip():
        yield MIMEText(storable(html), "html", "utf-8")
    if not plain.strip() and not html.strip() and (compressed := message.binary(_RTF)):
        rtf, _ = rtf_text(decompressed_rtf(compressed))
        if rtf.strip():
            yield MIMEText(storable(rtf), "plain", "utf-8")


def _html(message: _Storage) -> str:
    data = message.binary(_HTML)
    return labelled(data, message.encoding, message.folder) if data else ""


def _attachment_folders(message: _Storage) -> list[str]:
    inner = (path[len(message.folder) :] for path in message.file.streams if path.startswith(message.folder))
    return sorted({match[1] for path in inner if (match := _ATTACHMENT.match(path))})


def _attachment(attachment: _Storage, depth: int) -> "_Part | None":
    name = next((name for tag in _FILE_NAMES if (name := attachment.text(tag).strip())), "")
    embedded = f"{attachment.folder}__substg1.0_{_DATA:04X}000D/"
    if f"{embedded}__properties_version1.0" in attachment.file.streams:
        if depth >= MAX_EMBEDDED_MESSAGES:
            raise ValueError(f"more than {MAX_EMBEDDED_MESSAGES} messages inside one another")
        inner = _mail(_Storage(attachment.file, embedded, _EMBEDDED_HEADER_BYTES), depth + 1)
        data, kind, name = inner.as_bytes(), "message/rfc822", f"{(name or 'message').removesuffix('.eml')}.eml"
    else:
        data, kind = attachment.binary(_DATA), attachment.text(_MEDIA_TYPE)
    if not data:
        return None
    main, _, sub = (kind if _MEDIA_KIND.fullmatch(kind) else "application/octet-stream").partition("/")
    part = MIMEBase("application", "x-message") if main in ("message", "multipart") else MIMEBase(main, sub)
    part.set_payload(data)
    encode_base64(part)
    if name:
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", storable(name)))
    else:
        part.add_header("Content-Disposition", "attachment")
    return part


def decompressed_rtf(data: bytes) -> bytes:
    """Return the RTF of a body that Outlook compressed. Raises ValueError if it is damaged."""
    if len(data) < 16:
        raise ValueError("a compressed body that is cut off")
    size, kind = unpack_from("<II", data, 4)
    if kind == 0x414C454D:
        return data[16 : 16 + size]
    if kind != 0x75465A4C:
        raise ValueError("a body in an unknown compression")
    if size > 4 * MAX_RTF_BYTES:
        raise ValueError("a body that is too long")
    return _unpacked(data, size)


def _unpacked(data: bytes, size: int) -> bytes:
    output, position = bytearray(_RTF_DICTIONARY), 16
    start = len(output)
    while position < len(data) and len(output) - start < size:
        flags, position = data[position], position + 1
        for bit in range(8):
            if not flags >> bit & 1:
                output += data[position : position + 1]
                position += 1
                continue
            if position + 2 > len(data):
                break
            reference = int.from_bytes(data[position : position + 2], "big")
            position += 2
            back = (len(output) - (reference >> 4)) % 4096
            if back == 0:
                return bytes(output[start:])
            for _ in range((reference & 15) + 2):
                output.append(output[-back] if back <= len(output) else 0x20)
    return bytes(output[start : start + size])
