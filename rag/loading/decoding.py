"""Turns the bytes of a text file into text, without touching a character of it.

Line ends stay as they are; a byte order mark is a mark of the encoding and not part of the text.
"""

import codecs
from contextlib import suppress

from rag.core.errors import UnreadableSource
from rag.loading.language import detect

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_LATIN = frozenset(
    ["az", "bs", "cs", "cy", "eo", "et", "hr", "hu", "lt", "lv", "mt", "pl", "ro", "sk", "sl", "sq", "sr", "tr", "vi"]
)
"""Languages of Latin script with letters that Windows-1252 lacks."""
_SAMPLE_BYTES = 64_000
_REMEDY = "Save it as UTF-8 text, or leave it out."


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Return the text of a file and the encoding it was read in.

    A byte order mark decides. Without one it is UTF-8 if the bytes are valid UTF-8, UTF-16 if every second byte is
    NUL, and Windows-1252 if most letters are ASCII and the language is written with it. Otherwise charset-normalizer
    guesses. `name` is for messages. Raises UnreadableSource if the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _strict(data[len(mark) :], encoding)
            if text is not None:
                return text, encoding
    encoding = _unmarked_utf16(data) or "utf-8"
    text = _strict(data, encoding)
    if text is not None:
        return text, encoding
    if b"\0" in data:
        raise UnreadableSource(f"{name} is not text: it holds binary data.", _REMEDY)
    return _guess(data, name)


def labelled(data: bytes, label: str | None, name: str) -> str:
    """Return the text of bytes with a declared encoding, such as a part of a message.

    If the bytes are valid UTF-8 beyond ASCII, the label is ignored. So is an unknown or a wrong label.
    Raises UnreadableSource if the bytes are not text.
    """
    utf8 = _strict(data, "utf-8")
    if utf8 is not None and (label is None or not data.isascii()):
        return utf8.removeprefix("\ufeff")
    with suppress(LookupError, ValueError):
        encoding = codecs.lookup((label or "").strip("\"' ")).name
        # Every browser reads text declared as ISO 8859-1 or ASCII as Windows-1252.
        return data.decode({"iso8859-1": "cp1252", "ascii": "cp1252"}.get(encoding, encoding))
    return decode(data, name)[0]


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: nearly every other byte of Western text is NUL."""
    if len(data) < 16 or len(data) % 2:
        return None
    even, odd = data[::2].count(0), data[1::2].count(0)
    if max(even, odd) < 0.4 * len(data) or min(even, odd) > 0.01 * len(data):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _guess(data: bytes, name: str) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    western = _western(data)
    if western is not None:
        return western, "cp1252"
    for sample in (data[:_SAMPLE_BYTES], data):
        best = from_bytes(sample).best()
        text = _strict(data, best.encoding) if best else None
        if best and text is not None and not _looks_binary(text):
            return text, best.encoding
    raise UnreadableSource(f"{name} is in no encoding that could be recognised.", _REMEDY)


def _western(data: bytes) -> str | None:
    """Return the text in Windows-1252 if that is likely: a few accented letters are too little for statistics."""
    sample = data[:_SAMPLE_BYTES]
    text = _strict(data, "cp1252") if sum(byte > 127 for byte in sample) < 0.3 * len(sample) else None
    if text is None or _looks_binary(text) or detect(text) in _OTHER_LATIN:
        return None
    return text


def _looks_binary(text: str) -> bool:
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text[:_SAMPLE_BYTES])
    return controls > 0.02 * min(len(text), _SAMPLE_BYTES)
