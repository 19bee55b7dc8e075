"""Finds the nearest of many vectors: FAISS proposes candidates by 8-bit copies, and 16-bit vectors decide.

If a version has too many vectors for exact search (`rag.index.writing.vector_writer` decides), its files are:

    vectors.faiss    8-bit copies, in one list (`sq8`), or in many lists of which a question searches some (`ivf`)
    vectors.i16      the vectors in 16 bits
    vectors.rows     the rows of these two files in rising order, int64
    added.faiss      vectors that were added after these three files were written, searched exactly
    removed.rows     rows of the three files that were removed later
    vectors.json     kind, parameters and measured recall

No file is ever changed, and large files are memory-mapped. The next version links to the first three until it writes
new ones.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.files.safe_json import json_value
from rag.index.storage.flat_vectors import FaissStore, one_thread, row_selector
from rag.index.storage.remedies import REPAIR
from rag.index.storage.stable_files import GuardedFiles, is_small

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d, Ints1d, Ranking

FAST, FULL, ROWS, ADDED, REMOVED, SEARCH_FACTS = (
    "vectors.faiss", "vectors.i16", "vectors.rows", "added.faiss", "removed.rows", "vectors.json"
)  # fmt: skip
BASE = (FAST, FULL, ROWS)
MAX_EXACT_ROWS = 10_000
"""If a filter allows at most this many rows, all of them are compared in 16 bits."""
MAX_SCANNED_ROWS = 100_000
"""If a filter allows at most this many rows, all are compared in 8 bits (about 30 ms), because they may be far off."""
EXTRA_LISTS = 2
"""With a wider filter a question searches this many times the lists that hold as many allowed rows as it usually
compares."""
MIN_TABLE_LOOKUPS, MAX_TABLE_SPARSITY = 20_000, 4
"""From this many rows on, positions are read from a table, if the highest row is below so many times the row count."""
FIGURE, UNIT = "<i2", 32_767
"""The 16-bit type of a figure, and its value for 1.0: as exact as half precision, and 20 times faster to read."""


@dataclass(frozen=True)
class SearchFacts:
    """How a set of vectors is searched. `recall` is of the ten nearest, measured when the files were written.

    `lists` is 1 for `sq8`. A question searches `probes` lists. It compares `candidates` vectors at full precision, or
    twice the requested number if that is more. `trained` is the number of vectors when the lists were made.
    """

    kind: str
    dimension: int
    lists: int
    probes: int
    candidates: int
    recall: float
    sampled: int
    trained: int

    @classmethod
    def read(cls, file: Path) -> "SearchFacts":
        """Read the file of `write`. Raises IndexCorrupt."""
        try:
            return cls(**json_value(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise IndexCorrupt(f"{file} is damaged: {error}.", REPAIR) from error

    def write(self, file: Path) -> None:
        """Write one line of JSON. Raises OSError."""
        file.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


class QuantisedStore:
    """Vectors of a version, read-only; large files are memory-mapped."""

    def __init__(self, fast: Any, full: "Floats2d", rows: "Ints1d", facts: SearchFacts) -> None:
        """Use a FAISS index that was just built. `full` comes from `as_figures`; `rows` must rise."""
        self._fast, self._full, self._rows, self.facts = fast, full, rows, facts
        self._added: FaissStore | None = None
        self._files = GuardedFiles()
        self._removed = np.zeros(0, np.int64)

    @classmethod
    def open(cls, folder: Path) -> "QuantisedStore":
        """Open the files of a version. Raises IndexCorrupt if they are damaged."""
        faiss: Any = import_module("faiss")
        facts = SearchFacts.read(folder / SEARCH_FACTS)
        try:
            mapped = [folder / name for name in (FAST, FULL) if not is_small(folder / name)]
            files = GuardedFiles(mapped)
            fast = faiss.read_index(str(folder / FAST), faiss.IO_FLAG_MMAP_IFC if folder / FAST in mapped else 0)
            rows = np.fromfile(folder / ROWS, np.int64)
            figures = np.memmap(folder / FULL, FIGURE, "r") if folder / FULL in mapped else None
            full = np.fromfile(folder / FULL, FIGURE) if figures is None else figures
            full = full.reshape(len(rows), facts.dimension)
        except (OSError, RuntimeError, ValueError) as error:
            raise IndexCorrupt(f"{folder} holds no readable vector files: {error}.", REPAIR) from error
        if fast.ntotal != len(rows) or fast.d != facts.dimension:
            raise IndexCorrupt(f"The vector files of {folder} disagree on their size.", REPAIR)
        store = cls(fast, full, rows, facts)
        store._files = files
        if (folder / ADDED).exists():
            store._added = FaissStore.open(folder / ADDED)
        if (folder / REMOVED).exists():
            store._removed = np.fromfile(folder / REMOVED, np.int64)
        return store

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self.facts.dimension

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows) - len(self._removed) + len(self.base_and_added_rows()[1])

    def rows(self) -> "Ints1d":
        """Return all rows, int64 (n,), in rising order."""
        return np.concatenate(self.base_and_added_rows())

    def base_and_added_rows(self) -> "tuple[Ints1d, Ints1d]":
        """Return the rows of the large files without removed ones, and the rows that were added later."""
        remaining = np.asarray(self._rows)[self._is_current] if len(self._removed) else np.asarray(self._rows)
        return remaining, np.zeros(0, np.int64) if self._added is None else self._added.rows()

    @property
    def added(self) -> FaissStore | None:
        """Return the vectors that were added after the large files were written, None if there are none."""
        return self._added

    @property
    def removed(self) -> "Ints1d":
        """Return the rows of the large files that were removed later, in rising order."""
        return self._removed

    @property
    def base_rows(self) -> "Ints1d":
        """Return the rows of the large files, including removed ones, in rising order."""
        return self._rows

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, float32 (n, dimension), each figure within 1/65,000.

        Raises ValueError if a row is not stored.
        """
        self._files.require_unchanged()
        rows = np.asarray(rows, np.int64)
        positions = self._positions(rows)
        vectors = np.empty((len(rows), self.dimension), np.float32)
        in_base = positions >= 0
        vectors[in_base] = as_vectors(self._full[positions[in_base]])
        if not in_base.all():
            if self._added is None:
                raise ValueError("a row is not stored")
            vectors[~in_base] = self._added.get(rows[~in_base])
        return vectors

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query k rows of the highest inner products, best first, ties in order of row.

        The products are those with the result of `get`. If `among` is given, only its rows are compared; rows that are
        not stored are ignored.
        """
        self._files.require_unchanged()
        if k < 1:
            return [[] for _ in queries]
        allowed = self._everything if among is None else self._only(self._allowed(among))
        late = None if among is None else among[among > self._rows[-1]]
        return [self._search_one(np.ascontiguousarray(query, np.float32), k, allowed, late) for query in queries]

    def _search_one(self, query: "Floats1d", k: int, allowed: "_Allowed", late: "Ints1d | None") -> "Ranking":
        candidates = allowed.positions
        if candidates is None or len(candidates) > MAX_EXACT_ROWS:
            candidates = self._proposed(query, k, allowed)
        ranking = self._ranked(query, candidates, k)
        if self._added is not None:
            ranking += self._added.search(query[None, :], k, late)[0]
        return sorted(ranking, key=lambda hit: (-hit[1], hit[0]))[:k]

    def _proposed(self, query: "Floats1d", k: int, allowed: "_Allowed") -> "Ints1d":
        """Return the positions of the candidates that FAISS finds. If the probed lists have too few, search all."""
        count = min(allowed.number, max(self.facts.candidates, 2 * k))
        for probes in (allowed.probes, self.facts.lists):
            with one_thread():
                _, ids = self._fast.search(query[None, :], count, params=self._parameters(allowed.selector, probes))
            if (ids[0] >= 0).sum() >= min(k, count):
                break
        ids = ids[0][ids[0] >= 0]
        return np.asarray(ids if self.facts.kind == "sq8" else np.searchsorted(self._rows, ids), np.int64)

    def _ranked(self, query: "Floats1d", positions: "Ints1d", k: int) -> "Ranking":
        positions = np.sort(positions)
        scores = _products(self._full[positions], query)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(row), float(score)) for row, score in zip(self._rows[positions[best]], scores[best], strict=True)]

    @cached_property
    def _is_current(self) -> Any:
        is_current = np.ones(len(self._rows), bool)
        is_current[np.searchsorted(self._rows, self._removed)] = False
        return is_current

    def _allowed(self, rows: "Ints1d") -> "Ints1d":
        """Return the positions of those rows that are in the large files."""
        positions = self._positions(rows)
        return positions[positions >= 0]

    def _positions(self, rows: "Ints1d") -> "Ints1d":
        """Return the position of each row in the large files, -1 if it is not there or was removed."""
        if len(rows) >= MIN_TABLE_LOOKUPS and self._rows[-1] < MAX_TABLE_SPARSITY * len(self._rows):
            positions = self._table.take(rows, mode="clip")
            positions[(rows < 0) | (rows >= len(self._table))] = -1
            return np.asarray(positions, np.int64)
        positions = np.searchsorted(self._rows, rows)
        positions[positions == len(self._rows)] = 0
        is_stored = self._rows[positions] == rows
        if len(self._removed):
            is_stored &= self._is_current[positions]
        return np.where(is_stored, positions, -1)

    @cached_property
    def _table(self) -> Any:
        """The position of each row, -1 if it has none: half of five million rows take 14 CPU ms instead of 109."""
        table = np.full(int(self._rows[-1]) + 1, -1, np.int64)
        table[self._rows] = np.arange(len(self._rows))
        table[self._removed] = -1
        return table

    @cached_property
    def _everything(self) -> "_Allowed":
        count = len(self._rows) - len(self._removed)
        selector = self._selector(np.flatnonzero(self._is_current)) if len(self._removed) else None
        return _Allowed(None, count, selector, self.facts.probes)

    def _only(self, positions: "Ints1d") -> "_Allowed":
        """Restrict a search to these positions: in all lists, or in a part of them if there are very many."""
        count, probes = len(positions), self.facts.lists
        if count > MAX_SCANNED_ROWS:
            probes = min(probes, EXTRA_LISTS * self.facts.probes * len(self._rows) // count)
        return _Allowed(positions, count, self._selector(positions) if count > MAX_EXACT_ROWS else None, probes)

    def _selector(self, positions: "Ints1d") -> Any:
        return row_selector(positions if self.facts.kind == "sq8" else self._rows[positions])

    def _parameters(self, selector: Any, probes: int) -> Any:
        faiss: Any = import_module("faiss")
        if self.facts.kind == "sq8":
            return faiss.SearchParameters(sel=selector)
        return faiss.SearchParametersIVF(sel=selector, nprobe=probes)


class _Allowed(NamedTuple):
    """The positions that a search may return (None: all), their number, the FAISS selector, and the lists to search."""

    positions: "Ints1d | None"
    number: int
    selector: Any
    probes: int


def as_figures(vectors: "Floats2d") -> Any:
    """Return unit rows in 16 bits a figure, the format of `vectors.i16`."""
    return np.rint(np.clip(vectors, -1.0, 1.0) * UNIT).astype(FIGURE)


def as_vectors(figures: Any) -> "Floats2d":
    """Return the float32 rows of `as_figures`."""
    return np.asarray(figures.astype(np.float32) / np.float32(UNIT), np.float32)


def _products(figures: Any, query: "Floats1d") -> "Floats1d":
    # Not a matrix product: its last digits depend on the other rows, and it uses several threads.
    return np.asarray(np.einsum("ij,j->i", as_vectors(figures), query), np.float32)


def open_vectors(folder: Path) -> FaissStore | QuantisedStore:
    """Open the vectors of a version for searching. Raises IndexCorrupt."""
    return QuantisedStore.open(folder) if (folder / SEARCH_FACTS).exists() else FaissStore.open(folder / FAST)
