"""The graph is kept between runs, checked, and made again where it is not what was written."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from rag.core.errors import ModelNotAvailable
from rag.embedding.encoder_files import (
    ENCODER_CARD,
    ENCODER_GRAPH,
    ENCODER_TOKENIZER,
    SHIPPED_ENCODER,
    cache_folder,
    exported_encoder,
    shipped_encoder,
    supports,
)
from rag.embedding.onnx_embedder import OnnxEmbedder, part_vectors
from rag.embedding.weights import model_path
from training.embedder import write_encoder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PINCITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def shipped() -> Path:
    path = model_path("all-MiniLM-L6-v2")
    assert path is not None
    return path


def test_the_shipped_graph_is_what_the_official_weights_give(shipped: Path, tmp_path: Path) -> None:
    write_encoder(shipped, tmp_path)
    for name in (ENCODER_GRAPH, ENCODER_TOKENIZER):
        assert (tmp_path / name).read_bytes() == (SHIPPED_ENCODER / name).read_bytes()
    card, again = (json.loads((folder / ENCODER_CARD).read_text()) for folder in (SHIPPED_ENCODER, tmp_path))
    assert {key: card[key] for key in again} == again


@pytest.mark.parametrize("name", [ENCODER_GRAPH, ENCODER_TOKENIZER, ENCODER_CARD])
def test_a_damaged_file_of_the_shipped_model_names_the_remedy(name: str, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_ENCODER, tmp_path / "model")
    with (tmp_path / "model" / name).open("r+b") as file:
        file.write(b"?")
    with pytest.raises(ModelNotAvailable, match="pip install --force-reinstall"):
        shipped_encoder(tmp_path / "model")


def test_the_graph_is_made_once_and_made_again_when_a_bit_flips(cache: Path, shipped: Path) -> None:
    first = OnnxEmbedder("x", exported_encoder(shipped)).embed_queries(["oil"])
    (kept,) = cache.iterdir()
    made_at = kept.stat().st_mtime_ns
    assert np.array_equal(OnnxEmbedder("x", exported_encoder(shipped)).embed_queries(["oil"]), first)
    assert kept.stat().st_mtime_ns == made_at, "it was made a second time"
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert np.array_equal(OnnxEmbedder("x", exported_encoder(shipped)).embed_queries(["oil"]), first)
    assert bytes(content) != kept.read_bytes(), "the damaged graph is still there"


def test_without_a_cache_folder_the_graph_is_made_all_the_same(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PINCITE_CACHE", str(tmp_path / "file" / "cache"))
    assert OnnxEmbedder("x", exported_encoder(shipped)).embed_queries(["oil"]).shape == (1, 384)
    assert cache_folder() == tmp_path / "file" / "cache"


def test_part_vectors_are_the_means_of_the_tokens_inside() -> None:
    tokens = np.array([[9, 9], [3, 0], [0, 4], [5, 5], [9, 9]], np.float32)
    places = np.array([[0, 0], [0, 3], [4, 7], [8, 9], [0, 0]], np.int64)
    whole = np.array([0, 1], np.float32)
    found = part_vectors(tokens, places, [(0, 7), (4, 7), (20, 30)], whole)
    assert found == pytest.approx(np.array([[0.6, 0.8], [0.0, 1.0], [0.0, 1.0]]), abs=1e-6)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
    ],
)
def test_models_that_compute_otherwise_are_left_to_sentence_transformers(
    file: str, change: dict[str, object], tmp_path: Path, shipped: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(shipped, folder)
    assert supports(folder)
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, **change}))
    assert not supports(folder)


def test_a_folder_without_the_files_is_not_supported(tmp_path: Path) -> None:
    assert not supports(tmp_path)


def test_weights_of_another_shape_name_the_remedy(cache: Path, tmp_path: Path, shipped: Path) -> None:
    from safetensors.numpy import save_file

    folder = tmp_path / "model"
    shutil.copytree(shipped, folder)
    save_file({"other.weight": np.zeros((2, 2), np.float32)}, folder / "model.safetensors")
    with pytest.raises(ModelNotAvailable, match="embedding_runtime=sentence-transformers"):
        exported_encoder(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_embeds_as_its_parent_does(shipped: Path) -> None:
    embedder = OnnxEmbedder("x", exported_encoder(shipped))
    right = embedder.embed_passages(["oil", "gas"])
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that waits for threads it does not have is ended
        os._exit(0 if np.array_equal(embedder.embed_passages(["oil", "gas"]), right) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_vector_is_the_same_to_the_bit_whatever_else_is_embedded(shipped: Path) -> None:
    # 8-bit products are scaled by the largest figure of their input: texts put into one would change one another.
    texts = ["oil", "gas", "The bell cracked in 1903.", "oil " * 300]
    embedder = OnnxEmbedder("x", exported_encoder(shipped))
    together = embedder.embed_passages(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.array_equal(embedder.embed_passages([text])[0], vector)
