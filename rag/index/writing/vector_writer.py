"""Decides how the vectors of an index are searched, and streams them to their files, so that memory holds no copy.

Up to 50,000 vectors are compared one by one (`rag.index.storage.flat_vectors`). More are stored in 8 bits: up to
300,000 in one list, beyond in about 4 sqrt(n) lists, of which a question searches some. The best candidates are
compared again in 16 bits (`rag.index.storage.quantised_vectors`). Later vectors go to a small file that is compared
exactly. When it has grown to a tenth, all files are written again with the same lists. New lists are trained, in the
same write, only if the measured recall is then too low. Readers use their version until the commit.
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
from rag.index.writing.vector_training import MIN_RECALL, extended, trained, tuned, write_faiss

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d

MAX_FLAT_VECTORS, MAX_SQ8_VECTORS = 50_000, 300_000
MAX_CHANGED_SHARE, MAX_CHANGED_VECTORS = 0.1, 20_000
"""Share and number of vectors that may be added or removed before all files are written again."""
BATCH_VECTORS = 8_192
NEW_VECTORS = "vectors.fresh"
VECTOR_FILES = (*BASE, ADDED, REMOVED, SEARCH_FACTS)


def kind_for(count: int, setting: str = "auto") -> str:
    """Return the search of `count` vectors: `flat`, `sq8` or `ivf`. A setting but `auto` decides if there are any.

    >>> [kind_for(count) for count in (50_000, 50_001, 300_001)]
    ['flat', 'sq8', 'ivf']
    """
    if setting != "auto" and count:
        return setting
    return "flat" if count <= MAX_FLAT_VECTORS else "sq8" if count <= MAX_SQ8_VECTORS else "ivf"


def search_note(facts: SearchFacts) -> str:
    """Describe in words how vectors are searched."""
    where = f"{facts.lists} lists, {facts.probes} of them searched" if facts.kind == "ivf" else "all compared in 8 bits"
    recall = f"recall@10 {facts.recall:.3f} at {facts.sampled} passages with noise"
    short = "" if facts.recall >= MIN_RECALL else f", below {MIN_RECALL}; vector_index=flat, with --rebuild, finds all"
    return f"{facts.kind} ({where}, {facts.candidates} compared again), {recall}{short}"


class VectorWriter:
    """Collects changes to the vectors of the version in `base`, and writes the files of the next version."""

    def __init__(self, folder: Path, base: Path | None, dimension: int, kind: str = "auto") -> None:
        """Start with the vectors of `base`, or with none and this dimension. `kind` is the setting `vector_index`."""
        self._folder, self._base_folder, self._kind_setting = folder, base, kind
        self._base = None if base is None else open_vectors(base)
        self.dimension = dimension if self._base is None else self._base.dimension
        self._base_rows = np.zeros(0, np.int64) if self._base is None else self._base.rows()
        self._new_file = (folder / NEW_VECTORS).open("w+b")
        self._rows: list[Ints1d] = []
        self._last = int(self._base_rows.max(initial=-1))
        self._removed: list[Ints1d] = []

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Add rows in rising order, higher than all before. Raises ValueError, OSError if the disk refuses."""
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"need vectors of shape {(len(rows), self.dimension)}, got {vectors.shape}")
        if (np.diff(rows, prepend=self._last) <= 0).any():
            raise ValueError("a row is not higher than those before")
        self._new_file.write(np.ascontiguousarray(vectors, np.float32).tobytes())
        self._rows.append(np.array(rows, np.int64))
        self._last = int(rows[-1]) if len(rows) else self._last

    def remove(self, rows: "Ints1d") -> None:
        """Remove rows. `finish` raises ValueError if one is not stored."""
        self._removed.append(np.array(rows, np.int64))

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, float32 (n, dimension), even of removed ones. Raises ValueError."""
        new = self._new_rows()
        positions = np.searchsorted(new, rows)
        is_new = positions < len(new)
        is_new[is_new] = new[positions[is_new]] == rows[is_new]
        vectors = np.empty((len(rows), self.dimension), np.float32)
        if is_new.any():
            vectors[is_new] = self._new_vectors()[positions[is_new]]
        if not is_new.all():
            if self._base is None:
                raise ValueError("a row is not stored")
            vectors[~is_new] = self._base.get(rows[~is_new])
        return vectors

    def finish(self) -> tuple[str, ...]:
        """Write the files. Return a note if the recall is too low. Raises OSError if the disk refuses."""
        removed = np.unique(np.concatenate([*self._removed, np.zeros(0, np.int64)]))
        if not (np.isin(removed, self._base_rows) | np.isin(removed, self._new_rows())).all():
            raise ValueError("a row is not stored")
        kind = kind_for(len(self._base_rows) + len(self._new_rows()) - len(removed), self._kind_setting)
        facts = None
        if kind == "flat":
            self._write_flat(removed)
        elif isinstance(self._base, QuantisedStore) and self._is_small_change(self._base, removed):
            facts = self._write_beside(self._base, removed)
        else:
            facts = self._write_all(kind, removed)
        self.close()
        return (search_note(facts),) if facts and facts.recall < MIN_RECALL else ()

    def close(self) -> None:
        """Remove the file of the new vectors."""
        self._new_file.close()
        (self._folder / NEW_VECTORS).unlink(missing_ok=True)

    def _new_rows(self) -> "Ints1d":
        if len(self._rows) != 1:
            self._rows = [np.concatenate([*self._rows, np.zeros(0, np.int64)])]
        return self._rows[0]

    def _new_vectors(self) -> "Floats2d":
        self._new_file.flush()
        count = len(self._new_rows())
        if not count:  # an empty file cannot be mapped
            return np.zeros((0, self.dimension), np.float32)
        return np.memmap(self._folder / NEW_VECTORS, np.float32, "r", shape=(count, self.dimension))

    def _new(self, removed: "Ints1d") -> "Iterator[tuple[Ints1d, Floats2d]]":
        """Yield the new rows without removed ones, with their vectors, some thousand at a time."""
        self._new_file.flush()
        for start in range(0, len(self._new_rows()), BATCH_VECTORS):
            rows = self._new_rows()[start : start + BATCH_VECTORS]
            # Not mapped, because the pages of millions of vectors would stay in memory until the end.
            figures = np.fromfile(self._folder / NEW_VECTORS, np.float32, rows.size * self.dimension,
                                  offset=start * self.dimension * 4)  # fmt: skip
            is_current = ~np.isin(rows, removed)
            yield rows[is_current], figures.reshape(rows.size, self.dimension)[is_current]

    def _old(self, removed: "Ints1d") -> "Iterator[tuple[Ints1d, Floats2d]]":
        remaining = np.setdiff1d(self._base_rows, removed)
        for start in range(0, len(remaining), BATCH_VECTORS):
            rows = remaining[start : start + BATCH_VECTORS]
            yield rows, self.get(rows)

    def _write_flat(self, removed: "Ints1d") -> None:
        store = FaissStore(self.dimension)
        if isinstance(self._base, FaissStore) and self._base_folder:
            store = FaissStore.open(self._base_folder / FAST, writable=True)
            store.remove(removed[np.isin(removed, self._base_rows)])
        else:
            for rows, vectors in self._old(removed):
                store.add(rows, vectors)
        for rows, vectors in self._new(removed):
            store.add(rows, vectors)
        store.save(self._folder / FAST)

    def _is_small_change(self, base: QuantisedStore, removed: "Ints1d") -> bool:
        most = min(MAX_CHANGED_VECTORS, int(MAX_CHANGED_SHARE * len(base.base_rows)))
        added = len(self._new_rows()) + (0 if base.added is None else len(base.added))
        return added <= most and len(removed) + len(base.removed) <= most

    def _write_beside(self, base: QuantisedStore, removed: "Ints1d") -> SearchFacts:
        """Link the large files of `base`, and write the small files of added and removed rows."""
        assert self._base_folder is not None
        for name in BASE:
            link_file(self._base_folder / name, self._folder / name)
        base.facts.write(self._folder / SEARCH_FACTS)
        store, earlier = FaissStore(self.dimension), base.base_and_added_rows()[1]
        remaining = np.setdiff1d(earlier, removed)
        store.add(remaining, self.get(remaining))
        for rows, vectors in self._new(removed):
            store.add(rows, vectors)
        if len(store):
            store.save(self._folder / ADDED)
        removed_rows = np.union1d(base.removed, removed[np.isin(removed, base.base_rows)]).astype(np.int64)
        if len(removed_rows):
            (self._folder / REMOVED).write_bytes(removed_rows.tobytes())
        return base.facts

    def _write_all(self, kind: str, removed: "Ints1d") -> SearchFacts:
        full, rows = self._write_full(removed)
        base, facts = self._base, None
        if isinstance(base, QuantisedStore) and base.facts.kind == kind == "ivf" and self._base_folder:
            not_current = np.setdiff1d(base.base_rows, rows)
            fast, facts = extended(self._base_folder / FAST, base.facts, not_current, full, rows)
            facts = tuned(fast, full, rows, facts)
        if facts is None or facts.recall < MIN_RECALL:
            fast, facts = trained(kind, full, rows)
            facts = tuned(fast, full, rows, facts)
        write_faiss(fast, self._folder / FAST)
        facts.write(self._folder / SEARCH_FACTS)
        return facts

    def _write_full(self, removed: "Ints1d") -> "tuple[Floats2d, Ints1d]":
        """Write the remaining and the new vectors with their rows. Return both, mapped."""
        with (self._folder / FULL).open("wb") as full, (self._folder / ROWS).open("wb") as row_file:
            for part in (self._old, self._new):
                for rows, vectors in part(removed):
                    full.write(as_figures(vectors).tobytes())
                    row_file.write(rows.tobytes())
        rows = np.memmap(self._folder / ROWS, np.int64, "r")
        return np.memmap(self._folder / FULL, FIGURE, "r", shape=(len(rows), self.dimension)), rows
