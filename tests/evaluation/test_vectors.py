from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.evaluation.vectors import RememberingEmbedder

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Ranges

TEXTS = ["The Seine flows through Paris.", "Cobalt makes glass blue.", "Owls hunt at night."]


def test_vectors_are_those_of_the_embedder_first_and_later(embedder: "Embedder", tmp_path: Path) -> None:
    expected = embedder.embed_passages(TEXTS)
    first = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    assert np.array_equal(first.embed_passages(TEXTS[:2]), embedder.embed_passages(TEXTS[:2]))
    first.close()
    again = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    found = again.embed_passages([*TEXTS, TEXTS[0]])
    assert np.allclose(found, expected[[0, 1, 2, 0]], atol=1e-6)
    assert again.remembered == 3
    again.close()


def test_what_is_remembered_is_not_embedded_again(embedder: "Embedder", tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(embedder, name)

        def embed_with_parts(self, texts: Sequence[str], parts: "Sequence[Ranges]") -> object:
            asked.extend(texts)
            return embedder.embed_with_parts(texts, parts)

    remembering = RememberingEmbedder(Counting(), tmp_path / "vectors.sqlite")  # type: ignore[arg-type]
    remembering.embed_passages(TEXTS[:2])
    remembering.embed_passages(TEXTS)
    assert asked == TEXTS
    remembering.close()


def test_other_weights_share_nothing(embedder: "Embedder", tmp_path: Path) -> None:
    class Other:
        fingerprint = "other weights"
        dimension = 2

        def embed_with_parts(self, texts: Sequence[str], parts: "Sequence[Ranges]") -> object:
            return np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1)), [np.zeros((0, 2))] * len(texts)

    path = tmp_path / "vectors.sqlite"
    first = RememberingEmbedder(embedder, path)
    first.embed_passages(TEXTS[:1])
    second = RememberingEmbedder(Other(), path)  # type: ignore[arg-type]
    assert np.array_equal(second.embed_passages(TEXTS[:1]), np.array([[0.6, 0.8]], np.float32))
    first.close()
    second.close()


def test_parts_are_remembered_with_their_text(embedder: "Embedder", tmp_path: Path) -> None:
    remembering = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    parts = [[(0, 9), (10, 30)], [], [(0, 4)]]
    first, again = (remembering.embed_with_parts(TEXTS, parts) for _ in range(2))
    assert remembering.remembered == 3
    for kept, right in zip((again[0], *again[1]), (first[0], *embedder.embed_with_parts(TEXTS, parts)[1]), strict=True):
        assert np.array_equal(kept, right)
    remembering.embed_with_parts(TEXTS[:1], [[(0, 3)]])
    assert remembering.remembered == 3, "other parts of a text are other vectors"
    remembering.close()


def test_other_code_shares_nothing(embedder: "Embedder", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remembering = RememberingEmbedder(embedder, tmp_path / "vectors.sqlite")
    remembering.embed_passages(TEXTS)
    monkeypatch.setattr("rag.evaluation.vectors._code_sha256", lambda: "another graph")
    remembering.embed_passages(TEXTS)
    assert remembering.remembered == 0
    remembering.close()
