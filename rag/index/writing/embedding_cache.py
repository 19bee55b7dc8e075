"""Stores the vectors of a write until its commit, so that a build goes on after a kill.

The file lies beside the versions of an index, and the commit removes it. It is not part of the index: if it is
damaged or the disk refuses it, texts are embedded again. It survives a killed process, but perhaps not a power
failure.
"""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.index.storage.manifest import UNFINISHED
from rag.index.storage.sentence_vectors import CHECKSUM_BYTES, unpacked

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Ranges

MAX_QUERY_KEYS = 500


class TextVectors(NamedTuple):
    """The vector of a text, and the packed vectors of its sentences."""

    vector: "Floats1d"
    sentences: bytes


class EmbeddingCache:
    """The vectors of this write, and of earlier writes without a commit."""

    def __init__(self, path: Path, dimension: int) -> None:
        """Open the file beside the versions of the index at `path`, or create it."""
        self._file, self._dimension = path / UNFINISHED, dimension
        self._database: sqlite3.Connection | None = None
        for _ in range(2):
            try:
                self._database = _opened(self._file)
                return
            except sqlite3.Error:
                drop_embedding_cache(path)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, TextVectors]:
        """Return the vectors of those keys that are stored and intact."""
        vectors: dict[bytes, TextVectors] = {}
        for start in range(0, len(keys), MAX_QUERY_KEYS):
            batch = keys[start : start + MAX_QUERY_KEYS]
            query = f"SELECT key, vector, sentences FROM embedded WHERE key IN ({','.join('?' * len(batch))})"
            for key, vector, sentences in self._rows(query, batch):
                with suppress(IndexCorrupt, ValueError):
                    unpacked(sentences, self._dimension)
                    vectors[key] = TextVectors(_intact(vector, self._dimension), sentences)
        return vectors

    def put(self, items: Mapping[bytes, TextVectors]) -> None:
        """Store the vectors of texts, so that they survive if this process is killed."""
        self._rows("BEGIN")
        for key, (vector, sentences) in items.items():
            content = np.ascontiguousarray(vector, np.float32).tobytes()
            content += zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "little")
            self._rows("INSERT OR REPLACE INTO embedded VALUES (?,?,?)", (key, content, sentences))
        self._rows("COMMIT")

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _rows(self, query: str, values: Sequence[bytes] = ()) -> Iterable[tuple[bytes, bytes, bytes]]:
        if self._database is None:
            return ()
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error:
            self.close()  # full disk or damage: nothing more is stored, which costs only time
            return ()


def key_of(text: str, sentences: "Ranges", embedder: str) -> bytes:
    """Return the key of a text with its sentences. `embedder` is a fingerprint and a runtime."""
    return hashlib.sha256(f"{embedder}\0{list(sentences)}\0{text}".encode("utf-8", "surrogatepass")).digest()


def drop_embedding_cache(path: Path) -> None:
    """Remove the cache of the index at `path`."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            (path / f"{UNFINISHED}{suffix}").unlink(missing_ok=True)


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        # The file system keeps the writes of a killed process. Waiting for the disk would only help in a power failure.
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF"):
            database.execute(statement)
        database.execute(
            "CREATE TABLE IF NOT EXISTS embedded (key BLOB PRIMARY KEY, vector BLOB, sentences BLOB) WITHOUT ROWID"
        )
    except sqlite3.Error:
        database.close()
        raise
    return database


def _intact(content: bytes, dimension: int) -> "Floats1d":
    body = content[:-CHECKSUM_BYTES]
    if len(body) != 4 * dimension or zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little") != content[-CHECKSUM_BYTES:]:
        raise ValueError("its checksum differs")
    return np.frombuffer(body, np.float32)
