"""The source that a quotation is cited from: its document, the place of the words in it, and their hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag.core.errors import VerificationError
from rag.core.presentation.export import (
    place_label,
    recognition_note,
)
from rag.core.presentation.text_fragment import url_fragment
from rag.core.types import Span


@dataclass(frozen=True)
class SourceInfo:
    """The metadata of the document that a citation leads to, None if unknown."""

    title: str | None = None
    uri: str | None = None
    source_path: str | None = None
    author: str | None = None
    publisher: str | None = None
    published_at: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a citation stands, in the units people and browsers use; `utf16` offsets count UTF-16 units.

    Lines are those of the stored text, but those of the file for a web page. Page or slide, `part` (sheet, chapter) and
    `row` are of the original, None if it has none; `editor_link` is `path:line:column` if the stored text is the file's
    own. `page_label` is the number printed on the page if it differs from `page_number`. `recognition_confidence` says
    how sure the least legible word of a quotation is that was read from a picture, from 0 to 1.
    """

    utf16: tuple[int, int]
    line_start: int
    line_end: int
    page_number: int | None = None
    headings: tuple[str, ...] = ()
    part: str | None = None
    row: int | None = None
    editor_link: str | None = None
    page_label: str | None = None
    recognition_confidence: float | None = None

    def label(self) -> str:
        """Return the place in words, such as `page 3` or `lines 17–19` (`rag.core.presentation.export.place_label`)."""
        words = place_label(self.page_number, self.part, self.row, self.line_start, self.line_end, self.page_label)
        return words + recognition_note(self.recognition_confidence)


@dataclass(frozen=True)
class Citation:
    """A quotation and its place. Made by `rag.answering.citation.cite`, which proves it against the document."""

    number: int
    span: Span
    quote: str
    chunk_id: str
    source: SourceInfo
    place: Place
    prefix: str
    suffix: str
    content_sha256: str
    verified: bool = True

    def __post_init__(self) -> None:
        """Refuse a quotation of another length than its span, an empty one, and one that was not verified."""
        if not self.quote or len(self.quote) != len(self.span):
            raise VerificationError(
                f"Citation {self.number}: quote and span differ in length.", "Report this as a bug."
            )
        if not self.verified:
            raise VerificationError(f"Citation {self.number} was not verified.", "Rebuild the index with `rag index`.")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        at, source = self.place, self.source
        position = {"start": self.span.start, "end": self.span.end}
        return {
            "number": self.number,
            "document_id": self.span.document_id,
            "chunk_id": self.chunk_id,
            **{key: getattr(source, key) for key in SourceInfo.__dataclass_fields__},
            "document_offset": position,
            "document_offset_utf16": {"start": at.utf16[0], "end": at.utf16[1]},
            "page_number": at.page_number,
            "page_label": at.page_label,
            "recognition_confidence": at.recognition_confidence,
            "part": at.part,
            "row": at.row,
            "line_start": at.line_start,
            "line_end": at.line_end,
            "headings": list(at.headings),
            "selector": [
                {"type": "TextQuoteSelector", "exact": self.quote, "prefix": self.prefix, "suffix": self.suffix},
                {"type": "TextPositionSelector", **position},
            ],
            "url_fragment": url_fragment(source.uri, self.quote, self.prefix, self.suffix),
            "editor_link": at.editor_link,
            "content_sha256": self.content_sha256,
            "verified": self.verified,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Citation":
        """Return the citation of a JSON object that `to_dict` wrote. Raises KeyError if a key is missing."""
        offset, utf16, selector = (content[key] for key in ("document_offset", "document_offset_utf16", "selector"))
        place = Place(
            (utf16["start"], utf16["end"]), headings=tuple(content["headings"]), page_label=content.get("page_label"),
            recognition_confidence=content.get("recognition_confidence"),
            **{key: content[key] for key in ("line_start", "line_end", "page_number", "part", "row", "editor_link")},
        )  # fmt: skip
        return cls(
            span=Span(content["document_id"], offset["start"], offset["end"]),
            quote=selector[0]["exact"],
            source=SourceInfo(**{key: content[key] for key in SourceInfo.__dataclass_fields__}),
            place=place,
            prefix=selector[0]["prefix"],
            suffix=selector[0]["suffix"],
            **{key: content[key] for key in ("number", "chunk_id", "content_sha256", "verified")},
        )
