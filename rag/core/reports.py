"""Reports the progress of a write of the index, and its result."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rag.core.errors import EmptyDocument, LoadError, UnsupportedFormat
from rag.core.types import DocumentSummary

NAMED = 3
"""Names that are listed of many."""

MAX_DESCRIBED_DOCUMENTS = 10_000
"""Documents that a report describes; it names all of them."""
MAX_MASKED_SHARE = 1 / 3
"""Share of a document's characters that may be masked without a warning."""
MIN_PACE_SECONDS, MIN_PACE_SHARE = 10.0, 0.05
"""If less than this is done, the pace so far says nothing of the time left."""


@dataclass(frozen=True)
class Progress:
    """Progress of a build in bytes of source; `total` is 0 if it cannot be known.

    `seconds` count from the first text that was embedded, which comes after the models are loaded.
    """

    name: str
    done: int
    total: int
    documents: int
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Return the time left at the pace so far, None if there is no pace yet."""
        if 0 < self.total == self.done:
            return 0.0
        has_pace = self.seconds >= MIN_PACE_SECONDS and self.done >= MIN_PACE_SHARE * self.total
        if not has_pace or not 0 < self.done <= self.total:
            return None
        return self.seconds * (self.total - self.done) / self.done


@dataclass(frozen=True)
class IndexReport:
    """The result of a write, by document id.

    `duplicates` has one entry for each text that several documents hold, if one of them is new: the id of the new one
    and of its equals. `near_duplicates` has one entry for each group of similar documents
    (`rag.index.writing.near_duplicates`), if one is new: its id and the others'. `failed` has sources with the reason;
    `unreadable` are those of them that should have been readable. `notes` has surprises: files that have moved, links
    that were skipped, parts that are not in the text, documents of which more than a third is masked, a recall of
    the search below 0.98. `documents` describes the added and updated documents, at most 10,000 of them.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    near_duplicates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    documents: tuple[DocumentSummary, ...] = field(default=(), compare=False, repr=False)

    def with_failed(self, failed: Sequence[tuple[str, LoadError]]) -> "IndexReport":
        """Return the report with more sources that failed."""
        return replace(
            self,
            failed=(*self.failed, *((source, str(error)) for source, error in failed)),
            unreadable=(*self.unreadable, *(source for source, error in failed if is_fault(error))),
        )


def is_fault(error: LoadError) -> bool:
    """Tell whether a source should have been readable."""
    return not isinstance(error, UnsupportedFormat | EmptyDocument)


def document_facts(summary: DocumentSummary) -> str:
    """Return how much of a document is searched, with the reason of each masked share and the parts left out.

    >>> masked = {"share": 100, "not_main_text": 900}
    >>> document_facts(DocumentSummary("a", None, None, 2_000, 3, "", masked, "hidden texts (2)"))
    '3 passages, 2,000 characters, 50% masked (not main text 45%, share 5%), not in the text: hidden texts (2)'
    """
    facts = [
        f"{summary.chunks:,} passage" + ("" if summary.chunks == 1 else "s"),
        f"{summary.length:,} character" + ("" if summary.length == 1 else "s"),
    ]
    if summary.masked:
        facts.append(f"{summary.masked_share:.0%} masked ({masked_shares(summary)})")
    if summary.left_out:
        facts.append(f"not in the text: {summary.left_out}")
    return ", ".join(facts)


def is_mostly_masked(summary: DocumentSummary) -> bool:
    """Tell if more than a third of a document is masked; times of subtitles and commands of LaTeX do not count.

    >>> summary = DocumentSummary("a", None, None, 100, 3, "", {"markup": 60, "share": 30}, "")
    >>> is_mostly_masked(summary), is_mostly_masked(replace(summary, masked={"share": 40}))
    (False, True)
    """
    markup = summary.masked.get("markup", 0)
    return summary.masked_share - markup / max(summary.length, 1) > MAX_MASKED_SHARE


def masked_shares(summary: DocumentSummary) -> str:
    """Return the masked share of a document by reason, the largest first."""
    by_size = sorted(summary.masked.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason.replace('_', ' ')} {count / summary.length:.0%}" for reason, count in by_size)


def duration(seconds: float) -> str:
    """Return a time left, as roughly as it is known.

    >>> duration(4.2), duration(200)
    ('5 s', '4 min')
    """
    return f"{int(seconds) + 1} s" if seconds < 90 else f"{int(seconds // 60) + 1} min"


def first_few(names: Sequence[str]) -> str:
    """Return the first of many, and how many more there are.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
