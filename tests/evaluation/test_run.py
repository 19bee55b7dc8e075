"""The whole way from a folder to figures, with the real pipeline on a small data set."""

from pathlib import Path

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import EvaluationError
from rag.core.settings import Settings
from rag.evaluation.cache import cache_key, cached_index
from rag.evaluation.datasets import load_dataset
from rag.evaluation.results import Evaluation
from rag.evaluation.run import evaluate


@pytest.fixture(scope="module")
def found(small_set: Path, other_set: Path, cache: Path) -> Evaluation:
    return evaluate(small_set, other_field=other_set, cache=cache)


def test_every_question_counts_in_the_figures_that_it_has_a_part_in(found: Evaluation) -> None:
    counted = {measure.key: measure.n for measure in found.measures}
    assert counted["fused.recall@1"] == counted["answers.right@1"] == counted["lost.retrieval"] == 20
    assert counted["lost.not refused"] == 4
    assert counted["abstention, near miss.AUROC"] == 24
    assert counted["abstention, article removed.AUROC"] == 40
    assert counted["abstention, other field.AUROC"] == 28
    assert counted["abstention, all kinds.ECE"] == 52
    assert (found.dataset["answerable"], found.dataset["impossible"]) == (20, 4)


def test_a_working_pipeline_finds_what_is_there_and_quotes_it(found: Evaluation) -> None:
    assert found.measure("fused", "recall@5").value == 1.0
    assert found.measure("extractions", "gold in context@1").value >= 0.7
    assert found.measure("citations", "verbatim rate").value == 1.0
    assert found.measure("citations", "boilerplate leaks").value == 0.0
    assert found.measure("abstention, other field", "AUROC").value > 0.8


def test_answers_are_never_better_than_extractions(found: Evaluation) -> None:
    for name in ("right@1", "EM@1", "F1@1", "gold in context@3", "token recall@1"):
        assert found.measure("answers", name).value <= found.measure("extractions", name).value


def test_losses_and_right_answers_add_up_to_all_questions(found: Evaluation) -> None:
    lost = sum(found.measure("lost", stage).value for stage in ("retrieval", "fusion", "reading", "threshold"))
    assert lost + found.measure("answers", "right@1").value == pytest.approx(1.0)


def test_every_failure_names_its_stage(found: Evaluation) -> None:
    answerable_lost = 1.0 - found.measure("answers", "right@1").value
    shown_near_misses = found.measure("lost", "not refused").value
    assert len(found.failures) == round(answerable_lost * 20 + shown_near_misses * 4)
    assert all(failure["lost_at"] for failure in found.failures)
    shown = [failure["shown"] for failure in found.failures]
    assert shown == sorted(shown, reverse=True), "wrong answers that were shown come before those withheld"


def test_means_are_those_of_the_values_kept(found: Evaluation) -> None:
    for measure in found.measures:
        if measure.key in found.values:
            values = [value for value in found.values[measure.key] if value is not None]
            assert measure.value == pytest.approx(sum(values) / len(values), abs=1e-3)
            assert measure.low is not None and measure.high is not None
            assert measure.low <= measure.value <= measure.high


def test_the_same_run_gives_the_same_figures(small_set: Path, cache: Path) -> None:
    stages = ("lexical", "dense", "fused", "read", "answers", "abstention")
    first, second = (evaluate(small_set, sample=8, seed=3, stages=stages, cache=cache) for _ in range(2))
    assert first.measures == second.measures
    assert first.question_ids == second.question_ids
    assert first.curves == second.curves


def test_only_the_stages_asked_for_are_measured(small_set: Path, cache: Path) -> None:
    found = evaluate(small_set, sample=4, stages=("fused", "citations"), cache=cache)
    assert set(found.stages()) <= {"fused", "citations"}
    assert "fused" in found.stages()


def test_a_set_to_be_covered_gets_the_chunking_measures(small_set: Path, cache: Path) -> None:
    found = evaluate(small_set, sample=6, stages=("chunks",), references="all", cache=cache)
    # Each article is one passage of which the gold sentence is a part, so five passages hold all of it, and much else.
    assert found.measure("passages, fused", "token recall@5").value == 1.0
    assert found.measure("passages, fused", "token precision@5").value < 0.2
    assert 0.2 < found.measure("passages", "precision omega").value < 0.8


def test_progress_is_told_from_nothing_to_all(small_set: Path, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    evaluate(small_set, sample=4, stages=("answers",), cache=cache, progress=lambda *step: told.append(step))
    asking = [(done, total) for what, done, total in told if what == "asking"]
    assert asking[0] == (0, 4) and asking[-1] == (4, 4)


@pytest.mark.parametrize(
    ("changes", "told"), [({"stages": ("fuse",)}, "fuse"), ({"stages": ()}, "No stage"), ({"sample": 0}, "0")]
)
def test_a_wish_that_cannot_be_met_is_refused_at_once(small_set: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        evaluate(small_set, **changes)  # type: ignore[arg-type]


def test_an_index_is_kept_for_the_same_corpus_and_shaping_settings_only(small_set: Path, cache: Path) -> None:
    dataset = load_dataset(small_set)
    path, _ = cached_index(dataset, Settings(), cache)
    written = path.stat().st_mtime_ns
    assert cached_index(dataset, Settings(top_k=1, read_passages=3), cache)[0] == path
    assert path.stat().st_mtime_ns == written
    assert cache_key(dataset.corpus_sha256, Settings(chunk_size=300)) not in path.name
    assert cache_key("another corpus", Settings()) not in path.name
    assert not [item for item in cache.iterdir() if item.is_dir() and "." in item.name], "no unfinished build is left"


def test_without_an_article_its_passages_are_found_nowhere(small_set: Path, cache: Path) -> None:
    dataset = load_dataset(small_set)
    assistant = Assistant.open(cached_index(dataset, Settings(), cache)[0])
    question = dataset.questions[0]
    (trace,) = assistant.trace_many([question.text], without=[dataset.own_documents(question)])
    hits = (*trace.lexical, *trace.dense, *trace.fused, *(item.hit for item in trace.extractions))
    assert "d0" not in {hit.chunk.span.document_id for hit in hits}
