"""Unit vectors, the same alone and in a batch; weights that are the official ones."""

from pathlib import Path

import numpy as np
import pytest

import rag.embedding as embedding
from rag.embedding import SentenceTransformerEmbedder, model_path
from rag.errors import ModelNotAvailable

TEXTS = ["Baku lies on the Caspian Sea.", "Oil", "", "😀 e\u0301 باكو", "A longer passage about drones. " * 20]


def test_vectors_are_unit_rows_of_the_named_dimension(embedder: SentenceTransformerEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert embedder.embed_passages([]).shape == embedder.embed_queries([]).shape == (0, 384)


def test_a_vector_is_the_same_alone_and_in_a_batch(embedder: SentenceTransformerEmbedder) -> None:
    batch, alone = embedder.embed_passages(TEXTS), embedder.embed_queries(TEXTS)
    assert np.abs(batch - alone).max() < 1e-5
    for place, text in enumerate(TEXTS):
        assert np.array_equal(alone[place], embedder.embed_queries([text])[0])


def test_what_means_the_same_lies_nearer(embedder: SentenceTransformerEmbedder) -> None:
    question, right, wrong = embedder.embed_queries(
        ["Who supplies crude oil?", "The petroleum comes from Baku.", "He bakes bread."]
    )
    assert question @ right > question @ wrong + 0.2


def test_tokens_are_counted_uncut_with_the_special_ones(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.count_tokens(["", "oil", "oil " * 1_000]) == [2, 3, 1_002]
    assert embedder.max_tokens == 256


def test_the_fingerprint_is_the_official_hash(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.fingerprint == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert model_path("sentence-transformers/all-MiniLM-L6-v2") == model_path("all-MiniLM-L6-v2")


def test_other_weights_under_the_shipped_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(embedding, "_shipped_path", lambda: tmp_path)
    with pytest.raises(ModelNotAvailable, match="not the official ones"):
        model_path("all-MiniLM-L6-v2")


@pytest.mark.parametrize("name", ["./no-such-folder", "/no/such/folder", "a/b/c"])
def test_a_path_that_is_not_there_names_the_remedy(name: str) -> None:
    with pytest.raises(ModelNotAvailable, match="Give a folder saved by sentence-transformers"):
        model_path(name)


def test_a_name_is_left_to_the_hub_only_where_it_can_be_one() -> None:
    assert model_path("BAAI/bge-small-en-v1.5") is None


def test_a_folder_that_holds_no_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelNotAvailable, match="Cannot load embedding model"):
        SentenceTransformerEmbedder(str(tmp_path))
