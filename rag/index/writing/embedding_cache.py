"""Keeps what was embedded until it is committed, so that a build that was killed goes on where it was.

In a file beside the versions of an index, dropped by the commit. It is no part of the index: where it is damaged, or
the disk refuses it, texts are embedded anew. It outlives the process, but not surely a machine that loses its power.
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

VARIABLES = 500


class Embedded(NamedTuple):
    """What an embedded text gave: its vector, and the packed vectors of its sentences."""

    vector: "Floats1d"
    sentences: bytes


class Unfinished:
    """What earlier runs that came to no commit have embedded, and this one."""

    def __init__(self, path: Path, dimension: int) -> None:
        """Open the file beside the versions of the index at `path`, or make one."""
        self._file, self._dimension = path / UNFINISHED, dimension
        self._database: sqlite3.Connection | None = None
        for _ in range(2):
            try:
                self._database = _opened(self._file)
                return
            except sqlite3.Error:
                drop_unfinished(path)

    def known(self, keys: Sequence[bytes]) -> dict[bytes, Embedded]:
        """Return what was kept under these keys and is whole."""
        found: dict[bytes, Embedded] = {}
        for start in range(0, len(keys), VARIABLES):
            part = keys[start : start + VARIABLES]
            query = f"SELECT key, vector, sentences FROM embedded WHERE key IN ({','.join('?' * len(part))})"
            for key, vector, sentences in self._rows(query, part):
                with suppress(IndexCorrupt, ValueError):
                    unpacked(sentences, self._dimension)
                    found[key] = Embedded(_whole(vector, self._dimension), sentences)
        return found

    def keep(self, items: Mapping[bytes, Embedded]) -> None:
        """Keep what texts gave, so that it is still there when this process is killed."""
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
            self.close()  # a full disk, or damage: nothing more is kept, and nothing is lost by that but time
            return ()


def key_of(text: str, sentences: "Ranges", embedder: str) -> bytes:
    """Return what names a text with its sentences under an embedder, given by its fingerprint and runtime."""
    return hashlib.sha256(f"{embedder}\0{list(sentences)}\0{text}".encode("utf-8", "surrogatepass")).digest()


def drop_unfinished(path: Path) -> None:
    """Drop what was kept for the index at `path`."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            (path / f"{UNFINISHED}{suffix}").unlink(missing_ok=True)


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        # The file system keeps what a killed process has written; to wait for the disk would only protect from more.
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF"):
            database.execute(statement)
        database.execute(
            "CREATE TABLE IF NOT EXISTS embedded (key BLOB PRIMARY KEY, vector BLOB, sentences BLOB) WITHOUT ROWID"
        )
    except sqlite3.Error:
        database.close()
        raise
    return database


def _whole(content: bytes, dimension: int) -> "Floats1d":
    body = content[:-CHECKSUM_BYTES]
    if len(body) != 4 * dimension or zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little") != content[-CHECKSUM_BYTES:]:
        raise ValueError("not what was kept")
    return np.frombuffer(body, np.float32)
