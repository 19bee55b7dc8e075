"""Re-checks saved citations against documents as they are now: exact, moved, changed or gone.

Here, and only here, text is searched for: the saved place is known to be stale, and what is reported is not shown as a
quotation of the new text but as what became of the old one.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag.errors import InvalidInput
from rag.sentences import blocks, sentences
from rag.types import Document, Span

LEAST_SIMILARITY = 0.6
"""Share of matching characters (difflib's ratio) from which a sentence counts as the old one, changed."""

RecheckStatus = Literal["exact", "moved", "changed", "gone"]


@dataclass(frozen=True)
class Recheck:
    """What became of one citation. `span` is its place now, `nearest` the text there where it was changed."""

    status: RecheckStatus
    document_id: str
    quote: str
    span: Span | None
    nearest: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        place = None if self.span is None else {"start": self.span.start, "end": self.span.end}
        return {
            "status": self.status, "document_id": self.document_id, "quote": self.quote,
            "document_offset": place, "nearest": self.nearest,
        }  # fmt: skip


def recheck(citation: Mapping[str, Any], document: Document | None) -> Recheck:
    """Return what became of a saved citation (the JSON object of a response) in the document of its id.

    Raises InvalidInput where the object is not a citation.
    """
    try:
        key, start, end = (
            citation["document_id"],
            citation["document_offset"]["start"],
            citation["document_offset"]["end"],
        )
        selector = citation["selector"][0]
        quote, prefix, suffix = selector["exact"], selector["prefix"], selector["suffix"]
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidInput(
            f"This is not a saved citation: {error!r} is missing.", "Give the JSON of a response."
        ) from None
    if document is None:
        return Recheck("gone", key, quote, None)
    if document.text[start:end] == quote:
        return Recheck("exact", key, quote, Span(key, start, end))
    moved = _best_occurrence(document.text, quote, prefix, suffix, start)
    if moved is not None:
        return Recheck("moved", key, quote, Span(key, moved, moved + len(quote)))
    return _nearest(document, quote)


def _best_occurrence(text: str, quote: str, prefix: str, suffix: str, near: int) -> int | None:
    """Return where the quote now stands: best surroundings first, then nearest to the old place."""
    places = []
    found = text.find(quote)
    while found >= 0:
        before, after = text[max(0, found - len(prefix)) : found], text[found + len(quote) :][: len(suffix)]
        places.append((-_shared_end(before, prefix) - _shared_start(after, suffix), abs(found - near), found))
        found = text.find(quote, found + 1)
    return min(places)[2] if places else None


def _shared_start(one: str, other: str) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _shared_end(one: str, other: str) -> int:
    return _shared_start(one[::-1], other[::-1])


def _nearest(document: Document, quote: str) -> Recheck:
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(quote)
    best, place = LEAST_SIMILARITY, None
    for block in blocks(document):
        for sentence in sentences(document, block):
            matcher.set_seq1(document.slice(sentence))
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
                best, place = matcher.ratio(), sentence
    if place is None:
        return Recheck("gone", document.id, quote, None)
    return Recheck("changed", document.id, quote, place, document.slice(place))
