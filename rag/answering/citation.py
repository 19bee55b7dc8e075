"""Turns a span into a citation and proves that it is one; nothing is ever found by searching for its text."""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TypeVar

from rag.core.citations import Citation, Place, SourceInfo
from rag.core.errors import VerificationError
from rag.core.response import Answer
from rag.core.types import Chunk, Document, Layout, Span

QUOTE_CONTEXT = 32
"""Characters kept before and after a quote, as TextQuoteSelector's prefix and suffix."""
LINE_END = re.compile(r"\r\n|\r|\n")
MarkValue = TypeVar("MarkValue", int, str)


def cite(document: Document, chunk: Chunk, span: Span, number: int) -> Citation:
    """Return the citation of `span`, verified against the document."""
    text = document.text
    citation = Citation(
        number=number,
        span=span,
        quote=document.slice(span),
        chunk_id=chunk.id,
        source=source_info(document),
        place=place(document, span, chunk.headings),
        prefix=text[max(0, span.start - QUOTE_CONTEXT) : span.start],
        suffix=text[span.end : span.end + QUOTE_CONTEXT],
        content_sha256=document.text_sha256,
    )
    verify(citation, document)
    return citation


def verify(citation: Citation, document: Document) -> None:
    """Prove that the document is the one cited, unchanged, and holds the quote at its place.

    The hash is computed again at each call. Raises VerificationError.
    """
    span = citation.span
    if document.id != span.document_id or document.text[span.start : span.end] != citation.quote:
        raise _refuted(citation, "the quote does not stand there")
    if hashlib.sha256(document.text.encode("utf-8")).hexdigest() != citation.content_sha256:
        raise _refuted(citation, "the document is not the one that was indexed")


def verify_answers(answers: Iterable[Answer], documents: dict[str, Document]) -> None:
    """Prove every citation and every context of the answers. Raises VerificationError."""
    for answer in answers:
        for citation in (answer.citation, *answer.also_in):
            verify(citation, documents[citation.span.document_id])
        if documents[answer.context_span.document_id].slice(answer.context_span) != answer.context:
            raise _refuted(answer.citation, "its context does not stand there")


def source_info(document: Document) -> SourceInfo:
    """Return the metadata of a document, missing values as None."""
    fields = {key: document.known(key) for key in ("uri", "author", "publisher", "published_at", "language")}
    return replace(SourceInfo(**fields), title=document.title or None, source_path=document.source_path)


def place(document: Document, span: Span, headings: tuple[str, ...] = ()) -> Place:
    """Return the place of a span: lines, pages and rows counted from 1, and offsets in UTF-16 units."""
    before, inside, layout = document.text[: span.start], document.slice(span), document.layout
    start = utf16_length(before)
    # One character more is looked at: between CR and LF no line has ended.
    ends = [match.end() for match in LINE_END.finditer(document.text[: span.start + 1]) if match.end() <= span.start]
    line = 1 + len(ends)
    last_line = line + len(LINE_END.findall(inside))
    page = bisect_right(layout.pages, span.start)
    link = f"{document.source_path}:{line}:{span.start - (ends[-1] if ends else 0) + 1}"
    return Place(
        utf16=(start, start + utf16_length(inside)),
        line_start=_last_before(layout.lines, span.start) or line,
        line_end=_last_before(layout.lines, max(span.start, span.end - 1)) or last_line,
        page_number=page or None,
        headings=headings,
        part=_last_before(layout.parts, span.start),
        row=_last_before(layout.rows, span.start) or None,
        editor_link=link if layout.own_lines and document.source_path else None,
        page_label=(layout.page_labels[page - 1] or None) if 0 < page <= len(layout.page_labels) else None,
        recognition_confidence=_confidence(layout, span),
    )


def _confidence(layout: Layout, span: Span) -> float | None:
    """Return how sure the least legible recognised word of a span is, None if none was recognised."""
    percents = [percent for _, _, percent, *_ in layout.recognized_in(span.start, span.end)]
    return min(percents) / 100 if percents else None


def _last_before(marks: Sequence[tuple[int, MarkValue]], offset: int) -> MarkValue | None:
    count = bisect_right(marks, offset, key=itemgetter(0))
    return marks[count - 1][1] if count else None


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, the unit of JavaScript and of the language server protocol.

    >>> utf16_length("a😀")
    3
    """
    return len(text.encode("utf-16-le")) // 2


def _refuted(citation: Citation, reason: str) -> VerificationError:
    return VerificationError(
        f"Citation {citation.number} of {citation.span.document_id!r} at {citation.span.start}..{citation.span.end}"
        f" failed its check: {reason}.",
        "Run `rag check`; if the index is sound, report this as a bug.",
    )
