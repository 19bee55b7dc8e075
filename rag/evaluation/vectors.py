"""Keeps the vectors of passages between builds: most of a build is embedding, and most changes leave texts alone."""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rag.protocols import Embedder, Floats2d

WAIT_SECONDS = 60.0
VARIABLES = 500


class RememberingEmbedder:
    """An embedder that embeds a passage only if it has not done so before with the same weights.

    `remembered` counts the passages whose vectors were known.
    """

    def __init__(self, embedder: "Embedder", path: Path) -> None:
        """Open the file of vectors at `path`, or make one."""
        self._embedder, self.remembered = embedder, 0
        self._database = sqlite3.connect(path, timeout=WAIT_SECONDS)
        self._database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    @property
    def name(self) -> str:
        """Return the name of the embedder."""
        return self._embedder.name

    @property
    def fingerprint(self) -> str:
        """Return the hash of its weights."""
        return self._embedder.fingerprint

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Return its longest input in tokens."""
        return self._embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens."""
        return self._embedder.count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows; queries are not remembered."""
        return self._embedder.embed_queries(texts)

    def embed_sentences(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows; sentences are not remembered."""
        return self._embedder.embed_sentences(texts)

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, as they were embedded the first time."""
        keys = [hashlib.sha256(f"{self.fingerprint}\0{text}".encode()).digest() for text in texts]
        known = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        computed = self._embedder.embed_passages(list(missing.values()))
        fresh = dict(zip(missing, computed, strict=True))
        with self._database:
            rows = [(key, vector.tobytes()) for key, vector in fresh.items()]
            self._database.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
        self.remembered += len(texts) - sum(key not in known for key in keys)
        vectors = {**known, **fresh}
        return np.array([vectors[key] for key in keys], np.float32).reshape(len(keys), self.dimension)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _known(self, keys: Sequence[bytes]) -> "dict[bytes, Floats2d]":
        known: dict[bytes, Floats2d] = {}
        for start in range(0, len(keys), VARIABLES):
            part = keys[start : start + VARIABLES]
            asked = f"SELECT key, vector FROM vectors WHERE key IN ({','.join('?' * len(part))})"
            known |= {key: np.frombuffer(vector, np.float32) for key, vector in self._database.execute(asked, part)}
        return known
