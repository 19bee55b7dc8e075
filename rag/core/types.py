"""Holds the records of indexing and retrieval: documents and the slices of them that stages hand on.

Every offset is in code points, counted from 0, half-open, into `Document.text`, which is kept as it was decoded.
The records of a response are in `rag.core.response`.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal, TypeAlias

BlockKind = Literal["heading", "paragraph", "list_item", "table_header", "table_row", "code", "metadata"]
AnswerType = Literal["span", "sentence", "passage"]


Value: TypeAlias = str | int | float
Fields: TypeAlias = Mapping[str, Mapping[Value, Sequence[int]]]
"""By key and value the numbers of the documents that have it."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of code points of one document."""

    document_id: str
    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse a range that runs backwards or starts before the text."""
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span of {self.document_id!r}: need 0 <= start <= end, got {self.start}..{self.end}")

    def __len__(self) -> int:
        """Return the number of code points."""
        return self.end - self.start

    def contains(self, other: "Span") -> bool:
        """Tell whether `other` lies wholly inside."""
        return self.document_id == other.document_id and self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Span") -> bool:
        """Tell whether the two share at least one code point."""
        return self.document_id == other.document_id and max(self.start, other.start) < min(self.end, other.end)


RecognizedRange: TypeAlias = tuple[int, int, int, int, int, int, int]
"""A word that was recognised in a picture: its start and end in the text, how sure it is in percent, and the left, top,
width and height of its box in ten-thousandths of the page as it is shown."""


@dataclass(frozen=True)
class Layout:
    """The structure of a document that its text does not show, as its loader found it; all by offset, in order.

    `blocks` are `(start, end, kind, level, reason)`, which share no character and hold all that are not white space;
    a reason says why a block is not content. Without them the rules of the document's format find the blocks.
    `pages` are the offsets where pages or slides begin, the first for page 1; `parts` are `(start, name)` of sheets,
    chapters or other named parts; `rows` are `(start, number)` of table rows, counted from 1 in the original, 0 after
    the end of a table. `own_lines` tells that the lines of the text are those of the file at `source_path`.
    `page_labels` are the numbers printed on the pages, such as `iv`, if they are not those of `pages`. `lines` are
    `(start, number)` of the lines of the file, if these are known and differ from those of the text. `recognized` are
    the words that were read from pictures of text.
    """

    blocks: tuple[tuple[int, int, BlockKind, int | None, str | None], ...] = ()
    pages: tuple[int, ...] = ()
    parts: tuple[tuple[int, str], ...] = ()
    rows: tuple[tuple[int, int], ...] = ()
    own_lines: bool = False
    page_labels: tuple[str, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()
    recognized: tuple[RecognizedRange, ...] = ()

    def recognized_in(self, start: int, end: int) -> tuple[RecognizedRange, ...]:
        """Return the recognised words that share a character with the range `start:end`."""
        first = bisect_right(self.recognized, start, key=itemgetter(1))
        return self.recognized[first : bisect_left(self.recognized, end, key=itemgetter(0))]


@dataclass(frozen=True)
class Document:
    """One source: its decoded or extracted text, unchanged, and its metadata.

    `format` names the format it was read from; `source_sha256` is the hash of the bytes the document was read from;
    `metadata` holds JSON values, among them `author publisher published_at language uri`.
    """

    id: str
    text: str
    title: str | None = None
    format: str = "text"
    source_path: str | None = None
    source_sha256: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)

    def __post_init__(self) -> None:
        """Refuse an empty id and text that no encoding can hold (lone surrogates)."""
        if not self.id:
            raise ValueError("a document needs an id")
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"document {self.id!r}: lone surrogate at offset {error.start}") from None

    def slice(self, span: Span) -> str:
        """Return the text of `span`; the only way text leaves a document.

        Raises ValueError for a span of another document or past the end.
        """
        if span.document_id != self.id or span.end > len(self.text):
            raise ValueError(f"{span} is not in document {self.id!r} of {len(self.text)} code points")
        return self.text[span.start : span.end]

    @cached_property
    def text_sha256(self) -> str:
        """Return the sha256 of the text in UTF-8, in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def known(self, key: str) -> str | None:
        """Return a metadata value as text, None if it is missing or blank."""
        value = self.metadata.get(key)
        return str(value) if value is not None and str(value).strip() else None


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item, table row or the like; `level` is 1..6 for headings, else None.

    `reason` says why the loader knows that it is not content, None if it does not.
    """

    span: Span
    kind: BlockKind = "paragraph"
    level: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """A stretch of a document that is not content, with the reason why it is taken for that."""

    span: Span
    reason: str


@dataclass(frozen=True)
class Chunk:
    """A passage: a slice of a document, with the ranges of its sentences as offsets into `text`.

    `headings` is the path of headings above it, outermost first. It and `title` may be embedded with the text but
    are never part of it.
    """

    span: Span
    text: str
    title: str | None = None
    headings: tuple[str, ...] = ()
    sentences: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a text that cannot be the slice it claims to be."""
        if len(self.text) != len(self.span):
            raise ValueError(f"chunk {self.id}: {len(self.text)} code points for a span of {len(self.span)}")

    @property
    def id(self) -> str:
        """Return the document's id and the offsets: the same for the same slice in every build."""
        return f"{self.span.document_id}:{self.span.start}-{self.span.end}"

    def locate(self, start: int, end: int) -> Span:
        """Return the document span of the range `start:end` of `text`.

        The only place where inner offsets become document offsets. Raises ValueError outside the chunk.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"range {start}..{end} is not in chunk {self.id}")
        return Span(self.span.document_id, self.span.start + start, self.span.start + end)


@dataclass(frozen=True)
class Hit:
    """A chunk found for a question; `scores` holds the score of each stage, higher is better."""

    row: int
    chunk: Chunk
    score: float
    scores: Mapping[str, float]


def tuples(value: Any) -> Any:
    """Return a JSON value with its lists, inner ones too, as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Extraction:
    """An answer that a reader takes from one chunk: the range `start:end` of its text, and how well it answers.

    `score` orders extractions; `no_answer` is the reader's score that its passage holds none; `features` are the
    figures that confidence is computed from.
    """

    hit: Hit
    start: int
    end: int
    answer_type: AnswerType
    score: float
    no_answer: float
    features: Mapping[str, float] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        """Return the span of the extraction in its document."""
        return self.hit.chunk.locate(self.start, self.end)


@dataclass(frozen=True)
class DocumentSummary:
    """A document without its text.

    `masked` has the characters that are not searched, by reason (`rag.chunking.boilerplate.REASONS`). `left_out` names
    the parts of the file that are not in the text, None if nothing is left out.
    """

    id: str
    title: str | None
    source_path: str | None
    length: int
    chunks: int
    text_sha256: str
    masked: Mapping[str, int] = field(default_factory=dict, hash=False)
    left_out: str | None = None

    @property
    def masked_share(self) -> float:
        """Return the share of the characters that are not searched."""
        return sum(self.masked.values()) / self.length if self.length else 0.0
