"""Finds the nearest vectors with FAISS: exact inner product over unit vectors, rows named by our own ids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.index.storage.remedies import REPAIR
from rag.index.storage.stable_files import GuardedFiles, is_small

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d, Ranking


class FaissStore:
    """A flat float32 index. On unit vectors the inner product is the cosine.

    Opened from a file it is read-only unless it is opened as `writable`, and a large file is memory-mapped: FAISS
    aborts the process on `add` to a mapped index.
    """

    def __init__(self, dimension: int) -> None:
        """Make an empty store for vectors of `dimension`."""
        import faiss

        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._read_only, self._files = False, GuardedFiles()

    @classmethod
    def open(cls, path: Path, writable: bool = False) -> "FaissStore":
        """Open a saved store. Raises IndexCorrupt where the file is not one."""
        import faiss

        store = cls.__new__(cls)
        try:
            is_mapped = not writable and not is_small(path)
            store._files = GuardedFiles([path] if is_mapped else [])
            store._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if is_mapped else 0)
        except (OSError, RuntimeError) as error:
            raise IndexCorrupt(f"{path} is not a readable vector file.", REPAIR) from error
        store._read_only = not writable
        return store

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        """Return the number of rows held."""
        return int(self._index.ntotal)

    def rows(self) -> "Ints1d":
        """Return all rows held, int64 (n,), in order of insertion."""
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Take new rows; one already held, or given twice, raises ValueError."""
        self._require_writable()
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"need vectors of shape {(len(rows), self.dimension)}, got {vectors.shape}")
        if len(np.unique(rows)) != len(rows) or np.isin(rows, self.rows()).any():
            raise ValueError("a row is already held")
        if len(rows):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(rows, np.int64))

    def remove(self, rows: "Ints1d") -> None:
        """Drop rows; one not held raises ValueError."""
        self._require_writable()
        if len(rows) and self._index.remove_ids(np.ascontiguousarray(rows, np.int64)) != len(np.unique(rows)):
            raise ValueError("a row is not held")

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, float32 (n, dimension), in the order asked; one not held raises ValueError."""
        self._files.require_unchanged()
        try:
            vectors = [self._index.reconstruct(int(row)) for row in rows]
        except RuntimeError as error:
            raise ValueError("a row is not held") from error
        return np.array(vectors, np.float32).reshape(len(vectors), self.dimension)

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query the k rows of highest inner product, best first, ties in order of row.

        Only rows of `among` are looked at, where it is given; one that is not held is passed over.

        Queries are searched one by one: FAISS takes a slower path, with other last digits, for batches of 20.
        """
        self._files.require_unchanged()
        k = min(k, len(self) if among is None else len(among))
        only = {} if among is None or not k else {"params": _only(among)}
        return [self._search_one(query, k, only) for query in queries]

    def _search_one(self, query: "Floats2d", k: int, only: Mapping[str, Any]) -> "Ranking":
        if k == 0:
            return []
        with one_thread():
            scores, rows = self._index.search(np.ascontiguousarray(query[None, :], np.float32), k, **only)
        return sorted(
            ((int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0),
            key=lambda found: (-found[1], found[0]),
        )

    def save(self, path: Path) -> None:
        """Write one file. Raises OSError where the disk refuses."""
        import faiss

        # Written by Python, not by FAISS, whose errors for a full disk cannot be told from others.
        path.write_bytes(faiss.serialize_index(self._index).tobytes())

    def _require_writable(self) -> None:
        if self._read_only:
            raise ValueError("the store is read-only; open it with writable=True")


def _only(rows: "Ints1d") -> Any:
    faiss: Any = import_module("faiss")  # its stubs do not know the arguments that Python may give
    return faiss.SearchParameters(sel=marked(rows))


def marked(rows: "Ints1d") -> Any:
    """Return what makes FAISS look at these rows alone: one bit for each row up to the last."""
    faiss: Any = import_module("faiss")
    marks = np.zeros(int(rows.max(initial=-1)) + 1, bool)
    marks[rows] = True
    return faiss.IDSelectorBitmap(np.packbits(marks, bitorder="little"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS search on the thread it is called from alone.

    It calls together a team of threads for a single query too, and on a busy machine waits for it: over 10,000
    passages 8 ms instead of 0.3.
    """
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # of the calling thread alone: others may build meanwhile
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
