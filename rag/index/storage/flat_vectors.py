"""Finds the nearest vectors with FAISS: exact inner product over unit vectors, with our own row numbers."""

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

    A store from a file is read-only unless it is opened as `writable`, because a large file is memory-mapped and FAISS
    aborts the process on `add` to a mapped index.
    """

    def __init__(self, dimension: int) -> None:
        """Make an empty store for vectors of `dimension`."""
        import faiss

        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._read_only, self._files = False, GuardedFiles()

    @classmethod
    def open(cls, path: Path, writable: bool = False) -> "FaissStore":
        """Open a saved store. Raises IndexCorrupt if the file is none."""
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
        """Return the number of rows."""
        return int(self._index.ntotal)

    def rows(self) -> "Ints1d":
        """Return all rows, int64 (n,), in order of insertion."""
        import faiss

        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Add new rows. Raises ValueError if a row is already stored or appears twice."""
        self._require_writable()
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"need vectors of shape {(len(rows), self.dimension)}, got {vectors.shape}")
        if len(np.unique(rows)) != len(rows) or np.isin(rows, self.rows()).any():
            raise ValueError("a row is already stored")
        if len(rows):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(rows, np.int64))

    def remove(self, rows: "Ints1d") -> None:
        """Remove rows. Raises ValueError if one is not stored."""
        self._require_writable()
        if len(rows) and self._index.remove_ids(np.ascontiguousarray(rows, np.int64)) != len(np.unique(rows)):
            raise ValueError("a row is not stored")

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, float32 (n, dimension), in that order. Raises ValueError if one is missing."""
        self._files.require_unchanged()
        try:
            vectors = [self._index.reconstruct(int(row)) for row in rows]
        except RuntimeError as error:
            raise ValueError("a row is not stored") from error
        return np.array(vectors, np.float32).reshape(len(vectors), self.dimension)

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query the k rows of highest inner product, best first, ties in order of row.

        If `among` is given, only its rows are compared; rows that are not stored are ignored. Queries are searched one
        by one, because FAISS takes a slower path for batches of 20, and its last digits differ.
        """
        self._files.require_unchanged()
        k = min(k, len(self) if among is None else len(among))
        options = {} if among is None or not k else {"params": _search_parameters(among)}
        return [self._search_one(query, k, options) for query in queries]

    def _search_one(self, query: "Floats2d", k: int, options: Mapping[str, Any]) -> "Ranking":
        if k == 0:
            return []
        with one_thread():
            scores, rows = self._index.search(np.ascontiguousarray(query[None, :], np.float32), k, **options)
        return sorted(
            ((int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0),
            key=lambda hit: (-hit[1], hit[0]),
        )

    def save(self, path: Path) -> None:
        """Write one file. Raises OSError if the disk refuses."""
        import faiss

        # Python writes the file, because FAISS raises the same error for a full disk as for other faults.
        path.write_bytes(faiss.serialize_index(self._index).tobytes())

    def _require_writable(self) -> None:
        if self._read_only:
            raise ValueError("the store is read-only; open it with writable=True")


def _search_parameters(rows: "Ints1d") -> Any:
    faiss: Any = import_module("faiss")  # its stubs lack the arguments that Python may give
    return faiss.SearchParameters(sel=row_selector(rows))


def row_selector(rows: "Ints1d") -> Any:
    """Return a FAISS selector of these rows: one bit for each row up to the last."""
    faiss: Any = import_module("faiss")
    marks = np.zeros(int(rows.max(initial=-1)) + 1, bool)
    marks[rows] = True
    return faiss.IDSelectorBitmap(np.packbits(marks, bitorder="little"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Make FAISS search on the calling thread only.

    Otherwise it starts a team of threads even for one query, and waits for it on a busy machine: 8 ms instead of 0.3 ms
    over 10,000 passages.
    """
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # only for the calling thread: others may build meanwhile
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
