"""Tells the format of a file without a suffix by its first bytes."""

import re
import zipfile

from rag.core.errors import LoadError
from rag.loading.decoding import decode
from rag.loading.sources import Source, open_source

_HEADER_BYTES = 65_536
"""The headers of a message that passed many servers are long."""
_SAMPLE_BYTES = 4_096
_MEMBERS = {"word/document.xml": ".docx", "xl/workbook.xml": ".xlsx", "ppt/presentation.xml": ".pptx"}
_MEDIA_TYPES = {
    b"application/epub+zip": ".epub",
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
_MAIL_HEADERS = re.compile(
    rb"(?:[A-Za-z][\w-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}\r?\n", re.IGNORECASE
)  # headers end with a blank line
_MAIL_NAMES = re.compile(rb"^(?:From|Received|Return-Path|MIME-Version|Message-ID):", re.IGNORECASE | re.MULTILINE)
PICTURE_MARKS = {b"\x89PNG\r\n": ".png", b"\xff\xd8\xff": ".jpg", b"II*\0": ".tif", b"MM\0*": ".tif"}
"""Beginnings of PNG, JPEG and TIFF files."""
_MARKS = ((b"%PDF-", ".pdf"), (b"{\\rtf", ".rtf"), (b"WEBVTT", ".vtt"), *PICTURE_MARKS.items())
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html[\s>])", re.I | re.S
)


def content_suffix(source: Source) -> str | None:
    """Return the suffix of the format that a file has by its content, None if it is of no known format.

    Raises UnreadableSource.
    """
    with open_source(source.path) as file:
        beginning = file.read(_HEADER_BYTES)
        if beginning.startswith(b"PK\x03\x04"):
            try:
                with zipfile.ZipFile(file) as package:
                    return _package_suffix(package)
            except (zipfile.BadZipFile, ValueError, NotImplementedError):
                return ".zip"
    sample = beginning[:_SAMPLE_BYTES]
    kind = next((suffix for mark, suffix in _MARKS if sample.startswith(mark)), None)
    if kind is not None:
        return kind
    if _PAGE.match(sample):
        return ".html"
    headers = _MAIL_HEADERS.match(beginning)
    if headers and _MAIL_NAMES.search(headers[0]):
        return ".eml"
    return ".txt" if _is_text(sample, source.name) else None


def _package_suffix(package: zipfile.ZipFile) -> str:
    names = set(package.namelist())
    kind = next((suffix for name, suffix in _MEMBERS.items() if name in names), None)
    if kind is None and "mimetype" in names:
        with package.open("mimetype") as member:
            kind = _MEDIA_TYPES.get(member.read(200).strip())
    return kind or ".zip"


def _is_text(sample: bytes, name: str) -> bool:
    # A character may be cut at the end of the sample.
    whole = sample if len(sample) < _SAMPLE_BYTES else sample[: sample.rfind(b"\n") + 1] or sample[:-4]
    if b"\0" in whole and not whole.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    try:
        text, _ = decode(whole, name)
    except LoadError:
        return False
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text)
    return controls * 100 <= len(text)
