"""Lets a long write and short questions share one embedding model: each call of the write takes its turn."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ranges

TURN = 32
"""Passages embedded in one turn; a question that comes meanwhile waits for no more."""


class LockedEmbedder:
    """An embedder that holds a lock while it works, and lets go of it between small batches."""

    def __init__(self, embedder: "Embedder", lock: threading.Lock) -> None:
        """Wrap `embedder`; whoever else uses it holds `lock`."""
        self._embedder, self._lock = embedder, lock
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self.prompts = getattr(embedder, "prompts", None)
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens."""
        with self._lock:
            return self._embedder.count_tokens(texts)

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return the vectors of passages."""
        return self._in_turns(self._embedder.embed_passages, texts)

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return the vectors of queries."""
        return self._in_turns(self._embedder.embed_queries, texts)

    def embed_with_parts(self, texts: Sequence[str], parts: "Sequence[Ranges]") -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts."""
        vectors: list[Floats2d] = [np.zeros((0, self.dimension), np.float32)]
        inner: list[Floats2d] = []
        for start in range(0, len(texts), TURN):
            turn = slice(start, start + TURN)
            with self._lock:
                whole, within = self._embedder.embed_with_parts(texts[turn], parts[turn])
            vectors.append(whole)
            inner += within
        return np.concatenate(vectors), inner

    def _in_turns(self, embed: "Callable[[Sequence[str]], Floats2d]", texts: Sequence[str]) -> "Floats2d":
        parts: list[Floats2d] = [np.zeros((0, self.dimension), np.float32)]
        for start in range(0, len(texts), TURN):
            with self._lock:
                parts.append(embed(texts[start : start + TURN]))
        return np.concatenate(parts)
