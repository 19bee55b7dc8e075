"""Loads rich text (RTF) as the plain text that striprtf extracts, without hidden and deleted text."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import left_out_note, storable
from rag.loading.formats.plain.text import first_line_title
from rag.loading.metadata import gather
from rag.loading.sources import Source, read_source

_PROPERTY = re.compile(r"\{\\(title|author)\b ?([^{}\\]*+)\}")
MAX_INFO_CHARACTERS = 20_000
"""Characters behind the first `\\info` that are searched for title and author."""
MAX_RTF_BYTES = 16 * 1024 * 1024
"""Bytes of text; striprtf takes some 25 times that in memory. Pictures are taken out before."""
_PICTURE = re.compile(rb"(?<=\s)[0-9a-fA-F]{128}[0-9a-fA-F\s]*")

_TOKEN = re.compile(r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'[0-9a-fA-F]{2}|\\[^a-zA-Z]|[{}]|[^\\{}]++|\\", re.DOTALL)
_HIDING = {
    "v": "hidden texts", "deleted": "deleted texts", "strike": "struck texts", "striked": "struck texts",
}  # fmt: skip
"""Control words that begin text which a word processor does not show, or shows struck out."""
_APART = frozenset("footnote header headerl headerr headerf footer footerl footerr footerf".split())
"""Control words of groups whose text stands apart from the page; striprtf drops them."""


def load_rtf(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of an RTF file. Raises LoadError."""
    data = read_source(source)
    if not data.lstrip().startswith(b"{\\rtf"):
        raise UnreadableSource(f"{source.name} is no RTF file.", "Save it again as RTF.")
    if not data.rstrip(b"\0\r\n\t ").endswith(b"}"):
        raise UnreadableSource(f"{source.name} is cut off: its last bracket is missing.", "Save or download it again.")
    slim = _PICTURE.sub(b"", data)
    if len(slim) > MAX_RTF_BYTES:
        raise UnreadableSource(f"{source.name} holds more than {MAX_RTF_BYTES} bytes of text.", "Split it.")
    text, left_out = rtf_text(slim)
    if not text.strip():
        raise EmptyDocument(f"{source.name} holds no text.", "Leave it out.")
    properties = _properties(slim.decode("cp1252", "replace"))
    title = str(properties.pop("title", "")) or first_line_title(text)
    sha256 = hashlib.sha256(data).hexdigest()
    yield Document(
        source.document_id,
        text,
        title,
        "rtf",
        source.name,
        sha256,
        gather({**properties, **left_out_note(left_out)}, text),
    )


def rtf_text(data: bytes) -> tuple[str, Counter[str]]:
    """Return the text of RTF without hidden and deleted text, and how many of these were left out."""
    from striprtf.striprtf import rtf_to_text

    shown, left_out = _without_hidden_text(data.decode("cp1252", "replace"))
    body, groups = _parted(shown)
    texts = [rtf_to_text(rtf, errors="replace") for rtf in (body, *groups)]  # type: ignore[no-untyped-call]
    apart = dict.fromkeys(text.strip() for text in texts[1:] if any(map(str.isalpha, text)))
    return storable("\n\n".join([texts[0].rstrip(), *apart]) if apart else texts[0]), left_out


def _properties(rtf: str) -> dict[str, object]:
    """Return title and author from the group `info`."""
    start = rtf.find(r"\info")
    info = rtf[start : start + MAX_INFO_CHARACTERS] if start >= 0 else ""
    return {match[1]: match[2].strip() for match in _PROPERTY.finditer(info) if match[2].strip()}


def _parted(rtf: str) -> tuple[str, list[str]]:
    """Return the file without notes, heads and feet, and each of these as a file of its own."""
    if not any(f"\\{word}" in rtf for word in ("footnote", "header", "footer")):
        return rtf, []
    body: list[str] = []
    groups: list[list[str]] = []
    depth = inside = 0
    for token in _TOKEN.finditer(rtf):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if inside and depth < inside:
            inside = 0
        elif not inside and token[1] in _APART:
            inside = depth
            groups.append([])
            continue
        (groups[-1] if inside else body).append(token[0])
    return "".join(body), [f"{{\\rtf1\\ansi {''.join(group)}}}" for group in groups]


def _without_hidden_text(rtf: str) -> tuple[str, Counter[str]]:
    """Return the file without the words of hidden and deleted text, and how many of each were left out."""
    left_out = Counter[str]()
    if not any(f"\\{word}" in rtf for word in _HIDING):
        return rtf, left_out
    kept: list[str] = []
    outer: list[str] = []
    state = counted = ""
    for token in _TOKEN.finditer(rtf):
        text, word = token[0], token[1]
        if text == "{":
            outer.append(state)
        elif text == "}":
            state = outer.pop() if outer else ""
        elif word in _HIDING:
            state = "" if token[2] == "0" else _HIDING[word]
        elif word == "plain":
            state = ""
        if not state:
            counted = ""
        if state and (text[0] not in "\\{}" or text.startswith("\\'") or word == "u"):
            left_out[state] += counted != state and bool(text.strip())
            counted = state if text.strip() else counted
        else:
            kept.append(text)
    return "".join(kept), left_out
