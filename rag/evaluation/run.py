"""Runs a data set through the pipeline: questions to observations, observations to figures."""

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.answering.assistant import Assistant
from rag.core.errors import EvaluationError
from rag.core.runtime import batches
from rag.core.settings import Settings
from rag.evaluation import cost
from rag.evaluation.cache import BuildCost, cached_index
from rag.evaluation.datasets import Dataset, Question, References, load_dataset, load_queries, texts
from rag.evaluation.metrics import measures
from rag.evaluation.metrics.measures import Columns, UnanswerableOutcome
from rag.evaluation.observation import RANKED_STAGES, Observation, observe
from rag.evaluation.reporting.failures import failures
from rag.evaluation.results import Evaluation, Measure, as_saved, require_extra
from rag.index.index import Index

EVALUATED_STAGES = (*RANKED_STAGES, "answers", "chunks", "abstention", "citations", "cost")
"""All stages. `chunks` is measured only if the answers of a question are a set to be covered."""

StageProgress = Callable[[str, int, int], None]
LATENCY_QUESTIONS = 50
BATCHED_QUESTIONS = 200
FAILURES = 100


@dataclass(frozen=True)
class Run:
    """The common arguments of all steps of an evaluation."""

    dataset: Dataset
    assistant: Assistant
    settings: Settings
    progress: StageProgress


def evaluate(
    dataset: str | Path,
    settings: Settings | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
    stages: Sequence[str] = EVALUATED_STAGES,
    references: References | None = None,
    other_field: str | Path | None = None,
    cache: str | Path | None = None,
    progress: StageProgress | None = None,
) -> Evaluation:
    """Measure the pipeline on a data set folder and return the figures of `stages`.

    If `sample` is set, only so many random questions are asked; the corpus stays whole. `other_field` is a second
    folder whose questions the first cannot answer. `cache` is a folder for indexes between runs. `progress` gets the
    step, the number done and the total. Raises EvaluationError.
    """
    _check(stages, sample)
    require_extra("pytrec_eval", "ir_measures")
    whole = load_dataset(dataset, references)
    requested = settings or Settings()
    run, built = _prepared(whole, _enough(requested, stages), sample, seed, cache, progress or (lambda *step: None))
    observations = _observed(run)
    columns = _columns(run, observations, stages)
    unanswerable = _unanswerable(run, observations, other_field, seed) if "abstention" in stages else {}
    figures, curves = _figures(run, observations, unanswerable, stages, built)
    return Evaluation(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=_about(run.dataset, len(whole.questions), seed, sample, other_field),
        environment=cost.environment(),
        settings=asdict(requested),
        index={**run.assistant.index.info.to_dict(), **asdict(built)},
        measures=(*measures.summarised(columns), *figures),
        question_ids=tuple(observation.question.id for observation in observations),
        values={".".join(key): as_saved(column) for key, column in columns.items()},
        curves=curves,
        failures=failures(observations, FAILURES) if "answers" in stages else (),
    )


def _enough(settings: Settings, stages: Sequence[str]) -> Settings:
    """Return settings that read one passage if no stage after fusion is measured."""
    return replace(settings, read_passages=1) if {"lexical", "dense", "fused"}.issuperset(stages) else settings


def _prepared(
    whole: Dataset, settings: Settings, sample: int | None, seed: int, cache: str | Path | None, progress: StageProgress
) -> tuple[Run, BuildCost]:
    folder = Path(cache) if cache else None
    path, built = cached_index(whole, settings, folder, lambda step: progress("indexing", step.done, step.total))
    return Run(whole.sampled(sample, seed), Assistant.open(path, settings=settings), settings, progress), built


def _observed(run: Run) -> list[Observation]:
    return [
        observe(question, trace, run.assistant.index, run.settings)
        for batch in _batches("asking", run.dataset.questions, run.progress)
        for question, trace in zip(batch, run.assistant.trace_many([item.text for item in batch]), strict=True)
    ]


def _columns(run: Run, observations: Sequence[Observation], stages: Sequence[str]) -> Columns:
    columns = measures.ranking_columns(observations, stages)
    if "answers" in stages:
        columns |= measures.answer_columns(run.dataset, observations) | measures.loss_columns(observations)
    if "chunks" in stages and run.dataset.references == "all":
        columns |= measures.chunk_columns(
            run.dataset, observations, lambda name: [chunk.span for chunk in run.assistant.index.chunks(name)]
        )
    return columns


def _figures(
    run: Run,
    observations: Sequence[Observation],
    unanswerable: dict[str, list[UnanswerableOutcome]],
    stages: Sequence[str],
    built: BuildCost,
) -> tuple[list[Measure], dict[str, Any]]:
    figures, curves = list[Measure](), dict[str, Any]()
    if "abstention" in stages:
        run.progress("resampling", 0, 1)
        figures, curves = measures.abstention_figures(observations, unanswerable)
        run.progress("resampling", 1, 1)
        curves = {"populations": curves}
    if "citations" in stages:
        cited = {span.document_id for observation in observations for span, _ in observation.cited}
        figures += measures.citation_figures(observations, texts(run.dataset.folder, cited))
    if "cost" in stages:
        costs, curves["latency_ms"] = _costs(run, built)
        figures += costs
    return figures, curves


def _costs(run: Run, built: BuildCost) -> tuple[list[Measure], list[float]]:
    """Return the figures of cost and the latencies, from a sample of its own and with empty caches."""
    questions = [question.text for question in run.dataset.sampled(BATCHED_QUESTIONS, seed=1).questions]
    index = run.assistant.index
    alone, together = (Assistant(Index.open(index.path, index.embedder), run.settings) for _ in range(2))
    run.progress("timing", 0, 2)
    one_by_one = cost.latencies(alone, questions[:LATENCY_QUESTIONS])
    run.progress("timing", 1, 2)
    together.ask("Is anybody there?")
    cost_measures = cost.cost_figures(together, questions, one_by_one, built)
    run.progress("timing", 2, 2)
    return cost_measures, [round(value, 1) for value in one_by_one]


def _unanswerable(
    run: Run, observations: Sequence[Observation], other_field: str | Path | None, seed: int
) -> dict[str, list[UnanswerableOutcome]]:
    """Return the refusals of the three kinds of questions without an answer."""
    answerable = [observation.question for observation in observations if observation.question.answerable]
    near = [
        UnanswerableOutcome(observation.confidence, bool(observation.answered))
        for observation in observations
        if observation.question.impossible
    ]
    without_article = list(_refusals(run, "asking without the article", answerable, run.dataset.own_documents))
    other = list[UnanswerableOutcome]()
    if other_field:
        foreign = [Question(key, text) for key, text in load_queries(other_field).items()]
        foreign = random.Random(seed).sample(foreign, min(len(foreign), max(1, len(answerable))))
        other = list(_refusals(run, "asking another field", foreign, lambda question: frozenset()))
    return {"near miss": near, "article removed": without_article, "other field": other}


def _refusals(
    run: Run, step: str, questions: Sequence[Question], hidden_documents: Callable[[Question], Collection[str]]
) -> Iterator[UnanswerableOutcome]:
    for batch in _batches(step, questions, run.progress):
        without = [hidden_documents(question) for question in batch]
        for trace in run.assistant.trace_many([question.text for question in batch], without=without):
            yield UnanswerableOutcome(trace.confidence, bool(trace.response.answers))


def _batches(step: str, questions: Sequence[Question], progress: StageProgress) -> Iterator[Sequence[Question]]:
    done = 0
    progress(step, 0, len(questions))
    for batch in batches(questions):
        yield batch
        done += len(batch)
        progress(step, done, len(questions))


def _about(
    dataset: Dataset, available: int, seed: int, sample: int | None, other_field: str | Path | None
) -> dict[str, Any]:
    questions = dataset.questions
    return {
        "name": dataset.name,
        "corpus_sha256": dataset.corpus_sha256,
        "documents": len(dataset.articles),
        "references": dataset.references,
        "questions": len(questions),
        "questions_available": available,
        "sample": sample,
        "seed": seed,
        "unjudged_left_out": dataset.unjudged,
        "without_relevant_document": sum(not question.relevant for question in questions),
        "answerable": sum(question.answerable for question in questions),
        "impossible": sum(question.impossible for question in questions),
        "without_gold_span": sum(not question.answerable and not question.impossible for question in questions),
        "other_field": Path(other_field).name if other_field else None,
    }


def _check(stages: Sequence[str], sample: int | None) -> None:
    unknown = [stage for stage in stages if stage not in EVALUATED_STAGES]
    if unknown or not stages:
        raise EvaluationError(
            f"Unknown stages {unknown}." if unknown else "No stage given.", f"Known: {', '.join(EVALUATED_STAGES)}."
        )
    if sample is not None and sample < 1:
        raise EvaluationError(f"--sample is {sample}; it must be 1 or more.", "Give 1 or more.")
