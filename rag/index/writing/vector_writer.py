"""Decides how the vectors of an index are searched, and writes their files: streamed, so that memory holds no copy.

Up to 50,000 vectors are compared one by one (`rag.index.storage.flat_vectors`). More are kept in 8 bits, all in one
list to 300,000, then in
about 4 sqrt(n) lists of which a question looks at some; the best candidates are compared again in 16 bits
(`rag.index.storage.quantised_vectors`). What comes later goes to a small part beside them that is compared exactly.
When that has grown to a
tenth, all is written anew with the lists as they are; only where the measured recall is then below what is promised are
the lists made anew, in the same write: readers go on with the version they have until the commit.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.index.storage.flat_vectors import FaissStore
from rag.index.storage.quantised_vectors import (
    ADDED,
    BASE,
    FAST,
    FIGURE,
    FULL,
    REMOVED,
    ROWS,
    SEARCH_FACTS,
    QuantisedStore,
    SearchFacts,
    as_figures,
    open_vectors,
)
from rag.index.writing.commit import link_file
from rag.index.writing.vector_training import PROMISE, extended, save, trained, tuned

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d

FLAT_MOST, SQ8_MOST = 50_000, 300_000
ADDED_SHARE, ADDED_MOST = 0.1, 20_000
"""Share of the vectors, and number, that may have been added or removed before all are written anew."""
AT_ONCE = 8_192
FRESH = "vectors.fresh"
VECTOR_FILES = (*BASE, ADDED, REMOVED, SEARCH_FACTS)


def kind_for(count: int, wanted: str = "auto") -> str:
    """Return how so many vectors are searched: `flat`, `sq8` or `ivf`; the wanted way, where there are any.

    >>> [kind_for(count) for count in (50_000, 50_001, 300_001)]
    ['flat', 'sq8', 'ivf']
    """
    if wanted != "auto" and count:
        return wanted
    return "flat" if count <= FLAT_MOST else "sq8" if count <= SQ8_MOST else "ivf"


def told(facts: SearchFacts) -> str:
    """Return how vectors are searched, in words."""
    where = f"{facts.lists} lists, {facts.probes} of them searched" if facts.kind == "ivf" else "all compared in 8 bits"
    found = f"recall@10 {facts.recall:.3f} at {facts.sampled} passages with noise"
    short = "" if facts.recall >= PROMISE else f", below {PROMISE}; vector_index=flat, with --rebuild, finds all"
    return f"{facts.kind} ({where}, {facts.candidates} compared again), {found}{short}"


class VectorWriter:
    """Takes what changes in the vectors of the version in `base`, and writes the files of the next one to `folder`."""

    def __init__(self, folder: Path, base: Path | None, dimension: int, wanted: str = "auto") -> None:
        """Begin with what `base` holds, or with nothing, of this dimension; see `finish`."""
        self._folder, self._base_folder, self._wanted = folder, base, wanted
        self._base = None if base is None else open_vectors(base)
        self.dimension = dimension if self._base is None else self._base.dimension
        self._held = np.zeros(0, np.int64) if self._base is None else self._base.rows()
        self._fresh = (folder / FRESH).open("w+b")
        self._rows: list[Ints1d] = []
        self._last = int(self._held.max(initial=-1))
        self._removed: list[Ints1d] = []

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Take new rows, rising and higher than all before. Raises ValueError for others, OSError by the disk."""
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"need vectors of shape {(len(rows), self.dimension)}, got {vectors.shape}")
        if (np.diff(rows, prepend=self._last) <= 0).any():
            raise ValueError("a row is not higher than those before")
        self._fresh.write(np.ascontiguousarray(vectors, np.float32).tobytes())
        self._rows.append(np.array(rows, np.int64))
        self._last = int(rows[-1]) if len(rows) else self._last

    def remove(self, rows: "Ints1d") -> None:
        """Drop rows that are held or were added; `finish` raises ValueError for others."""
        self._removed.append(np.array(rows, np.int64))

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors, float32 (n, dimension), also of dropped rows; one that was never held: ValueError."""
        new = self._new_rows()
        places = np.searchsorted(new, rows)
        is_new = places < len(new)
        is_new[is_new] = new[places[is_new]] == rows[is_new]
        found = np.empty((len(rows), self.dimension), np.float32)
        if is_new.any():
            found[is_new] = self._new_vectors()[places[is_new]]
        if not is_new.all():
            if self._base is None:
                raise ValueError("a row is not stored")
            found[~is_new] = self._base.get(rows[~is_new])
        return found

    def finish(self) -> tuple[str, ...]:
        """Write the files; return what the user should know of them. Raises OSError where the disk refuses."""
        removed = np.unique(np.concatenate([*self._removed, np.zeros(0, np.int64)]))
        if not (np.isin(removed, self._held) | np.isin(removed, self._new_rows())).all():
            raise ValueError("a row is not stored")
        kind = kind_for(len(self._held) + len(self._new_rows()) - len(removed), self._wanted)
        facts = None
        if kind == "flat":
            self._write_flat(removed)
        elif isinstance(self._base, QuantisedStore) and self._is_little(self._base, removed):
            facts = self._write_beside(self._base, removed)
        else:
            facts = self._write_anew(kind, removed)
        self.close()
        return (told(facts),) if facts and facts.recall < PROMISE else ()

    def close(self) -> None:
        """Drop the file of what is new."""
        self._fresh.close()
        (self._folder / FRESH).unlink(missing_ok=True)

    def _new_rows(self) -> "Ints1d":
        if len(self._rows) != 1:
            self._rows = [np.concatenate([*self._rows, np.zeros(0, np.int64)])]
        return self._rows[0]

    def _new_vectors(self) -> "Floats2d":
        self._fresh.flush()
        count = len(self._new_rows())
        if not count:  # a file of nothing cannot be mapped
            return np.zeros((0, self.dimension), np.float32)
        return np.memmap(self._folder / FRESH, np.float32, "r", shape=(count, self.dimension))

    def _new(self, removed: "Ints1d") -> "Iterator[tuple[Ints1d, Floats2d]]":
        """Yield rows and vectors of what was added and stays, some thousand at a time."""
        self._fresh.flush()
        for start in range(0, len(self._new_rows()), AT_ONCE):
            rows = self._new_rows()[start : start + AT_ONCE]
            # Read, not mapped: the pages of millions would stay in memory till the last of them is written.
            figures = np.fromfile(self._folder / FRESH, np.float32, rows.size * self.dimension,
                                  offset=start * self.dimension * 4)  # fmt: skip
            kept = ~np.isin(rows, removed)
            yield rows[kept], figures.reshape(rows.size, self.dimension)[kept]

    def _old(self, removed: "Ints1d") -> "Iterator[tuple[Ints1d, Floats2d]]":
        kept = np.setdiff1d(self._held, removed)
        for start in range(0, len(kept), AT_ONCE):
            rows = kept[start : start + AT_ONCE]
            yield rows, self.get(rows)

    def _write_flat(self, removed: "Ints1d") -> None:
        store = FaissStore(self.dimension)
        if isinstance(self._base, FaissStore) and self._base_folder:
            store = FaissStore.open(self._base_folder / FAST, writable=True)
            store.remove(removed[np.isin(removed, self._held)])
        else:
            for rows, vectors in self._old(removed):
                store.add(rows, vectors)
        for rows, vectors in self._new(removed):
            store.add(rows, vectors)
        store.save(self._folder / FAST)

    def _is_little(self, base: QuantisedStore, removed: "Ints1d") -> bool:
        most = min(ADDED_MOST, int(ADDED_SHARE * len(base.base_rows)))
        added = len(self._new_rows()) + (0 if base.added is None else len(base.added))
        return added <= most and len(removed) + len(base.removed) <= most

    def _write_beside(self, base: QuantisedStore, removed: "Ints1d") -> SearchFacts:
        """Link the large files, which stay as they are, and write what is added to and removed from them."""
        assert self._base_folder is not None
        for name in BASE:
            link_file(self._base_folder / name, self._folder / name)
        base.facts.write(self._folder / SEARCH_FACTS)
        store, earlier = FaissStore(self.dimension), base.base_and_added_rows()[1]
        kept = np.setdiff1d(earlier, removed)
        store.add(kept, self.get(kept))
        for rows, vectors in self._new(removed):
            store.add(rows, vectors)
        if len(store):
            store.save(self._folder / ADDED)
        gone = np.union1d(base.removed, removed[np.isin(removed, base.base_rows)]).astype(np.int64)
        if len(gone):
            (self._folder / REMOVED).write_bytes(gone.tobytes())
        return base.facts

    def _write_anew(self, kind: str, removed: "Ints1d") -> SearchFacts:
        full, rows = self._write_full(removed)
        base, facts = self._base, None
        if isinstance(base, QuantisedStore) and base.facts.kind == kind == "ivf" and self._base_folder:
            dropped = np.setdiff1d(base.base_rows, rows)
            fast, facts = extended(self._base_folder / FAST, base.facts, dropped, full, rows)
            facts = tuned(fast, full, rows, facts)
        if facts is None or facts.recall < PROMISE:
            fast, facts = trained(kind, full, rows)
            facts = tuned(fast, full, rows, facts)
        save(fast, self._folder / FAST)
        facts.write(self._folder / SEARCH_FACTS)
        return facts

    def _write_full(self, removed: "Ints1d") -> "tuple[Floats2d, Ints1d]":
        """Write all that stays, with its rows, and return both, mapped."""
        with (self._folder / FULL).open("wb") as full, (self._folder / ROWS).open("wb") as held:
            for part in (self._old, self._new):
                for rows, vectors in part(removed):
                    full.write(as_figures(vectors).tobytes())
                    held.write(rows.tobytes())
        rows = np.memmap(self._folder / ROWS, np.int64, "r")
        return np.memmap(self._folder / FULL, FIGURE, "r", shape=(len(rows), self.dimension)), rows
