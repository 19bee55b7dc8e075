"""Re-checks saved citations against documents as they are now: exact, moved, changed or gone.

Only this module searches for text: the saved place is known to be stale, and the result is not shown as a quotation of
the new text but as the fate of the old one.
"""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rag.answering.citation import place
from rag.chunking.sentences import blocks, sentences
from rag.core.citations import Place
from rag.core.errors import InvalidInput, LoadError
from rag.core.types import Document, Span
from rag.loading import source_sha256

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore

MIN_SIMILARITY = 0.5
"""Share of words in common (difflib's ratio) from which a sentence counts as the old one, changed."""
MAX_COMPARED_CHARACTERS = 2_000
"""Characters of a quotation for which like sentences are looked for; the time grows with the square of it."""
MAX_SURROUNDING_CHARACTERS = 500
"""Characters beside a quotation that are looked at; a citation of ours has fewer."""
MIN_SURROUNDING_CHARACTERS = 12
"""Characters beside a short quotation that must be as they were: `1991` alone is found in many places."""
MIN_DISTINCT_WORDS = 6
"""Words from which on a quotation is known by itself, wherever it stands."""
MIN_SENTENCE_WORDS = 3
"""Words from which on a whole sentence or line is known by itself, if it stands once."""

RecheckStatus = Literal["exact", "moved", "changed", "gone"]
FileState = Literal["as_indexed", "changed", "missing"]
_EDGE = re.compile(r"(?:[.!?:;。！？؟।…][^\w\s]*\s*|[\r\n]\s*)$")
_TOKEN = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")


@dataclass(frozen=True)
class Recheck:
    """The fate of one citation.

    `span`, `line` and `place` are its present place. If it was changed, `nearest` is the text there and `diff` shows
    removed words `[-in brackets-]` and added ones `{+in braces+}`. `source_file` has the path of the file that the
    document was read from and whether it still is as indexed; None if that was not looked at.
    """

    status: RecheckStatus
    document_id: str
    quote: str
    span: Span | None
    line: int | None = None
    nearest: str | None = None
    diff: str | None = None
    place: Place | None = None
    source_file: tuple[str, FileState] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        offset = None if self.span is None else {"start": self.span.start, "end": self.span.end}
        file = None if self.source_file is None else dict(zip(("path", "state"), self.source_file, strict=True))
        return {
            "status": self.status, "document_id": self.document_id, "quote": self.quote, "document_offset": offset,
            "line_start": self.line, "nearest": self.nearest, "diff": self.diff, "source_file": file,
        }  # fmt: skip


@dataclass(frozen=True)
class _Saved:
    """The place of a saved citation."""

    document_id: str
    start: int
    quote: str
    prefix: str
    suffix: str


def recheck(citation: Mapping[str, Any], document: Document | None) -> Recheck:
    """Return the fate of a saved citation (the JSON object of a response) in the document of its id.

    A quotation counts as found if it stands there word for word. If it is shorter than `MIN_DISTINCT_WORDS` and no
    whole sentence that stands once, some of its old surroundings must stand beside it. The best surroundings win,
    then the place nearest to the old one. Raises InvalidInput if the object is not a citation.
    """
    saved = _saved(citation)
    if document is None:
        return Recheck("gone", saved.document_id, saved.quote, None)
    unchanged = citation.get("content_sha256") == document.text_sha256
    if unchanged and document.text[saved.start :].startswith(saved.quote):
        return _found("exact", saved, document, saved.start)
    start = _best_occurrence(document.text, saved)
    if start is not None:
        return _found("exact" if start == saved.start else "moved", saved, document, start)
    return _nearest(document, saved)


def with_files(rechecks: Sequence[Recheck], store: "DocumentStore") -> list[Recheck]:
    """Return the rechecks with the state of the files that their documents in `store` were read from.

    Citations are checked against the index; a file may have changed since it was indexed.
    """
    sources = store.sources()
    state = lru_cache(maxsize=None)(_file_state)

    def looked_at(item: Recheck) -> Recheck:
        path, sha256 = sources.get(store.source_of(item.document_id) or "", ("", ""))
        now = state(path, sha256) if sha256 else None
        return item if now is None else replace(item, source_file=(path, now))

    return [looked_at(item) for item in rechecks]


def _file_state(path: str, sha256: str) -> FileState | None:
    if not os.path.exists(path):
        return "missing"
    try:
        return "as_indexed" if source_sha256(Path(path)) == sha256 else "changed"
    except LoadError:  # it may not be read: nobody can tell
        return None


def _saved(citation: Mapping[str, Any]) -> _Saved:
    try:
        selector, start = citation["selector"][0], citation["document_offset"]["start"]
        # In JSON 5.0 is the same number as 5.
        start = int(start) if isinstance(start, float) and start.is_integer() else start
        beside = selector["prefix"][-MAX_SURROUNDING_CHARACTERS:], selector["suffix"][:MAX_SURROUNDING_CHARACTERS]
        saved = _Saved(citation["document_id"], start, selector["exact"], *beside)
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidInput(
            f"This is not a saved citation: {error!r} is missing.", "Give the JSON of a response."
        ) from None
    texts = (saved.document_id, saved.quote, saved.prefix, saved.suffix)
    sound = type(start) is int and start >= 0 and bool(saved.quote)
    if not sound or not all(isinstance(text, str) for text in texts):
        what = "This is not a saved citation: a value is of the wrong kind."
        raise InvalidInput(what, "Give the JSON of a response.")
    return saved


def _found(status: RecheckStatus, saved: _Saved, document: Document, start: int) -> Recheck:
    span = Span(document.id, start, start + len(saved.quote))
    now = place(document, span)
    return Recheck(status, document.id, saved.quote, span, now.line_start, place=now)


def _best_occurrence(text: str, saved: _Saved) -> int | None:
    """Return the present offset of the quote: best surroundings first, then nearest to the old place."""
    quote, places = saved.quote, []
    offset = text.find(quote)
    while offset >= 0:
        before = text[max(0, offset - len(saved.prefix)) : offset]
        after = text[offset + len(quote) :][: len(saved.suffix)]
        shared = _shared_end(before, saved.prefix), _shared_start(after, saved.suffix)
        if _is_the_one(saved, *shared) or _stands_alone(saved, text, offset):
            places.append((-sum(shared), abs(offset - saved.start), offset))
        offset = text.find(quote, offset + 1)
    return min(places)[2] if places else None


def _beside(text: str, span: Span, saved: _Saved) -> int:
    """Return how many characters beside a span are as they were beside the quotation."""
    before, after = text[: span.start][-len(saved.prefix) - 1 :], text[span.end :][: len(saved.suffix)]
    return _shared_end(before, saved.prefix) + _shared_start(after, saved.suffix)


def _is_the_one(saved: _Saved, before: int, after: int) -> bool:
    if len(_TOKEN.findall(saved.quote)) >= MIN_DISTINCT_WORDS:
        return True
    beside = len(saved.prefix) + len(saved.suffix)
    return max(before, after) >= min(MIN_SURROUNDING_CHARACTERS, beside) or before + after == beside


def _is_whole(saved: _Saved) -> bool:
    """Tell whether a quotation began and ended with a sentence or a line."""
    begins = not saved.prefix.strip() or _EDGE.search(saved.prefix)
    ends = not saved.suffix.strip() or _EDGE.search(saved.quote) or saved.suffix.lstrip(" ").startswith(("\n", "\r"))
    return bool(begins and ends)


def _stands_alone(saved: _Saved, text: str, offset: int) -> bool:
    """Tell whether a short sentence or line is one again at an offset, and stands only there."""
    end = offset + len(saved.quote)
    again = _Saved(saved.document_id, offset, saved.quote, text[max(0, offset - 40) : offset], text[end : end + 40])
    words, once = len(_TOKEN.findall(saved.quote)), text.find(saved.quote) == offset == text.rfind(saved.quote)
    return words >= MIN_SENTENCE_WORDS and once and _is_whole(saved) and _is_whole(again)


def _shared_start(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _shared_end(one: str, other: str) -> int:
    return _shared_start(one[::-1], other[::-1])


def _nearest(document: Document, saved: _Saved) -> Recheck:
    """Return the sentences most like the quotation, or like the words around one that is only part of a sentence.

    Of equals the one with more of the old surroundings, then the first.
    """
    part = len(_TOKEN.findall(saved.quote)) < MIN_DISTINCT_WORDS or not _is_whole(saved)
    old = saved.prefix + saved.quote + saved.suffix if part else saved.quote
    if len(old) > MAX_COMPARED_CHARACTERS:
        return Recheck("gone", document.id, saved.quote, None)
    likeness = _Likeness(_TOKEN.findall(old), whole=not part)
    best, best_span = (MIN_SIMILARITY, 0), None
    for span in _windows(document, saved.quote):
        figure = likeness.of(_TOKEN.findall(document.slice(span)), best[0])
        if figure >= best[0] and (figure, beside := _beside(document.text, span, saved)) > best:
            best, best_span = (figure, beside), span
    if best_span is None:
        return Recheck("gone", document.id, saved.quote, None)
    nearest, now = document.slice(best_span), place(document, best_span)
    diff = worded_diff(old, nearest)
    return Recheck("changed", document.id, saved.quote, best_span, now.line_start, nearest, diff, now)


class _Likeness:
    """The share of `old` that other words hold, in order: of both if `whole` sentences are compared, else of `old`."""

    def __init__(self, old: Sequence[str], whole: bool) -> None:
        self._old, self._whole = old, whole
        self._matcher = difflib.SequenceMatcher(autojunk=False)
        self._matcher.set_seq2(old)

    def of(self, words: Sequence[str], least: float) -> float:
        """Return a share from 0 to 1; 0 at once if it is sure to be less than `least`."""
        self._matcher.set_seq1(words)
        if not self._whole:
            return sum(block.size for block in self._matcher.get_matching_blocks()) / max(1, len(self._old))
        likely = self._matcher.real_quick_ratio() >= least and self._matcher.quick_ratio() >= least
        return self._matcher.ratio() if likely else 0.0


def _windows(document: Document, quote: str) -> list[Span]:
    """Return the sentences of a document, and for a quotation of several, each run of as many."""
    spans = [sentence for block in blocks(document) for sentence in sentences(document, block)]
    whole = Document("quote", quote)
    count = sum(len(sentences(whole, block)) for block in blocks(whole))
    runs = zip(spans, spans[count - 1 :], strict=False) if count > 1 else ()
    return [*spans, *(Span(document.id, first.start, last.end) for first, last in runs)]


def worded_diff(old: str, new: str) -> str:
    """Return the words of `new` with the removed and the added ones marked.

    >>> worded_diff("It buys 40 percent.", "It buys 45 percent.")
    'It buys [-40-] {+45+} percent.'
    """
    mine, theirs = old.split(), new.split()
    parts = []
    for verdict, low, high, first, last in difflib.SequenceMatcher(None, mine, theirs, False).get_opcodes():
        if verdict == "equal":
            parts += theirs[first:last]
            continue
        parts += [f"[-{' '.join(mine[low:high])}-]"] if low < high else []
        parts += [f"{{+{' '.join(theirs[first:last])}+}}"] if first < last else []
    return " ".join(parts)
