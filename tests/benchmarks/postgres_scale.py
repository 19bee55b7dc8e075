"""Measures an index of many passages in PostgreSQL: postgres_scale.py ADDRESS CORPUS.jsonl.gz N.

The vectors are projections of word counts, because only the search is measured, not the model. Prints one JSON line for
each stage.
"""

import gzip
import json
import resource
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rag.chunking.chunks import embedding_text, heading_text
from rag.core.settings import Settings
from rag.core.types import Chunk, Document, Span
from rag.index.postgres.engine import PostgresEngine
from rag.index.postgres.new_documents import NewPostgresDocuments
from rag.index.postgres.schema import create_vectors
from rag.index.postgres.session import WriteSession
from rag.index.postgres.vectors import NewPostgresVectors, PostgresVectors
from rag.index.postgres.words import NewPostgresWords
from rag.index.postgres.writing import _purge, _put_version
from rag.index.storage.fingerprints import Fingerprint
from rag.index.storage.sentence_vectors import packed
from rag.index.writing.writer import fingerprint_of

DIMENSION, QUERIES, K = 384, 60, 10
WEIGHTS = {"name": "projected words", "fingerprint": "projected", "dimension": DIMENSION}


def tell(stage: str, begun: float, **facts: Any) -> float:
    """Print a stage with its seconds; return the time."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    now = time.monotonic()
    print(json.dumps({"stage": stage, "seconds": round(now - begun, 2), "client_mb": memory, **facts}), flush=True)  # noqa: T201
    return time.monotonic()


def documents(corpus: Path, start: int, count: int) -> Iterator[Document]:
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(islice(lines, start, start + count), start):
            row = json.loads(line)
            yield Document(f"{number:07d}", row["text"], row.get("title") or None, metadata={"tenth": number % 1000})


@cache
def projection() -> Any:
    """Return a random vector for each hash of a word."""
    return np.random.default_rng(0).standard_normal((50_000, DIMENSION), np.float32)


def vectors_of(texts: Sequence[str]) -> Any:
    """Return unit rows, one for each text."""
    rows = np.zeros((len(texts), DIMENSION), np.float32)
    for row, text in zip(rows, texts, strict=True):
        words = text.lower().split()
        shares = np.array([0.2 if len(word) < 5 else 1.0 for word in words], np.float32)
        row += shares @ projection()[[zlib.crc32(word.encode()) % 50_000 for word in words]]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


class Build:
    """One write of documents that are one passage each."""

    def __init__(self, session: WriteSession) -> None:
        create_vectors(session.connection, DIMENSION)
        self.session, self.store = session, NewPostgresDocuments(session)
        self.vectors, self.words = NewPostgresVectors(session, DIMENSION), NewPostgresWords(session, "english")
        self.seconds = dict.fromkeys(("texts", "documents", "vectors", "words"), 0.0)

    def add(self, batch: Sequence[Document]) -> None:
        begun = time.monotonic()
        chunks = [Chunk(Span(d.id, 0, len(d.text)), d.text, d.title, (), ((0, len(d.text)),)) for d in batch]
        figures = vectors_of([embedding_text(chunk) for chunk in chunks])
        begun = self._spent("texts", begun)
        rows = []
        for document, chunk in zip(batch, chunks, strict=True):
            rows += self.store.put(document, None, [], [chunk], [bytes.fromhex(document.text_sha256)])
            self.store.overlaps.put(document.id, Fingerprint(b"", b""))
        begun = self._spent("documents", begun)
        self.vectors.add(np.array(rows, np.int64), figures)
        for row, vector in zip(rows, figures, strict=True):
            self.store.put_sentence_vectors(row, packed(vector[None, :]))
        begun = self._spent("vectors", begun)
        self.words.add(rows, [chunk.text for chunk in chunks], list(map(heading_text, chunks)))
        self._spent("words", begun)

    def _spent(self, stage: str, begun: float) -> float:
        self.seconds[stage] += time.monotonic() - begun
        return time.monotonic()

    def commit(self) -> None:
        begun = time.monotonic()
        self.store.commit()
        self.words.commit()
        begun = tell("counts of words", begun)
        self.vectors.finish()
        begun = tell("graph", begun)
        fingerprint = fingerprint_of(self.store, "projected", Settings())
        begun = tell("fingerprint", begun)
        _put_version(self.session, fingerprint, WEIGHTS, Settings())
        _purge(self.session)
        self.session.connection.commit()
        tell("purge and commit", begun)


def write(engine: PostgresEngine, corpus: Path, start: int, count: int) -> None:
    with engine.writing():
        pass
    begun = time.monotonic()
    with engine.database.writing() as connection:
        from rag.index.postgres.schema import migrate

        engine._lock(connection)
        engine.database.require_pgvector(connection)
        migrate(connection, engine.address.schema, "")
        build = Build(WriteSession(connection, ""))
        lines = documents(corpus, start, count)
        while batch := list(islice(lines, 512)):
            build.add(batch)
        build.commit()
    tell(f"wrote {count}", begun, **{key: round(value, 1) for key, value in build.seconds.items()})


def remove(engine: PostgresEngine, start: int, count: int) -> None:
    begun = time.monotonic()
    with engine.database.writing() as connection:
        build = Build(WriteSession(connection, ""))
        rows: list[int] = []
        for number in range(start, start + count):
            rows += build.store.delete(f"{number:07d}")
        build.words.remove(rows)
        begun = tell(f"removing {count}", begun)
        build.commit()


def timed(name: str, search: Any, queries: Sequence[Any], **facts: Any) -> list[Any]:
    results, seconds = [], []
    for query in queries:
        begun = time.monotonic()
        results.append(search(query))
        seconds.append(time.monotonic() - begun)
    p50, p95 = (round(1000 * float(np.percentile(seconds, share)), 1) for share in (50, 95))
    tell(name, time.monotonic(), p50_ms=p50, p95_ms=p95, **facts)
    return results


def main() -> None:
    address, corpus, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    engine = PostgresEngine(address)
    if not engine.exists():
        write(engine, corpus, 0, count)
    query = (
        "SELECT c.relname::text, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"
    )
    sizes = {name: round(size / count) for name, size in engine.database.rows(query, (engine.address.schema,))}
    tell("bytes a passage", time.monotonic(), **sizes)
    version = engine.latest()
    parts = version.open("english")
    texts = [d.text for d in documents(corpus, count + 1000, QUERIES)]
    queries = [vectors_of([" ".join(text.split()[:12])])[0] for text in texts]
    assert isinstance(parts.vectors, PostgresVectors)
    all_rows = parts.vectors.rows()
    for share in (1.0, 0.5, 0.1, 0.01, 0.001):
        among = None if share == 1 else all_rows[np.random.default_rng(1).random(len(all_rows)) < share]
        found = timed(
            f"vectors, filter {share:.1%}", lambda q, a=among: parts.vectors.search(q[None, :], K, a)[0], queries
        )
        import rag.index.postgres.vectors as module

        module.MIN_GRAPH_VECTORS, graph = 10**9, module.MIN_GRAPH_VECTORS
        exact = timed("exact", lambda q, a=among: parts.vectors.search(q[None, :], K, a)[0], queries[:20])
        module.MIN_GRAPH_VECTORS = graph
        right = [
            len({r for r, _ in one} & {r for r, _ in other}) / max(1, len(other))
            for one, other in zip(found, exact, strict=False)
        ]
        tell(f"recall@10, filter {share:.1%}", time.monotonic(), recall=round(float(np.mean(right)), 3), n=len(right))
    timed("words, top 100", lambda text: parts.words.search(" ".join(text.split()[:10]), 100), texts)
    write(engine, corpus, count, 1)
    write(engine, corpus, count + 1, 1000)
    remove(engine, count + 1, 1000)


if __name__ == "__main__":
    main()
