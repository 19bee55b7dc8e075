"""Re-checks saved citations against documents as they are now: exact, moved, changed or gone.

Here, and only here, text is searched for: the saved place is known to be stale, and what is reported is not shown as a
quotation of the new text but as what became of the old one.
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
from rag.core.errors import InvalidInput, LoadError
from rag.core.response import Place
from rag.core.types import Document, Span
from rag.loading import file_sha256

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore

LEAST_SIMILARITY = 0.5
"""Share of words in common (difflib's ratio) from which a sentence counts as the old one, changed."""
LONGEST_COMPARED = 2_000
"""Characters of a quotation for which like sentences are looked for; the time grows with the square of it."""
LONGEST_SURROUNDINGS = 500
"""Characters beside a quotation that are looked at; a citation of ours has fewer."""
LEAST_SURROUNDINGS = 12
"""Characters beside a short quotation that must be as they were: `1991` alone is found in many places."""
DISTINCT_WORDS = 6
"""Words from which on a quotation is known by itself, wherever it stands."""
FEWEST_WORDS = 3
"""Words from which on a whole sentence or line is known by itself, where it stands once."""

RecheckStatus = Literal["exact", "moved", "changed", "gone"]
FileState = Literal["as_indexed", "changed", "missing"]
_EDGE = re.compile(r"(?:[.!?:;。！？؟।…][^\w\s]*\s*|[\r\n]\s*)$")
_TOKEN = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")


@dataclass(frozen=True)
class Recheck:
    """What became of one citation.

    `span`, `line` and `place` are where it stands now. Where it was changed, `nearest` is the text there and `diff`
    tells the words that went `[-in brackets-]` and those that came `{+in braces+}`. `source_file` has the path of the
    file that the document was read from and whether it still is as indexed; None where that was not looked at.
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
    """What a saved citation says of its place."""

    document_id: str
    start: int
    quote: str
    prefix: str
    suffix: str


def recheck(citation: Mapping[str, Any], document: Document | None) -> Recheck:
    """Return what became of a saved citation (the JSON object of a response) in the document of its id.

    A quotation counts as found where it stands word for word and, unless it is `DISTINCT_WORDS` long or a whole
    sentence that stands once, between some of what stood beside it; the best surroundings win, then the place nearest
    to the old one. Raises InvalidInput where the object is not a citation.
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


def with_files(found: Sequence[Recheck], store: "DocumentStore") -> list[Recheck]:
    """Return the rechecks with what became of the files that their documents in `store` were read from.

    The index is what citations are checked against; a file may have gone on since it was indexed.
    """
    known = store.sources()
    state = lru_cache(maxsize=None)(_file_state)

    def looked_at(item: Recheck) -> Recheck:
        path, sha256 = known.get(store.source_of(item.document_id) or "", ("", ""))
        now = state(path, sha256) if sha256 else None
        return item if now is None else replace(item, source_file=(path, now))

    return [looked_at(item) for item in found]


def _file_state(path: str, sha256: str) -> FileState | None:
    if not os.path.exists(path):
        return "missing"
    try:
        return "as_indexed" if file_sha256(Path(path)) == sha256 else "changed"
    except LoadError:  # it may not be read: nobody can tell
        return None


def _saved(citation: Mapping[str, Any]) -> _Saved:
    try:
        selector, start = citation["selector"][0], citation["document_offset"]["start"]
        # In JSON 5.0 is the same number as 5.
        start = int(start) if isinstance(start, float) and start.is_integer() else start
        beside = selector["prefix"][-LONGEST_SURROUNDINGS:], selector["suffix"][:LONGEST_SURROUNDINGS]
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
    """Return where the quote now stands: best surroundings first, then nearest to the old place."""
    quote, places = saved.quote, []
    found = text.find(quote)
    while found >= 0:
        before, after = text[max(0, found - len(saved.prefix)) : found], text[found + len(quote) :][: len(saved.suffix)]
        kept = _shared_end(before, saved.prefix), _shared_start(after, saved.suffix)
        if _is_the_one(saved, *kept) or _stands_alone(saved, text, found):
            places.append((-sum(kept), abs(found - saved.start), found))
        found = text.find(quote, found + 1)
    return min(places)[2] if places else None


def _beside(text: str, span: Span, saved: _Saved) -> int:
    """Return how many characters beside a span are those that stood beside the quotation."""
    before, after = text[: span.start][-len(saved.prefix) - 1 :], text[span.end :][: len(saved.suffix)]
    return _shared_end(before, saved.prefix) + _shared_start(after, saved.suffix)


def _is_the_one(saved: _Saved, before: int, after: int) -> bool:
    if len(_TOKEN.findall(saved.quote)) >= DISTINCT_WORDS:
        return True
    beside = len(saved.prefix) + len(saved.suffix)
    return max(before, after) >= min(LEAST_SURROUNDINGS, beside) or before + after == beside


def _is_whole(saved: _Saved) -> bool:
    """Tell whether a quotation began and ended where sentences or lines do."""
    begins = not saved.prefix.strip() or _EDGE.search(saved.prefix)
    ends = not saved.suffix.strip() or _EDGE.search(saved.quote) or saved.suffix.lstrip(" ").startswith(("\n", "\r"))
    return bool(begins and ends)


def _stands_alone(saved: _Saved, text: str, found: int) -> bool:
    """Tell whether a short sentence or line is one again where nothing beside it is as it was, and is so only there."""
    end = found + len(saved.quote)
    again = _Saved(saved.document_id, found, saved.quote, text[max(0, found - 40) : found], text[end : end + 40])
    words, once = len(_TOKEN.findall(saved.quote)), text.find(saved.quote) == found == text.rfind(saved.quote)
    return words >= FEWEST_WORDS and once and _is_whole(saved) and _is_whole(again)


def _shared_start(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _shared_end(one: str, other: str) -> int:
    return _shared_start(one[::-1], other[::-1])


def _nearest(document: Document, saved: _Saved) -> Recheck:
    """Return the sentences most like the quotation, or like the words around one that is only part of a sentence.

    Of equals the one that has more of what stood beside the quotation, then the first.
    """
    part = len(_TOKEN.findall(saved.quote)) < DISTINCT_WORDS or not _is_whole(saved)
    old = saved.prefix + saved.quote + saved.suffix if part else saved.quote
    if len(old) > LONGEST_COMPARED:
        return Recheck("gone", document.id, saved.quote, None)
    likeness = _Likeness(_TOKEN.findall(old), whole=not part)
    best, found = (LEAST_SIMILARITY, 0), None
    for span in _windows(document, saved.quote):
        figure = likeness.of(_TOKEN.findall(document.slice(span)), best[0])
        if figure >= best[0] and (figure, beside := _beside(document.text, span, saved)) > best:
            best, found = (figure, beside), span
    if found is None:
        return Recheck("gone", document.id, saved.quote, None)
    nearest, now = document.slice(found), place(document, found)
    diff = worded_diff(old, nearest)
    return Recheck("changed", document.id, saved.quote, found, now.line_start, nearest, diff, now)


class _Likeness:
    """How much of `old` other words hold, in order: of both where `whole` sentences are compared, else of `old`."""

    def __init__(self, old: Sequence[str], whole: bool) -> None:
        self._old, self._whole = old, whole
        self._matcher = difflib.SequenceMatcher(autojunk=False)
        self._matcher.set_seq2(old)

    def of(self, words: Sequence[str], least: float) -> float:
        """Return a share from 0 to 1; 0 at once where it is sure to be less than `least`."""
        self._matcher.set_seq1(words)
        if not self._whole:
            return sum(block.size for block in self._matcher.get_matching_blocks()) / max(1, len(self._old))
        likely = self._matcher.real_quick_ratio() >= least and self._matcher.quick_ratio() >= least
        return self._matcher.ratio() if likely else 0.0


def _windows(document: Document, quote: str) -> list[Span]:
    """Return the sentences of a document, and for a quotation of several, each run of as many."""
    found = [sentence for block in blocks(document) for sentence in sentences(document, block)]
    whole = Document("quote", quote)
    count = sum(len(sentences(whole, block)) for block in blocks(whole))
    runs = zip(found, found[count - 1 :], strict=False) if count > 1 else ()
    return [*found, *(Span(document.id, first.start, last.end) for first, last in runs)]


def worded_diff(old: str, new: str) -> str:
    """Return the words of `new` with what went and what came.

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
