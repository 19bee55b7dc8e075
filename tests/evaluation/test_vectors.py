from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.embedding import SentenceTransformerEmbedder
from rag.evaluation.vectors import RememberingEmbedder

TEXTS = ["The Seine flows through Paris.", "Cobalt makes glass blue.", "Owls hunt at night."]


def test_vectors_are_those_of_the_embedder_first_and_later(
    embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    expected = embedder.embed_passages(TEXTS)
    first = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    assert np.array_equal(first.embed_passages(TEXTS[:2]), embedder.embed_passages(TEXTS[:2]))
    first.close()
    again = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    found = again.embed_passages([*TEXTS, TEXTS[0]])
    assert np.allclose(found, expected[[0, 1, 2, 0]], atol=1e-6)
    assert again.remembered == 3
    again.close()


def test_what_is_remembered_is_not_embedded_again(embedder: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(embedder, name)

        def embed_passages(self, texts: Sequence[str]) -> object:
            asked.extend(texts)
            return embedder.embed_passages(texts)

    remembering = RememberingEmbedder(Counting(), tmp_path / "vectors.sqlite")  # type: ignore[arg-type]
    remembering.embed_passages(TEXTS[:2])
    remembering.embed_passages(TEXTS)
    assert asked == TEXTS
    remembering.close()


def test_other_weights_share_nothing(embedder: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    class Other:
        fingerprint = "other weights"
        dimension = 2

        def embed_passages(self, texts: Sequence[str]) -> object:
            return np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1))

    path = tmp_path / "vectors.sqlite"
    first = RememberingEmbedder(embedder, path)
    first.embed_passages(TEXTS[:1])
    second = RememberingEmbedder(Other(), path)  # type: ignore[arg-type]
    assert np.array_equal(second.embed_passages(TEXTS[:1]), np.array([[0.6, 0.8]], np.float32))
    first.close()
    second.close()
