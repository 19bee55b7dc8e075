"""Finds the nearest vectors in PostgreSQL: all are compared, or a graph of half-precision copies proposes candidates.

Scores are computed here, from the vectors of the candidates, so that they are those of an index in a folder.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.index.postgres.documents import Visible
from rag.index.postgres.session import WriteSession
from rag.index.postgres.values import MAX_KEYS, key_batches, multirange, sql_vector, vectors_of
from rag.index.storage.flat_vectors import FaissStore

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d, Ints1d, Ranking

MIN_GRAPH_VECTORS = 20_000
"""From this many vectors on they are searched by a graph. It finds nearly all of the nearest, in far less time."""
SPARE_CANDIDATES = 10
"""The server may round otherwise than FAISS, so some more than k candidates are scored."""
GRAPH = "vectors_by_nearness"


class PostgresVectors:
    """The vectors of one version."""

    def __init__(
        self, rows: Callable[[str, Sequence[Any]], list[Any]], visible: Visible, dimension: int, count: int
    ) -> None:
        """Read by `rows` the `count` vectors of the passages that `visible` selects."""
        self._rows, self._visible, self._dimension, self._count = rows, visible.of("p"), dimension, count

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    def __len__(self) -> int:
        """Return the number of rows that the manifest gives."""
        return self._count

    def rows(self) -> "Ints1d":
        """Return all rows, int64 (n,), in order."""
        rows = self._rows(f"SELECT id FROM passages p WHERE {self._visible} ORDER BY id", ())
        return np.array([row for (row,) in rows], np.int64)

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, float32 (n, dimension), in that order. Raises ValueError if one is missing."""
        stored: dict[int, bytes] = {}
        for batch in key_batches(list(dict.fromkeys(rows.tolist()))):
            stored.update(self._rows("SELECT passage, embedding FROM vectors WHERE passage = ANY(%s)", (list(batch),)))
        if any(row not in stored for row in rows.tolist()):
            raise ValueError("a row is not stored")
        return vectors_of([stored[row] for row in rows.tolist()], self._dimension)

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query the k rows of highest inner product, best first, ties in order of row.

        If `among` is given, only its rows are compared.
        """
        k = min(k, self._count if among is None else len(among))
        if k < 1:
            return [[] for _ in queries]
        return [self._search_one(query, k, among) for query in queries]

    def _search_one(self, query: "Floats1d", k: int, among: "Ints1d | None") -> "Ranking":
        is_small = self._count < MIN_GRAPH_VECTORS or (among is not None and len(among) <= MAX_KEYS)
        order = "v.embedding <#> %s::vector, v.passage"
        if not is_small:
            halved = f"halfvec({self._dimension})"
            order = f"v.embedding::{halved} <#> %s::{halved}"
        condition, values = self._visible, list[Any]()
        if among is not None and len(among) <= MAX_KEYS:
            condition, values = f"{condition} AND p.id = ANY(%s)", [among.tolist()]
        elif among is not None:
            condition, values = f"{condition} AND p.id <@ %s::int8multirange", [multirange(among)]
        candidates = self._rows(
            "SELECT v.passage, v.embedding FROM vectors v JOIN passages p ON p.id = v.passage"
            f" WHERE {condition} ORDER BY {order} LIMIT %s",
            (*values, sql_vector(query), k + SPARE_CANDIDATES),
        )
        store = FaissStore(self._dimension)
        store.add(
            np.array([row for row, _ in candidates], np.int64),
            vectors_of([vector for _, vector in candidates], self._dimension),
        )
        return store.search(np.asarray(query, np.float32)[None, :], k)[0]


class NewPostgresVectors:
    """The vectors of the version that is being written."""

    def __init__(self, session: WriteSession, dimension: int) -> None:
        """Write in the transaction of the session."""
        self._session, self.dimension = session, dimension
        self._stored = PostgresVectors(session.rows, Visible(None), dimension, 0)

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Add new rows."""
        self._session.copy("vectors", "passage, embedding", zip(rows.tolist(), map(sql_vector, vectors), strict=True))

    def remove(self, rows: "Ints1d") -> None:
        """Do nothing, because vectors are purged with their passages."""

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, those of removed rows too."""
        return self._stored.get(rows)

    def finish(self) -> tuple[str, ...]:
        """Make the search graph once there are many vectors."""
        if self._session.counts["passages"] >= MIN_GRAPH_VECTORS:
            self._session.rows(
                f"CREATE INDEX IF NOT EXISTS {GRAPH} ON vectors USING hnsw"
                f" ((embedding::halfvec({self.dimension})) halfvec_ip_ops)"
            )
        return ()

    def close(self) -> None:
        """Do nothing, because the transaction ends elsewhere."""
