"""Finds the nearest of many vectors: FAISS proposes candidates by 8-bit copies, 16 bits decide.

A version of an index holds, where it has too many vectors for exact search (`rag.index.writing.vector_writer` decides):

    vectors.faiss    8-bit copies, all in one list (`sq8`) or in many of which a question looks at some (`ivf`)
    vectors.i16      the vectors in 16 bits, and vectors.rows their rows in rising order, int64
    added.faiss      what came since these three were written, searched exactly
    removed.rows     rows of the three that were dropped since
    vectors.json     kind, parameters and measured recall

None is ever changed, and large ones are memory-mapped: the next version has links to the first three until it writes
them anew.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.safe_json import json_value
from rag.index.storage.flat_vectors import FaissStore, marked, one_thread
from rag.index.storage.remedies import REPAIR
from rag.index.storage.stable_files import GuardedFiles, is_small

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d, Ints1d, Ranking

FAST, FULL, ROWS, ADDED, REMOVED, FACTS = (
    "vectors.faiss", "vectors.i16", "vectors.rows", "added.faiss", "removed.rows", "vectors.json"
)  # fmt: skip
BASE = (FAST, FULL, ROWS)
EXACT_ROWS = 10_000
"""Where a filter leaves at most this many rows they are all compared in 16 bits."""
SCANNED_ROWS = 100_000
"""Up to this many are all compared in 8 bits (about 30 ms): what a filter leaves may lie far from a question."""
MORE_LISTS = 2
"""Of more, a question looks at this many times the lists that would hold as many of them as it compares without one."""
LOOKED_UP, SPARSE = 20_000, 4
"""From so many rows on their places are read from a table, where no row is higher than so many times their number."""
FIGURE, UNIT = "<i2", 32_767
"""A figure of a unit vector in 16 bits, and what stands for 1: as exact as half precision, read 20 times sooner."""


@dataclass(frozen=True)
class Facts:
    """How a set of vectors is searched. `recall` is of the ten nearest, measured when it was written.

    `lists` is 1 for `sq8`; a question looks at `probes` lists and compares `candidates` vectors at full precision, or
    twice as many as it asks for. `trained` is how many vectors there were when the lists were made.
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
    def read(cls, file: Path) -> "Facts":
        """Return what `write` wrote. Raises IndexCorrupt."""
        try:
            return cls(**json_value(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise IndexCorrupt(f"{file} is damaged: {error}.", REPAIR) from error

    def write(self, file: Path) -> None:
        """Write one line of JSON. Raises OSError."""
        file.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


class QuantisedStore:
    """Vectors of a version, read-only; large files are memory-mapped."""

    def __init__(self, fast: Any, full: "Floats2d", rows: "Ints1d", facts: Facts) -> None:
        """Search what has just been made; `full` is made by `as_figures`, `rows` rises."""
        self._fast, self._full, self._rows, self.facts = fast, full, rows, facts
        self._added: FaissStore | None = None
        self._files = GuardedFiles()
        self._removed = np.zeros(0, np.int64)

    @classmethod
    def open(cls, folder: Path) -> "QuantisedStore":
        """Open the files of a version. Raises IndexCorrupt where they are not what was written."""
        faiss: Any = import_module("faiss")
        facts = Facts.read(folder / FACTS)
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
        """Return the number of rows held."""
        return len(self._rows) - len(self._removed) + len(self.held_rows()[1])

    def rows(self) -> "Ints1d":
        """Return all rows held, int64 (n,), in rising order."""
        return np.concatenate(self.held_rows())

    def held_rows(self) -> "tuple[Ints1d, Ints1d]":
        """Return the rows of the large files that were not dropped, and those that were added since."""
        kept = np.asarray(self._rows)[self._kept] if len(self._removed) else np.asarray(self._rows)
        return kept, np.zeros(0, np.int64) if self._added is None else self._added.rows()

    @property
    def added(self) -> FaissStore | None:
        """Return the vectors that came since the large files were written."""
        return self._added

    @property
    def removed(self) -> "Ints1d":
        """Return the rows of the large files that were dropped since, in rising order."""
        return self._removed

    @property
    def base_rows(self) -> "Ints1d":
        """Return the rows of the large files, also dropped ones, in rising order."""
        return self._rows

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors, float32 (n, dimension), each figure within 1/65,000; a row not held raises ValueError."""
        self._files.require_unchanged()
        rows = np.asarray(rows, np.int64)
        places = self._places(rows)
        found = np.empty((len(rows), self.dimension), np.float32)
        in_base = places >= 0
        found[in_base] = as_vectors(self._full[places[in_base]])
        if not in_base.all():
            if self._added is None:
                raise ValueError("a row is not held")
            found[~in_base] = self._added.get(rows[~in_base])
        return found

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query k rows of the highest inner products, best first, ties in order of row.

        The products are those with what `get` returns. Only rows of `among` are looked at, where it is given;
        one that is not held is passed over.
        """
        self._files.require_unchanged()
        if k < 1:
            return [[] for _ in queries]
        allowed = self._everything if among is None else self._only(self._allowed(among))
        late = None if among is None else among[among > self._rows[-1]]
        return [self._search_one(np.ascontiguousarray(query, np.float32), k, allowed, late) for query in queries]

    def _search_one(self, query: "Floats1d", k: int, allowed: "_Allowed", late: "Ints1d | None") -> "Ranking":
        few = allowed.places
        if few is None or len(few) > EXACT_ROWS:
            few = self._proposed(query, k, allowed)
        found = self._ranked(query, few, k)
        if self._added is not None:
            found += self._added.search(query[None, :], k, late)[0]
        return sorted(found, key=lambda item: (-item[1], item[0]))[:k]

    def _proposed(self, query: "Floats1d", k: int, allowed: "_Allowed") -> "Ints1d":
        """Return the places of the candidates that FAISS finds; where the lists hold fewer than k, of all lists."""
        wanted = min(allowed.number, max(self.facts.candidates, 2 * k))
        for probes in (allowed.probes, self.facts.lists):
            with one_thread():
                _, ids = self._fast.search(query[None, :], wanted, params=self._parameters(allowed.selector, probes))
            if (ids[0] >= 0).sum() >= min(k, wanted):
                break
        found = ids[0][ids[0] >= 0]
        return np.asarray(found if self.facts.kind == "sq8" else np.searchsorted(self._rows, found), np.int64)

    def _ranked(self, query: "Floats1d", places: "Ints1d", k: int) -> "Ranking":
        places = np.sort(places)
        scores = _products(self._full[places], query)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(row), float(score)) for row, score in zip(self._rows[places[best]], scores[best], strict=True)]

    @cached_property
    def _kept(self) -> Any:
        kept = np.ones(len(self._rows), bool)
        kept[np.searchsorted(self._rows, self._removed)] = False
        return kept

    def _allowed(self, rows: "Ints1d") -> "Ints1d":
        """Return the places of those rows that are held in the large files."""
        places = self._places(rows)
        return places[places >= 0]

    def _places(self, rows: "Ints1d") -> "Ints1d":
        """Return where rows stand in the large files, -1 for one that does not or that was dropped."""
        if len(rows) >= LOOKED_UP and self._rows[-1] < SPARSE * len(self._rows):
            found = self._table.take(rows, mode="clip")
            found[(rows < 0) | (rows >= len(self._table))] = -1
            return np.asarray(found, np.int64)
        places = np.searchsorted(self._rows, rows)
        places[places == len(self._rows)] = 0
        held = self._rows[places] == rows
        if len(self._removed):
            held &= self._kept[places]
        return np.where(held, places, -1)

    @cached_property
    def _table(self) -> Any:
        """Where each row stands, -1 for one that does not: half of five million in 14 CPU ms, not 109."""
        table = np.full(int(self._rows[-1]) + 1, -1, np.int64)
        table[self._rows] = np.arange(len(self._rows))
        table[self._removed] = -1
        return table

    @cached_property
    def _everything(self) -> "_Allowed":
        count = len(self._rows) - len(self._removed)
        selector = self._selector(np.flatnonzero(self._kept)) if len(self._removed) else None
        return _Allowed(None, count, selector, self.facts.probes)

    def _only(self, places: "Ints1d") -> "_Allowed":
        """Return what lets a search look at these places alone: in all lists, or of very many in a part of them."""
        count, probes = len(places), self.facts.lists
        if count > SCANNED_ROWS:
            probes = min(probes, MORE_LISTS * self.facts.probes * len(self._rows) // count)
        return _Allowed(places, count, self._selector(places) if count > EXACT_ROWS else None, probes)

    def _selector(self, places: "Ints1d") -> Any:
        return marked(places if self.facts.kind == "sq8" else self._rows[places])

    def _parameters(self, selector: Any, probes: int) -> Any:
        faiss: Any = import_module("faiss")
        if self.facts.kind == "sq8":
            return faiss.SearchParameters(sel=selector)
        return faiss.SearchParametersIVF(sel=selector, nprobe=probes)


class _Allowed(NamedTuple):
    """Places that a search may look at (None: all held), how many they are, what tells FAISS, and in how many lists."""

    places: "Ints1d | None"
    number: int
    selector: Any
    probes: int


def as_figures(vectors: "Floats2d") -> Any:
    """Return unit rows in 16 bits a figure, as `vectors.i16` holds them."""
    return np.rint(np.clip(vectors, -1.0, 1.0) * UNIT).astype(FIGURE)


def as_vectors(figures: Any) -> "Floats2d":
    """Return the float32 rows of `as_figures`."""
    return np.asarray(figures.astype(np.float32) / np.float32(UNIT), np.float32)


def _products(figures: Any, query: "Floats1d") -> "Floats1d":
    # Row by row: the last digits of a matrix product depend on what else is compared, and it takes several threads.
    return np.asarray(np.einsum("ij,j->i", as_vectors(figures), query), np.float32)


def open_vectors(folder: Path) -> FaissStore | QuantisedStore:
    """Return the vectors of a version, for searching. Raises IndexCorrupt."""
    return QuantisedStore.open(folder) if (folder / FACTS).exists() else FaissStore.open(folder / FAST)
