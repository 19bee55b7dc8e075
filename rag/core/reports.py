"""Says how far a write of the index is, and what it did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.core.errors import EmptyDocument, LoadError, UnsupportedFormat

NAMED = 3
"""Of many, so many are told by name."""

LEAST_SECONDS, LEAST_SHARE = 10.0, 0.05
"""Work from which on the pace so far says something of the time left."""


@dataclass(frozen=True)
class Progress:
    """How far a build is, in bytes of source; `total` is 0 where it cannot be known.

    `seconds` count from the first text that was embedded, which comes after the models are loaded.
    """

    name: str
    done: int
    total: int
    documents: int
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Return the time left at the pace so far, None before there is a pace to tell it by."""
        if 0 < self.total == self.done:
            return 0.0
        known = self.seconds >= LEAST_SECONDS and self.done >= LEAST_SHARE * self.total
        if not known or not 0 < self.done <= self.total:
            return None
        return self.seconds * (self.total - self.done) / self.done


@dataclass(frozen=True)
class IndexReport:
    """What a write did, by document id.

    `duplicates` has one entry for each text that several documents hold, where one of them is new: that one's id and
    its equals. `near_duplicates` has one entry for each group of documents that are much alike
    (`rag.index.writing.near_duplicates`) where
    one is new: one's id and the others'. `failed` has sources with the reason; those among them that should have been
    readable are `unreadable`. `notes` has what is not as one may expect: files that lie elsewhere now, links that were
    left out, a recall of the search below 0.98.
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


def duration(seconds: float) -> str:
    """Return a time left, as roughly as it is known.

    >>> duration(4.2), duration(200)
    ('5 s', '4 min')
    """
    return f"{int(seconds) + 1} s" if seconds < 90 else f"{int(seconds // 60) + 1} min"


def first_few(told: Sequence[str]) -> str:
    """Return the first of many, and how many more there are.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    return ", ".join(told[:NAMED]) + (f" and {len(told) - NAMED} more" if len(told) > NAMED else "")
