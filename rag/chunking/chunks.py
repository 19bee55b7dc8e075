"""Cuts a document into passages that are slices of it: whole sentences, one section, short enough to embed.

langchain-text-splitters proposes each cut, used in the one way whose offsets can be trusted (length in characters,
no overlap, nothing stripped, separators kept, so that the pieces concatenate to the input, which is checked). A cut in
mid-sentence is moved back to the sentence's start; a passage of too many tokens is cut again, shorter.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any

from rag.chunking.sentences import sentences
from rag.core.types import Block, Chunk, Document, Mask, Span

MAX_PREFIX_CHARACTERS = 200
"""Characters of title and headings that are embedded with a passage at most."""

TABLE_LEVEL = 7
"""Level of a table's header in the path of headings: below all of these, above the rows."""

TokenCounter = Callable[[Sequence[str]], list[int]]
_START, _END = attrgetter("start"), attrgetter("end")


def embedding_text(chunk: Chunk) -> str:
    """Return the text that is embedded and searched for a chunk: title and headings, a line break, the passage.

    A private copy: `Chunk.text` stays the slice it is.
    """
    return "\n".join(part for part in (heading_text(chunk), chunk.text.strip()) if part)


def embedded_sentences(chunk: Chunk) -> list[tuple[int, int]]:
    """Return the ranges of the chunk's sentences in its `embedding_text`."""
    text = chunk.text.strip()
    shift = len(embedding_text(chunk)) - len(text) - (len(chunk.text) - len(chunk.text.lstrip()) if text else 0)
    return [(start + shift, end + shift) for start, end in chunk.sentences]


def heading_text(chunk: Chunk) -> str:
    """Return title and headings in one line, cut to `MAX_PREFIX_CHARACTERS` characters."""
    path = [part for part in (chunk.title, *chunk.headings) if part]
    return " > ".join(" ".join(part.split()) for part in path)[:MAX_PREFIX_CHARACTERS]


def chunk(
    document: Document,
    blocks: Sequence[Block],
    masks: Sequence[Mask],
    chunk_size: int,
    max_tokens: int,
    count_tokens: TokenCounter,
) -> list[Chunk]:
    """Return the chunks of a document in order; together they cover all text of blocks that is not masked.

    `chunk_size` is in characters, `max_tokens` bounds `embedding_text` as counted by `count_tokens`.
    """
    chunks = [
        piece for section in _sections(document, blocks, masks) for piece in _cut(document, section, chunk_size)
    ]  # fmt: skip
    return _fitted(document, chunks, max_tokens, count_tokens)


@dataclass
class _Section:
    """A stretch of content under one path of headings; its body begins where its own headings end."""

    start: int
    end: int
    body_start: int
    headings: tuple[str, ...] = ()
    sentences: list[Span] = field(default_factory=list)
    in_table: bool = False


def _sections(document: Document, blocks: Sequence[Block], masks: Sequence[Mask]) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    section: _Section | None = None
    for block, part in _content(document, blocks, masks):
        if section and _ends_before(document, section, block, part):
            yield section
            section = None
        section = section or _Section(part.start, part.end, part.start)
        section.end = part.end
        if block.kind != "table_row":
            path = [above for above in path if above[0] < TABLE_LEVEL]
        if block.kind in ("heading", "table_header"):
            level = TABLE_LEVEL if block.kind == "table_header" else block.level or 1
            path = [*(above for above in path if above[0] < level), (level, document.slice(part).strip("#=- \t\r\n"))]
            section.body_start = part.end
            section.in_table = level == TABLE_LEVEL
        else:
            section.sentences += _inside(sentences(document, block), part)
        section.headings = tuple(text for _, text in path if text and text != document.title)
    if section:
        yield section


def _ends_before(document: Document, section: _Section, block: Block, part: Span) -> bool:
    masked_between = bool(document.text[section.end : part.start].strip())
    begins = block.kind in ("heading", "table_header") and section.body_start < section.end
    return masked_between or begins or (section.in_table and block.kind != "table_row")


def _inside(spans: Sequence[Span], part: Span) -> list[Span]:
    return [
        Span(part.document_id, max(span.start, part.start), min(span.end, part.end))
        for span in spans
        if span.overlaps(part)
    ]


def _content(document: Document, blocks: Sequence[Block], masks: Sequence[Mask]) -> Iterator[tuple[Block, Span]]:
    masked = sorted(mask.span for mask in masks)
    ends = [span.end for span in masked]
    for block in blocks:
        start = block.span.start
        for mask in masked[bisect_right(ends, start) :]:
            if mask.start >= block.span.end:
                break
            yield from _part(document, block, start, mask.start)
            start = max(start, mask.end)
        yield from _part(document, block, start, block.span.end)


def _part(document: Document, block: Block, start: int, end: int) -> Iterator[tuple[Block, Span]]:
    start, end = _trimmed(document.text, start, end)
    if start < end:
        yield block, Span(document.id, start, end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut(document: Document, section: _Section, chunk_size: int) -> Iterator[Chunk]:
    # The first sentence is no place to cut: before it stand only headings, which belong to it.
    breaks = [sentence.start for sentence in section.sentences[1:]]
    start = section.start
    while start < section.end:
        end = _next_cut(document.text, section, breaks, start, chunk_size)
        # White space stays behind the text it follows, so that no chunk is blank.
        while end < section.end and document.text[end].isspace():
            end += 1
        yield _chunk(document, section, start, end)
        start = end


def _next_cut(text: str, section: _Section, breaks: Sequence[int], start: int, chunk_size: int) -> int:
    if section.end - start <= chunk_size:
        return section.end
    cut = start + _first_piece(text[start : min(section.end, start + 2 * chunk_size)], chunk_size)
    if cut <= section.body_start:
        # The splitter would part the headings from their text.
        cut = min(section.end, start + chunk_size)
    last = bisect_right(breaks, cut) - 1
    return breaks[last] if last >= 0 and breaks[last] > start else cut


def _first_piece(window: str, chunk_size: int) -> int:
    pieces = _splitter(chunk_size).split_text(window)
    if "".join(pieces) != window:
        raise AssertionError("the splitter did not return its input; offsets would be wrong")
    return len(pieces[0])


@lru_cache(maxsize=64)
def _splitter(chunk_size: int) -> Any:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        chunk_size=chunk_size, chunk_overlap=0, strip_whitespace=False, keep_separator=True, length_function=len
    )


def _chunk(document: Document, section: _Section, start: int, end: int) -> Chunk:
    low = bisect_right(section.sentences, start, key=_END)
    high = bisect_left(section.sentences, end, key=_START)
    # A sentence longer than a chunk is cut at white space, which is no part of either piece.
    pieces = (
        _trimmed(document.text, max(sentence.start, start), min(sentence.end, end))
        for sentence in section.sentences[low:high]
    )
    inner = tuple((first - start, last - start) for first, last in pieces if first < last)
    span = Span(document.id, start, end)
    return Chunk(span, document.slice(span), document.title, section.headings, inner)


def _fitted(document: Document, chunks: Sequence[Chunk], max_tokens: int, count_tokens: TokenCounter) -> list[Chunk]:
    fitted: list[Chunk] = []
    for piece, tokens in zip(chunks, count_tokens([embedding_text(piece) for piece in chunks]), strict=True):
        if tokens <= max_tokens or len(piece.text) == 1:
            fitted.append(piece)
            continue
        whole = [piece.locate(*inner) for inner in piece.sentences]
        section = _Section(piece.span.start, piece.span.end, piece.span.start, piece.headings, whole)
        written = piece.span.start + len(piece.text.rstrip())
        if written < piece.span.end:
            # Most white space behind a text is part of it, but some tokenizers count it, and it can be without end.
            pieces = [_chunk(document, section, piece.span.start, written)]
        else:
            size = min(len(piece.text) - 1, max(1, int(len(piece.text) * max_tokens / tokens * 0.9)))
            pieces = list(_cut(document, section, size))
        fitted += _fitted(document, pieces, max_tokens, count_tokens)
    return fitted
