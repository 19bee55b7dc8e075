"""Turns observations into figures, stage by stage, each with n and a bootstrap interval.

A column holds one value a question, None where the question does not count for that figure. A question that was
refused though it has an answer counts 0 under `answers`; `extractions` are the same figures before the threshold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rag.core.types import Span
from rag.evaluation.datasets import Dataset, Question
from rag.evaluation.metrics import abstention, bootstrap
from rag.evaluation.metrics.ranking import MEASURES, ranking_measures
from rag.evaluation.metrics.spans import Coverage, best_coverage, precision_omega
from rag.evaluation.metrics.squad import exact_match, f1
from rag.evaluation.observation import LOSSES, RANKED, SHOWN, Observation, Quote, is_right
from rag.evaluation.results import Measure

Column = list[float | None]
Columns = dict[tuple[str, str], Column]
CURVE_POINTS = 200
WANTED_PRECISION = 0.9
EVERY_KIND = "abstention, all kinds"


class Refusal(NamedTuple):
    """How a question that has no answer here was taken: the confidence of its best extraction, and if one was shown."""

    confidence: float
    answered: bool


class Population(NamedTuple):
    """Questions whose confidence is judged together: confidence and whether the first answer is right."""

    confidence: Sequence[float]
    right: Sequence[bool]

    def beside(self, refusals: Sequence[Refusal]) -> "Population":
        """Return these questions and others that have no answer."""
        more = [found.confidence for found in refusals]
        return Population([*self.confidence, *more], [*self.right, *[False] * len(more)])


def summarised(columns: Columns) -> list[Measure]:
    """Return the mean of each column that counts a question at least."""
    figures = []
    for (stage, name), column in columns.items():
        counted = [value for value in column if value is not None]
        if counted:
            low, high = bootstrap.mean_interval(counted)
            figures.append(Measure(stage, name, float(np.mean(counted)), low, high, len(counted)))
    return figures


def ranking_columns(observations: Sequence[Observation], stages: Sequence[str]) -> Columns:
    """Return recall, MRR and nDCG of the stages asked for; questions without a relevant document do not count."""
    relevant = {seen.question.id: seen.question.relevant for seen in observations if seen.question.relevant}
    columns: Columns = {}
    for stage in (stage for stage in RANKED if stage in stages and relevant):
        found = ranking_measures(relevant, {seen.question.id: seen.rankings[stage] for seen in observations})
        for name in MEASURES:
            columns[stage, name] = [found.get(seen.question.id, {}).get(name) for seen in observations]
    return columns


def answer_columns(dataset: Dataset, observations: Sequence[Observation]) -> Columns:
    """Return what the answers are worth, as a user gets them and before the threshold, for answerable questions."""
    columns: Columns = {}
    kinds: dict[str, Callable[[Observation], Sequence[Quote]]] = {
        "answers": lambda seen: seen.answered,
        "extractions": lambda seen: seen.extracted,
    }
    for stage, quotes_of in kinds.items():
        rows = [_answer_values(dataset, seen.question, quotes_of(seen)) for seen in observations]
        for name in next((row for row in rows if row), {}):
            columns[stage, name] = [row.get(name) for row in rows]
    return columns


def loss_columns(observations: Sequence[Observation]) -> Columns:
    """Return for each stage whether the question was lost there; answerable questions, or impossible ones refused."""
    return {
        ("lost", loss): [
            float(seen.lost_at == loss) if _counts_for(loss, seen.question) else None for seen in observations
        ]
        for loss in LOSSES
    }


def chunk_columns(
    dataset: Dataset, observations: Sequence[Observation], chunks_of: Callable[[str], Sequence[Span]]
) -> Columns:
    """Return the chunking measures of five passages, dense alone and fused, and of the answers before the threshold.

    `chunks_of` gives all chunks of a document; precision omega is what these chunks permit at best.
    """
    returned: dict[str, Callable[[Observation], Sequence[Span]]] = {
        "passages, dense": lambda seen: seen.passages["dense"],
        "passages, fused": lambda seen: seen.passages["fused"],
        "sentences": lambda seen: [quote.span for quote in seen.extracted],
    }
    asked = [seen if seen.question.answerable else None for seen in observations]
    columns: Columns = {}
    for stage, spans_of in returned.items():
        found = [
            None if seen is None else best_coverage(dataset.reference_sets(seen.question), spans_of(seen))
            for seen in asked
        ]
        for name in Coverage._fields:
            columns[stage, f"token {name}@{SHOWN}"] = [None if row is None else getattr(row, name) for row in found]
    columns["passages", "precision omega"] = [
        None if seen is None else _omega(dataset, seen.question, chunks_of) for seen in asked
    ]
    return columns


def abstention_figures(
    observations: Sequence[Observation], unanswerable: Mapping[str, Sequence[Refusal]]
) -> tuple[list[Measure], dict[str, Any]]:
    """Return figures and curves of the confidence: of answerable questions alone, then with each kind of others.

    `unanswerable` maps a kind to its questions. How well kinds are told apart is never pooled; whether a confidence is
    the probability it claims to be is also judged over all of them, for it cannot know of which kind a question is.
    """
    asked = [seen for seen in observations if seen.question.answerable]
    if not asked:
        return [], {}
    alone = Population(
        [seen.confidence for seen in asked],
        [bool(seen.extracted) and is_right(seen.extracted[0], seen.question.golds) for seen in asked],
    )
    figures, curves = _judged("abstention, answerable alone", alone)
    figures.append(_share("abstention, answerable alone", "answered", [bool(seen.answered) for seen in asked]))
    for kind, refusals in ((kind, found) for kind, found in unanswerable.items() if found):
        more, more_curves = _against(f"abstention, {kind}", alone, refusals)
        figures, curves = figures + more, {**curves, **more_curves}
    if sum(map(bool, unanswerable.values())) > 1:
        pooled = [found for refusals in unanswerable.values() for found in refusals]
        more, more_curves = _judged(EVERY_KIND, alone.beside(pooled))
        figures, curves = figures + more, {**curves, **more_curves}
    return figures, curves


def citation_figures(observations: Sequence[Observation], texts: Mapping[str, str]) -> list[Measure]:
    """Return verbatim rate (must be 1), boilerplate leaks (must be 0) and words shown for each right first answer.

    `texts` are the documents read from the data set again, so that the check does not rest on the index.
    """
    verbatim = [
        texts.get(span.document_id, "")[span.start : span.end] == quote
        for seen in observations
        for span, quote in seen.cited
    ]
    answers = sum(len(seen.answered) for seen in observations)
    figures = [_share("citations", "verbatim rate", verbatim)] if verbatim else []
    if answers:
        leaks = sum(seen.leaks for seen in observations)
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
        values[f"gold in answer@{k}"] = _held(sets, [quote.span for quote in quotes[:k]])
        values[f"gold in context@{k}"] = _held(sets, [quote.context for quote in quotes[:k]])
    for k in (1, 5):
        found = best_coverage(sets, [quote.span for quote in quotes[:k]])
        values |= {f"token {name}@{k}": getattr(found, name) for name in found._fields}
    return values


def _held(reference_sets: Sequence[Sequence[Span]], spans: Sequence[Span]) -> float:
    """Return the fraction of gold spans that lie inside one of `spans`, for the reference set that fares best."""
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


def _against(stage: str, alone: Population, refusals: Sequence[Refusal]) -> tuple[list[Measure], dict[str, Any]]:
    confidence = [found.confidence for found in refusals]
    value, (low, high) = (
        abstention.auroc(alone.confidence, confidence),
        bootstrap.interval(abstention.auroc, alone.confidence, confidence),
    )
    n = len(alone.confidence) + len(confidence)
    figures = [
        Measure(stage, "AUROC", value, low, high, n),
        _share(stage, "refused", [not found.answered for found in refusals]),
    ]
    judged, curves = _judged(stage, alone.beside(refusals))
    return figures + judged, curves


def _judged(stage: str, population: Population) -> tuple[list[Measure], dict[str, Any]]:
    rows = np.column_stack([population.confidence, np.asarray(population.right, dtype=float)])
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "AURC": lambda sample: abstention.aurc(sample[:, 0], sample[:, 1]),
        f"coverage at {WANTED_PRECISION} precision": lambda sample: abstention.coverage_at(
            sample[:, 0], sample[:, 1], WANTED_PRECISION
        ),
        "ECE": lambda sample: abstention.calibration_error(sample[:, 0], sample[:, 1]),
    }
    figures = []
    for name, statistic in statistics.items():
        low, high = bootstrap.interval(statistic, rows)
        figures.append(Measure(stage, name, statistic(rows), low, high, len(rows)))
    points = abstention.operating_points(rows[:, 0], rows[:, 1])
    kept = points[:: max(1, len(points) // CURVE_POINTS)]
    curve = [[round(value, 4) for value in point] for point in {*kept, points[-1]}]
    bins = [[round(value, 4) for value in part] for part in abstention.reliability(rows[:, 0], rows[:, 1])]
    return figures, {stage: {"risk_coverage": sorted(curve, key=lambda point: point[1]), "reliability": bins}}


def _words_per_right_answer(observations: Sequence[Observation]) -> list[Measure]:
    asked = [seen for seen in observations if seen.question.answerable]
    rows = np.array(
        [
            [seen.context_words, bool(seen.answered) and is_right(seen.answered[0], seen.question.golds)]
            for seen in asked
        ]
    ).reshape(-1, 2)
    if not rows[:, 1].sum():
        return []
    low, high = bootstrap.interval(lambda sample: sample[:, 0].sum() / max(1.0, sample[:, 1].sum()), rows)
    value = float(rows[:, 0].sum() / rows[:, 1].sum())
    return [Measure("citations", "words shown per right answer", value, low, high, int(rows[:, 1].sum()))]
