import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rag.server.locked_embedder import TURN, LockedEmbedder

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ranges


class Noting:
    """Embeds a text as its length; notes how many texts came at once and whether the lock was held."""

    name, fingerprint, dimension, max_tokens = "noting", "f", 1, 8

    def __init__(self, lock: threading.Lock) -> None:
        self.turns: list[int] = []
        self._lock = lock

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        assert self._lock.locked()
        return [len(text) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        assert self._lock.locked()
        self.turns.append(len(texts))
        return np.array([[len(text)] for text in texts], np.float32).reshape(-1, 1)

    embed_queries = embed_passages

    def embed_with_parts(self, texts: Sequence[str], parts: "Sequence[Ranges]") -> "tuple[Floats2d, list[Floats2d]]":
        inner = [np.array([[end - start] for start, end in ranges], np.float32).reshape(-1, 1) for ranges in parts]
        return self.embed_passages(texts), inner


def test_the_vectors_are_the_same_and_the_lock_is_let_go_between_small_batches() -> None:
    lock = threading.Lock()
    inner = Noting(lock)
    texts = ["x" * number for number in range(TURN * 2 + 3)]
    vectors = LockedEmbedder(inner, lock).embed_passages(texts)
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    assert inner.turns == [TURN, TURN, 3]
    assert not lock.locked()


def test_parts_stay_with_their_texts_across_batches() -> None:
    lock = threading.Lock()
    texts = ["x" * number for number in range(TURN + 2)]
    parts: list[Ranges] = [((0, number), (0, 1)) for number in range(TURN + 2)]
    whole, within = LockedEmbedder(Noting(lock), lock).embed_with_parts(texts, parts)
    assert whole[:, 0].tolist() == [len(text) for text in texts]
    assert [found[:, 0].tolist() for found in within] == [[number, 1] for number in range(TURN + 2)]


def test_nothing_gives_no_rows() -> None:
    lock = threading.Lock()
    assert LockedEmbedder(Noting(lock), lock).embed_queries([]).shape == (0, 1)
