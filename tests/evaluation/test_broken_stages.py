"""A judge that cannot see a broken stage is none: each of these breaks one, and the measures must say which."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rag.answering.assistant
import rag.answering.pipeline
from rag.core.settings import Settings
from rag.core.types import Chunk, Extraction, Hit, Span
from rag.embedding.onnx_embedder import OnnxEmbedder
from rag.evaluation.cache import cached_index
from rag.evaluation.datasets import load_dataset, texts
from rag.evaluation.metrics.measures import citation_figures
from rag.evaluation.observation import Observation, observe
from rag.evaluation.reporting.compare import FigureRow, compare
from rag.evaluation.results import Evaluation
from rag.evaluation.run import evaluate
from rag.reading.sentence_reader import SentenceReader

STAGES = ("lexical", "dense", "fused", "read", "answers", "abstention", "citations")


WHOLE = Settings(reader="sentences")
"""The gold spans of the small set are whole sentences."""


@pytest.fixture(scope="module")
def sound(small_set: Path, other_set: Path, cache: Path) -> Evaluation:
    return evaluate(small_set, other_field=other_set, settings=WHOLE, stages=STAGES, cache=cache)


def moved(before: Evaluation, after: Evaluation) -> dict[str, FigureRow]:
    return {f"{row.stage}.{row.name}": row for row in compare(before, after).rows}


def test_shuffled_vectors_show_in_the_dense_stage_alone(
    sound: Evaluation, small_set: Path, other_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = OnnxEmbedder.embed_with_parts

    def shuffled(self: OnnxEmbedder, passages: Sequence[str], parts: Sequence[Any]) -> Any:
        vectors, inner = embed(self, passages, parts)
        return np.roll(vectors, 1, axis=0), inner

    monkeypatch.setattr(OnnxEmbedder, "embed_with_parts", shuffled)
    rows = moved(sound, evaluate(small_set, other_field=other_set, settings=WHOLE, stages=STAGES, cache=tmp_path))
    dense, lexical = rows["dense.recall@1"], rows["lexical.recall@1"]
    assert dense.before > 0.8 and dense.after < 0.2
    assert dense.p_value is not None and dense.p_value < 0.001
    assert lexical.before == lexical.after


def test_offsets_moved_by_one_show_in_the_spans_but_not_in_the_ranking(
    sound: Evaluation, small_set: Path, other_set: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locate = Chunk.locate

    def late(self: Chunk, start: int, end: int) -> Span:
        span = locate(self, start, end)
        return Span(span.document_id, span.start + 1, span.end + 1)

    monkeypatch.setattr(Chunk, "locate", late)
    rows = moved(sound, evaluate(small_set, other_field=other_set, settings=WHOLE, stages=STAGES, cache=cache))
    for key in ("extractions.gold in answer@1", "extractions.EM@1"):
        assert rows[key].before > 0.7 and rows[key].after < 0.1
    assert rows["extractions.token precision@1"].after < rows["extractions.token precision@1"].before
    assert rows["read.recall@1"].before == rows["read.recall@1"].after


def test_quotations_whose_offsets_moved_by_one_are_not_verbatim(small_set: Path, cache: Path) -> None:
    dataset = load_dataset(small_set)
    assistant = rag.answering.assistant.Assistant.open(cached_index(dataset, Settings(), cache)[0])
    traces = assistant.trace_many([question.text for question in dataset.questions])
    seen = [
        observe(question, trace, assistant.index, Settings())
        for question, trace in zip(dataset.questions, traces, strict=True)
    ]
    sources = texts(small_set, set(dataset.articles))
    assert verbatim_rate(seen, sources) == 1.0
    late = [replace(one, cited=tuple((shifted(span), quote) for span, quote in one.cited)) for one in seen]
    assert verbatim_rate(late, sources) == 0.0


def verbatim_rate(seen: Sequence[Observation], sources: Mapping[str, str]) -> float:
    return next(found.value for found in citation_figures(seen, sources) if found.name == "verbatim rate")


def shifted(span: Span) -> Span:
    return Span(span.document_id, span.start + 1, span.end + 1)


def test_a_reader_that_always_answers_shows_in_abstention(
    sound: Evaluation, small_set: Path, other_set: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SureReader:
        def __init__(self, *parts: Any, **named: Any) -> None:
            self._reader = SentenceReader(*parts, **named)

        def read(self, questions: Sequence[str], hits: Sequence[Sequence[Hit]]) -> list[list[Extraction]]:
            found = self._reader.read(questions, hits)
            return [[replace(item, features=dict.fromkeys(item.features, 1.0)) for item in items] for items in found]

    monkeypatch.setattr(rag.answering.pipeline, "SentenceReader", SureReader)
    found = evaluate(small_set, other_field=other_set, settings=WHOLE, stages=STAGES, cache=cache)
    for kind in ("article removed", "other field"):
        stage = f"abstention, {kind}"
        assert sound.measure(stage, "AUROC").value > 0.8 and found.measure(stage, "AUROC").value == 0.5
        assert sound.measure(stage, "refused").value > 0.3 and found.measure(stage, "refused").value == 0.0
        assert found.measure(stage, "ECE").value > sound.measure(stage, "ECE").value
    assert found.measure("lost", "not refused").value == 1.0
    assert moved(sound, found)["fused.recall@1"].p_value == 1.0
