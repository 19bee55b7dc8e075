"""Judges the index on a file of questions: asks them, and takes the figures that `rag eval` takes of a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rag.core.response import IndexInfo
from rag.core.settings import Settings
from rag.evaluation.datasets import Dataset
from rag.evaluation.observation import RANKED_STAGES, Observation
from rag.evaluation.reporting.failures import failures
from rag.evaluation.results import Evaluation, as_saved, require_extra
from rag.server.shared_assistant import SharedAssistant

QUESTIONS_PER_STEP = 4
"""Questions asked in one turn; other visitors wait for no more."""
MOST_FAILURES = 50


def judge(dataset: Dataset, assistant: SharedAssistant) -> Iterator[int | Evaluation]:
    """Yield how many questions have been asked, then the evaluation. Raises EvaluationError if an extra is missing.

    Measures retrieval, answers, losses by stage and abstention. Only `rag eval` has measures that need another corpus.
    """
    require_extra("pytrec_eval", "ir_measures", "matplotlib")
    observations: list[Observation] = []
    for start in range(0, len(dataset.questions), QUESTIONS_PER_STEP):
        yield len(observations)
        observations += assistant.observe(dataset.questions[start : start + QUESTIONS_PER_STEP])
    yield len(observations)
    info = assistant.info
    assert info is not None
    yield _evaluation(dataset, observations, info, assistant.settings())


def _evaluation(
    dataset: Dataset, observations: Sequence[Observation], info: IndexInfo, settings: Settings
) -> Evaluation:
    from rag.evaluation import cost
    from rag.evaluation.metrics import measures

    columns = measures.ranking_columns(observations, RANKED_STAGES)
    columns |= measures.answer_columns(dataset, observations) | measures.loss_columns(observations)
    refused = [
        measures.UnanswerableOutcome(one.confidence, bool(one.answered))
        for one in observations
        if one.question.impossible
    ]
    figures, curves = measures.abstention_figures(observations, {"near miss": refused} if refused else {})
    return Evaluation(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=_about(dataset),
        environment=cost.environment(),
        settings=asdict(settings),
        index=info.to_dict(),
        measures=(*measures.summarised(columns), *figures),
        question_ids=tuple(one.question.id for one in observations),
        values={".".join(key): as_saved(column) for key, column in columns.items()},
        curves={"populations": curves},
        failures=failures(observations, MOST_FAILURES),
    )


def _about(dataset: Dataset) -> dict[str, object]:
    questions = dataset.questions
    return {
        "name": dataset.name,
        "corpus_sha256": dataset.corpus_sha256,
        "documents": len(dataset.articles),
        "references": dataset.references,
        "questions": len(questions),
        "questions_available": len(questions),
        "sample": None,
        "seed": 0,
        "unjudged_left_out": 0,
        "without_relevant_document": sum(not question.relevant for question in questions),
        "answerable": sum(question.answerable for question in questions),
        "impossible": sum(question.impossible for question in questions),
        "without_gold_span": 0,
        "other_field": None,
    }
