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
MIN_GRAPH_SHARE = 0.1
"""If a filter leaves a smaller share of the passages, all that it leaves are compared."""
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
        count = min(k + SPARE_CANDIDATES, self._count if among is None else len(among))
        candidates = self._from_graph(query, count, among) if self._has_graph(among) else []
        if len(candidates) < count:
            candidates = self._compared(query, count, among)
        store = FaissStore(self._dimension)
        store.add(
            np.array([row for row, _ in candidates], np.int64),
            vectors_of([vector for _, vector in candidates], self._dimension),
        )
        return store.search(np.asarray(query, np.float32)[None, :], k)[0]

    def _has_graph(self, among: "Ints1d | None") -> bool:
        is_wide = among is None or len(among) >= MIN_GRAPH_SHARE * self._count
        return self._count >= MIN_GRAPH_VECTORS and is_wide

    def _from_graph(self, query: "Floats1d", count: int, among: "Ints1d | None") -> list[Any]:
        """Return the nearest by the graph, which goes on until enough allowed rows are likely to be among them."""
        halved = f"halfvec({self._dimension})"
        condition, values = self._condition(among)
        depth = count if among is None else 2 * count * self._count // len(among)
        nearest = f"SELECT passage, embedding FROM vectors ORDER BY embedding::{halved} <#> %s::{halved} LIMIT %s"
        return self._rows(
            f"SELECT v.passage, v.embedding FROM ({nearest}) v JOIN passages p ON p.id = v.passage WHERE {condition}",
            (sql_vector(query), depth + SPARE_CANDIDATES, *values),
        )

    def _compared(self, query: "Floats1d", count: int, among: "Ints1d | None") -> list[Any]:
        condition, values = self._condition(among)
        return self._rows(
            "SELECT v.passage, v.embedding FROM vectors v JOIN passages p ON p.id = v.passage"
            f" WHERE {condition} ORDER BY v.embedding <#> %s::vector, v.passage LIMIT %s",
            (*values, sql_vector(query), count),
        )

    def _condition(self, among: "Ints1d | None") -> tuple[str, list[Any]]:
        if among is None:
            return self._visible, []
        if len(among) <= MAX_KEYS:
            return f"{self._visible} AND p.id = ANY(%s)", [among.tolist()]
        return f"{self._visible} AND p.id <@ %s::int8multirange", [multirange(among)]


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
                f" ((embedding::halfvec({self.dimension})) halfvec_ip_ops) WITH (m = 24, ef_construction = 128)"
            )
        return ()

    def close(self) -> None:
        """Do nothing, because the transaction ends elsewhere."""
