"""Reports the progress of a write of the index, and its result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.core.errors import EmptyDocument, LoadError, UnsupportedFormat

NAMED = 3
"""Names that are listed of many."""

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
    that were skipped, a recall of the search below 0.98.
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


def first_few(names: Sequence[str]) -> str:
    """Return the first of many, and how many more there are.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
