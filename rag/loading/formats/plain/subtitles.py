"""Loads subtitles and transcripts (SRT, VTT): the file's own text; a citation leads to the time of its words."""

import re
from collections.abc import Iterator

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document, Layout
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import gather
from rag.loading.sources import Source

_TIMING = re.compile(r"[ \t]*((?:\d{1,3}:)?\d{1,2}:\d{2})[.,]\d{1,3}[ \t]+-->[ \t]+\S")
_NO_WORDS = re.compile(r"WEBVTT\b|NOTE\b|STYLE\b|REGION\b")
_Block = tuple[int, int, BlockKind, int | None, str | None]


def load_subtitles(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a file of subtitles. Raises LoadError."""
    text, sha256, encoding = read_text(source)
    is_vtt = text.lstrip("\ufeff").startswith("WEBVTT")
    blocks: list[_Block] = []
    times: list[tuple[int, str]] = []
    for lines in _cues(text):
        timing = next((i for i, (start, end) in enumerate(lines[:2]) if _TIMING.match(text, start, end)), None)
        if timing is None:
            reason = "markup" if _NO_WORDS.match(text, lines[0][0]) else None
            blocks.append((lines[0][0], lines[-1][1], "paragraph", None, reason))
            continue
        match = _TIMING.match(text, lines[timing][0])
        times.append((lines[0][0], match[1] if match else ""))
        if timing and not is_vtt and not text[slice(*lines[0])].isdecimal():
            blocks.append((*lines.pop(0), "paragraph", None, None))  # words that lost their place
            timing = 0
        blocks.append((lines[0][0], lines[timing][1], "paragraph", None, "markup"))
        if lines[timing + 1 :]:
            blocks.append((lines[timing + 1][0], lines[-1][1], "paragraph", None, None))
    words = "\n".join(text[start:end] for start, end, _, _, reason in blocks[:200] if reason is None)
    layout = Layout(tuple(blocks), parts=tuple(times), own_lines=not source.depth)
    yield Document(
        source.document_id, text, None, "subtitles", source.name, sha256, gather(encoding, words), layout
    )  # fmt: skip


def _cues(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield the lines of each group between blank lines, as their start and end without white space."""
    lines: list[tuple[int, int]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        words = line.strip()
        first = start + line.find(words[:1]) if words else start
        if words:
            lines.append((first, first + len(words)))
        elif lines:
            yield lines
            lines = []
        start += len(line)
    if lines:
        yield lines
