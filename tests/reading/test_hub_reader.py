"""Readers and rerankers of transformers, made here with few weights: their quotations are slices like all others."""

from pathlib import Path

import pytest

from rag import Assistant, Index
from rag.core.errors import ModelNotAvailable
from rag.core.settings import Settings
from rag.core.types import Chunk, Span
from rag.embedding.weights import SHIPPED_MODEL, model_path
from rag.reading.hub_reader import CrossEncoderReranker, HubReader

pytestmark = pytest.mark.model

TEXT = "The bell was cast in 1871 by Anna Berg. 😀 It cracked in 1903."


@pytest.fixture(scope="module")
def reader_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("BertForQuestionAnswering", tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def reranker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("BertForSequenceClassification", tmp_path_factory.mktemp("reranker"))


def saved(kind: str, folder: Path) -> Path:
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    transformers.AutoTokenizer.from_pretrained(str(backbone)).save_pretrained(str(folder))
    config = transformers.BertConfig(  # type: ignore[call-arg]
        vocab_size=30_522,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
    )
    if kind == "BertForQuestionAnswering":
        config.num_labels = 2
    getattr(transformers, kind)(config).save_pretrained(str(folder))
    return folder


def test_spans_of_a_hub_reader_are_slices(reader_folder: Path) -> None:
    chunk = Chunk(Span("d", 0, len(TEXT)), TEXT)
    found = HubReader(str(reader_folder)).read(["Who cast the bell?"], [[chunk, chunk]])[0]
    assert found[0].best(0, len(TEXT)) == found[1].best(0, len(TEXT))
    for best in found[0].best(0, len(TEXT), 3):
        assert TEXT[best.start : best.end] == TEXT[best.start : best.end].strip() != ""


def test_a_long_passage_is_read_in_windows(reader_folder: Path) -> None:
    chunk = Chunk(Span("d", 0, len(TEXT) * 60), TEXT * 60)
    assert len(HubReader(str(reader_folder)).read(["Who?"], [[chunk]])[0][0].windows) > 2


def test_assistant_asks_with_both_and_verifies(reader_folder: Path, reranker_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bell.txt").write_text(TEXT, encoding="utf-8")
    Index.build(tmp_path / "bell.txt", tmp_path / "index").close()
    settings = Settings(reader=str(reader_folder), reranker=str(reranker_folder), min_confidence=0.0)
    response = Assistant.open(tmp_path / "index", settings).ask("Who cast the bell?")
    assert response.answers and all(answer.answer in TEXT for answer in response.answers)
    assert response.answers[0].citation.verified


def test_a_reranker_scores_each_text(reranker_folder: Path) -> None:
    scores = CrossEncoderReranker(str(reranker_folder)).score("Who?", [TEXT, "Another.", TEXT])
    assert scores.shape == (3,) and scores[0] == pytest.approx(scores[2])


@pytest.mark.parametrize("kind", [HubReader, CrossEncoderReranker])
def test_a_model_that_is_not_there_is_an_error_with_a_remedy(kind: type, tmp_path: Path) -> None:
    with pytest.raises(ModelNotAvailable, match="Cannot load"):
        kind(str(tmp_path))
