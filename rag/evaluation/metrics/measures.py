"""Turns observations into figures, stage by stage, each with n and a bootstrap interval.

A column holds one value a question, or None if the question does not count for that figure. If a question has an answer
but was refused, it counts 0 under `answers`; `extractions` are the same figures before the threshold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rag.core.types import Span
from rag.evaluation.datasets import Dataset, Question
from rag.evaluation.metrics import abstention, bootstrap
from rag.evaluation.metrics.ranking import RANKING_MEASURES, ranking_measures
from rag.evaluation.metrics.spans import Coverage, best_coverage, precision_omega
from rag.evaluation.metrics.squad import exact_match, f1
from rag.evaluation.observation import LISTED_PASSAGES, LOSSES, RANKED_STAGES, Observation, Quote, is_right
from rag.evaluation.results import Measure

MeasureColumn = list[float | None]
Columns = dict[tuple[str, str], MeasureColumn]
RISK_CURVE_POINTS = 200
TARGET_PRECISION = 0.9
EVERY_KIND = "abstention, all kinds"


class UnanswerableOutcome(NamedTuple):
    """A question without an answer: the confidence of its best extraction, and whether one was shown."""

    confidence: float
    answered: bool


class Population(NamedTuple):
    """Questions whose confidence is judged together: confidence and whether the first answer is right."""

    confidence: Sequence[float]
    right: Sequence[bool]

    def beside(self, refusals: Sequence[UnanswerableOutcome]) -> "Population":
        """Return these questions together with others that have no answer."""
        more = [refusal.confidence for refusal in refusals]
        return Population([*self.confidence, *more], [*self.right, *[False] * len(more)])


def summarised(columns: Columns) -> list[Measure]:
    """Return the mean of each column that has a value."""
    figures = []
    for (stage, name), column in columns.items():
        values = [value for value in column if value is not None]
        if values:
            low, high = bootstrap.mean_interval(values)
            figures.append(Measure(stage, name, float(np.mean(values)), low, high, len(values)))
    return figures


def ranking_columns(observations: Sequence[Observation], stages: Sequence[str]) -> Columns:
    """Return recall, MRR and nDCG of `stages`. If a question has no relevant document, it does not count."""
    relevant = {
        observation.question.id: observation.question.relevant
        for observation in observations
        if observation.question.relevant
    }
    columns: Columns = {}
    for stage in (stage for stage in RANKED_STAGES if stage in stages and relevant):
        values = ranking_measures(
            relevant, {observation.question.id: observation.rankings[stage] for observation in observations}
        )
        for name in RANKING_MEASURES:
            columns[stage, name] = [values.get(observation.question.id, {}).get(name) for observation in observations]
    return columns


def answer_columns(dataset: Dataset, observations: Sequence[Observation]) -> Columns:
    """Return the measures of answers to answerable questions, as a user gets them and before the threshold."""
    columns: Columns = {}
    kinds: dict[str, Callable[[Observation], Sequence[Quote]]] = {
        "answers": lambda observation: observation.answered,
        "extractions": lambda observation: observation.extracted,
    }
    for stage, quotes_of in kinds.items():
        rows = [_answer_values(dataset, observation.question, quotes_of(observation)) for observation in observations]
        for name in next((row for row in rows if row), {}):
            columns[stage, name] = [row.get(name) for row in rows]
    return columns


def loss_columns(observations: Sequence[Observation]) -> Columns:
    """Return for each stage whether it lost the question."""
    return {
        ("lost", loss): [
            float(observation.lost_at == loss) if _counts_for(loss, observation.question) else None
            for observation in observations
        ]
        for loss in LOSSES
    }


def chunk_columns(
    dataset: Dataset, observations: Sequence[Observation], chunks_of: Callable[[str], Sequence[Span]]
) -> Columns:
    """Return the chunking measures of five passages, dense alone and fused, and of the answers before the threshold.

    `chunks_of` returns all chunks of a document; precision omega is the best value that these chunks permit.
    """
    returned: dict[str, Callable[[Observation], Sequence[Span]]] = {
        "passages, dense": lambda observation: observation.passages["dense"],
        "passages, fused": lambda observation: observation.passages["fused"],
        "sentences": lambda observation: [quote.span for quote in observation.extracted],
    }
    answerable = [observation if observation.question.answerable else None for observation in observations]
    columns: Columns = {}
    for stage, spans_of in returned.items():
        coverages = [
            None
            if observation is None
            else best_coverage(dataset.reference_sets(observation.question), spans_of(observation))
            for observation in answerable
        ]
        for name in Coverage._fields:
            columns[stage, f"token {name}@{LISTED_PASSAGES}"] = [
                None if row is None else getattr(row, name) for row in coverages
            ]
    columns["passages", "precision omega"] = [
        None if observation is None else _omega(dataset, observation.question, chunks_of) for observation in answerable
    ]
    return columns


def abstention_figures(
    observations: Sequence[Observation], unanswerable: Mapping[str, Sequence[UnanswerableOutcome]]
) -> tuple[list[Measure], dict[str, Any]]:
    """Return figures and curves of the confidence: of answerable questions alone, then with each kind of others.

    `unanswerable` maps a kind to its questions. The AUROC is measured for each kind alone. The calibration error is
    also measured over all kinds together, because the confidence does not know the kind of a question.
    """
    answerable = [observation for observation in observations if observation.question.answerable]
    if not answerable:
        return [], {}
    alone = Population(
        [observation.confidence for observation in answerable],
        [
            bool(observation.extracted) and is_right(observation.extracted[0], observation.question.golds)
            for observation in answerable
        ],
    )
    figures, curves = _judged("abstention, answerable alone", alone)
    figures.append(
        _share("abstention, answerable alone", "answered", [bool(observation.answered) for observation in answerable])
    )
    for kind, refusals in ((kind, group) for kind, group in unanswerable.items() if group):
        more, more_curves = _against(f"abstention, {kind}", alone, refusals)
        figures, curves = figures + more, {**curves, **more_curves}
    if sum(map(bool, unanswerable.values())) > 1:
        pooled = [refusal for refusals in unanswerable.values() for refusal in refusals]
        more, more_curves = _judged(EVERY_KIND, alone.beside(pooled))
        figures, curves = figures + more, {**curves, **more_curves}
    return figures, curves


def citation_figures(observations: Sequence[Observation], texts: Mapping[str, str]) -> list[Measure]:
    """Return verbatim rate (must be 1), boilerplate leaks (must be 0) and words shown for each right first answer.

    `texts` are the documents read from the data set again, so that the check does not depend on the index.
    """
    verbatim = [
        texts.get(span.document_id, "")[span.start : span.end] == quote
        for observation in observations
        for span, quote in observation.cited
    ]
    answers = sum(len(observation.answered) for observation in observations)
    figures = [_share("citations", "verbatim rate", verbatim)] if verbatim else []
    if answers:
        leaks = sum(observation.leaks for observation in observations)
        figures.append(Measure("citations", "boilerplate leaks", leaks / answers, None, None, answers))
    return figures + _words_per_right_answer(observations)


def _answer_values(dataset: Dataset, question: Question, quotes: Sequence[Quote]) -> dict[str, float]:
    if not question.answerable:
        return {}
    values = {"right@1": float(bool(quotes) and is_right(quotes[0], question.golds))}
    for k in (1, 5):
        values[f"EM@{k}"] = max((exact_match(quote.text, question.references) for quote in quotes[:k]), default=0.0)
        values[f"F1@{k}"] = max((f1(quote.text, question.references) for quote in quotes[:k]), default=0.0)
    sets = dataset.reference_sets(question)
    for k in (1, 3, 5):
        values[f"gold in answer@{k}"] = _covered(sets, [quote.span for quote in quotes[:k]])
        values[f"gold in context@{k}"] = _covered(sets, [quote.context for quote in quotes[:k]])
    for k in (1, 5):
        coverage = best_coverage(sets, [quote.span for quote in quotes[:k]])
        values |= {f"token {name}@{k}": getattr(coverage, name) for name in coverage._fields}
    return values


def _covered(reference_sets: Sequence[Sequence[Span]], spans: Sequence[Span]) -> float:
    """Return the fraction of gold spans inside one of `spans`, for the best reference set."""
    return max(
        sum(any(span.contains(gold) for span in spans) for gold in golds) / len(golds) for golds in reference_sets
    )


def _omega(dataset: Dataset, question: Question, chunks_of: Callable[[str], Sequence[Span]]) -> float:
    sets = dataset.reference_sets(question)
    return max(
        precision_omega(golds, [chunk for name in {gold.document_id for gold in golds} for chunk in chunks_of(name)])
        for golds in sets
    )


def _counts_for(loss: str, question: Question) -> bool:
    return question.impossible if loss == "not refused" else question.answerable


def _share(stage: str, name: str, truths: Sequence[bool]) -> Measure:
    low, high = bootstrap.mean_interval(truths)
    return Measure(stage, name, float(np.mean(truths)), low, high, len(truths))


def _against(
    stage: str, alone: Population, refusals: Sequence[UnanswerableOutcome]
) -> tuple[list[Measure], dict[str, Any]]:
    confidence = [refusal.confidence for refusal in refusals]
    value, (low, high) = (
        abstention.auroc(alone.confidence, confidence),
        bootstrap.interval(abstention.auroc, alone.confidence, confidence),
    )
    n = len(alone.confidence) + len(confidence)
    figures = [
        Measure(stage, "AUROC", value, low, high, n),
        _share(stage, "refused", [not refusal.answered for refusal in refusals]),
    ]
    judged, curves = _judged(stage, alone.beside(refusals))
    return figures + judged, curves


def _judged(stage: str, population: Population) -> tuple[list[Measure], dict[str, Any]]:
    rows = np.column_stack([population.confidence, np.asarray(population.right, dtype=float)])
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "AURC": lambda sample: abstention.aurc(sample[:, 0], sample[:, 1]),
        f"coverage at {TARGET_PRECISION} precision": lambda sample: abstention.coverage_at(
            sample[:, 0], sample[:, 1], TARGET_PRECISION
        ),
        "ECE": lambda sample: abstention.calibration_error(sample[:, 0], sample[:, 1]),
    }
    figures = []
    for name, statistic in statistics.items():
        low, high = bootstrap.interval(statistic, rows)
        figures.append(Measure(stage, name, statistic(rows), low, high, len(rows)))
    points = abstention.operating_points(rows[:, 0], rows[:, 1])
    sampled = points[:: max(1, len(points) // RISK_CURVE_POINTS)]
    curve = [[round(value, 4) for value in point] for point in {*sampled, points[-1]}]
    bins = [[round(value, 4) for value in part] for part in abstention.reliability(rows[:, 0], rows[:, 1])]
    return figures, {stage: {"risk_coverage": sorted(curve, key=lambda point: point[1]), "reliability": bins}}


def _words_per_right_answer(observations: Sequence[Observation]) -> list[Measure]:
    answerable = [observation for observation in observations if observation.question.answerable]
    rows = np.array(
        [
            [
                observation.context_words,
                bool(observation.answered) and is_right(observation.answered[0], observation.question.golds),
            ]
            for observation in answerable
        ]
    ).reshape(-1, 2)
    if not rows[:, 1].sum():
        return []
    low, high = bootstrap.interval(lambda sample: sample[:, 0].sum() / max(1.0, sample[:, 1].sum()), rows)
    value = float(rows[:, 0].sum() / rows[:, 1].sum())
    return [Measure("citations", "words shown per right answer", value, low, high, int(rows[:, 1].sum()))]
