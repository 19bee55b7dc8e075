"""Takes the passage around each quotation of a response out of its document, and the pictures of its pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.core.errors import InvalidInput, UnreadableSource
from rag.core.types import Document, Span
from rag.index.index import Index
from rag.loading.pages.pdf_originals import PdfOriginals
from rag.loading.pages.pdf_pages import FORMATS_WITH_PAGES, Box

SURROUNDING_CHARACTERS = 500
"""Characters of the document before and after a quotation, or its sentence, that a pack holds."""
PICTURE_WIDTH = 1_000
"""Pixels."""
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A page with the words of a quotation tinted; `boxed` is false if their boxes could not be proven."""

    page_number: int
    png: bytes
    boxed: bool


@dataclass(frozen=True)
class Passage:
    """A quotation within the text around it: `text` is `start:end` of the document.

    `answer` is the JSON of the answer, `citation` that of the quotation or of a copy of it in another document.
    `pages_note` says why there is no picture, None if there is one or if the document has no pages.
    """

    answer: Json
    citation: Json
    document: Document
    start: int
    text: str
    pictures: tuple[Picture, ...] = ()
    pages_note: str | None = None

    @property
    def quote(self) -> tuple[int, int]:
        """Return the range of the quotation in `text`."""
        offset = self.citation["document_offset"]
        return offset["start"] - self.start, offset["end"] - self.start


class PassageFinder:
    """Finds passages in one version of an index; each document and each picture is read once."""

    def __init__(self, index: Index, pages: PdfOriginals | None) -> None:
        """Read nothing yet. Without `pages` there are no pictures."""
        self._index, self._pages = index, pages
        self._documents: dict[str, Document | None] = {}

    def passages(self, response: Json) -> list[Passage]:
        """Return a passage for each quotation of a response.

        Raises InvalidInput if a document is not the cited one any more.
        """
        return [self._passage(answer, citation) for answer, citation in quotations(response)]

    def _passage(self, answer: Json, citation: Json) -> Passage:
        document = self._cited(citation)
        low, high = citation["document_offset"]["start"], citation["document_offset"]["end"]
        if citation is answer["citation"]:  # a copy has no sentence of its own in the response
            low -= answer["context_offset"]["start"]
            high += len(answer["context"]) - answer["context_offset"]["end"]
            if low < 0 or document.text[low:high] != answer["context"] or answer["answer"] != _quote(citation):
                raise _not_quoted(document.id)
        start, end = _surroundings(document.text, low, high)
        pictures, note = self._pictures(document, citation)
        return Passage(answer, citation, document, start, document.text[start:end], pictures, note)

    def _cited(self, citation: Json) -> Document:
        """Return the document of a citation, with the quotation proven. Raises InvalidInput."""
        document_id, offset = citation["document_id"], citation["document_offset"]
        if document_id not in self._documents:
            self._documents[document_id] = self._index.document(document_id)
        document = self._documents[document_id]
        unchanged = document is not None and document.text_sha256 == citation["content_sha256"]
        if document is None or not unchanged or document.text[offset["start"] : offset["end"]] != _quote(citation):
            raise _not_quoted(document_id)
        return document

    def _pictures(self, document: Document, citation: Json) -> tuple[tuple[Picture, ...], str | None]:
        if self._pages is None or document.format not in FORMATS_WITH_PAGES:
            return (), None
        span = Span(document.id, citation["document_offset"]["start"], citation["document_offset"]["end"])
        try:
            boxes = self._pages.places(document, self._index.path, span).boxes
            return tuple(
                Picture(number, self._picture(document, number, marks or ()), marks is not None)
                for number, marks in sorted(boxes.items())
            ), None
        except UnreadableSource as error:
            return (), error.message

    def _picture(self, document: Document, number: int, marks: Sequence[Box]) -> bytes:
        assert self._pages is not None
        return self._pages.picture(document, self._index.path, number, PICTURE_WIDTH, marks)


def quotations(response: Json) -> Iterator[tuple[Json, Json]]:
    """Yield answer and citation of each quotation, copies too; possible answers come if there are no sure ones."""
    possible = (response.get("no_answer") or {}).get("possible", ())
    for answer in (*response["answers"], *possible):
        for citation in (answer["citation"], *answer.get("also_in", ())):
            yield answer, citation


def _quote(citation: Json) -> str:
    return str(citation["selector"][0]["exact"])


def _not_quoted(document_id: str) -> InvalidInput:
    what = f"The quotation does not stand in {document_id!r} as it is now."
    return InvalidInput(what, "Ask the question again, or see what changed: rag verify FILE")


def _surroundings(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a range with the characters around `start:end`, cut at white space."""
    low, high = max(0, start - SURROUNDING_CHARACTERS), min(len(text), end + SURROUNDING_CHARACTERS)
    while 0 < low < start and not text[low - 1].isspace():
        low += 1
    while end < high < len(text) and not text[high].isspace():
        high -= 1
    return low, high
