"""Caches the vectors of passages between builds, because embedding is most of a build and texts seldom change."""

import hashlib
import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import rag

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats1d, Floats2d, Ranges

WAIT_SECONDS = 60.0
VARIABLES = 500


class RememberingEmbedder:
    """Embeds a passage only if the cache has no vector of it from the same weights and code.

    `remembered` counts the passages whose vectors came from the cache.
    """

    def __init__(self, embedder: "Embedder", path: Path, runtime: str = "auto") -> None:
        """Open or create the file of vectors at `path`. Vectors of another runtime are not used."""
        self._embedder, self._runtime, self.remembered = embedder, runtime, 0
        self._database = sqlite3.connect(path, timeout=WAIT_SECONDS)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS passages (key BLOB PRIMARY KEY, vector BLOB, parts BLOB) WITHOUT ROWID"
        )

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
        """Return float32 (n, dimension), unit rows; queries are not cached."""
        return self._embedder.embed_queries(texts)

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, the same as from the first call."""
        return self.embed_with_parts(texts, [()] * len(texts))[0]

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts and of their parts, the same as from the first call."""
        keys = [self._key(text, ranges) for text, ranges in zip(texts, parts, strict=True)]
        stored = self._stored(keys)
        new_keys = {key: i for i, key in enumerate(keys) if key not in stored}
        wholes, inner = self._embedder.embed_with_parts(
            [texts[i] for i in new_keys.values()], [parts[i] for i in new_keys.values()]
        )
        computed = {key: (whole, rows) for key, whole, rows in zip(new_keys, wholes, inner, strict=True)}
        with self._database:
            rows = [(key, whole.tobytes(), rows.tobytes()) for key, (whole, rows) in computed.items()]
            self._database.executemany("INSERT OR IGNORE INTO passages VALUES (?, ?, ?)", rows)
        self.remembered += sum(key in stored for key in keys)
        all_rows = stored | computed
        vectors = np.array([all_rows[key][0] for key in keys], np.float32).reshape(len(keys), self.dimension)
        return vectors, [all_rows[key][1] for key in keys]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _key(self, text: str, ranges: "Ranges") -> bytes:
        made_by = f"{self.fingerprint}\0{self._runtime}\0{_code_sha256()}"
        return hashlib.sha256(f"{made_by}\0{list(ranges)}\0{text}".encode()).digest()

    def _stored(self, keys: Sequence[bytes]) -> "dict[bytes, tuple[Floats1d, Floats2d]]":
        stored: dict[bytes, tuple[Floats1d, Floats2d]] = {}
        for start in range(0, len(keys), VARIABLES):
            part = keys[start : start + VARIABLES]
            query = f"SELECT key, vector, parts FROM passages WHERE key IN ({','.join('?' * len(part))})"
            for key, vector, rows in self._database.execute(query, part):
                inner = np.frombuffer(rows, np.float32).reshape(-1, self.dimension)
                stored[key] = np.frombuffer(vector, np.float32), inner
        return stored


@cache
def _code_sha256() -> str:
    """Return the hash of the code of `rag.embedding`, because a change of it may change the vectors."""
    modules = sorted((Path(rag.__file__).parent / "embedding").rglob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()
