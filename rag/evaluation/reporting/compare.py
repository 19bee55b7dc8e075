"""Compares two evaluations of one data set by paired tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.core.errors import EvaluationError
from rag.evaluation.metrics.bootstrap import paired_test
from rag.evaluation.results import Evaluation, Measure


@dataclass(frozen=True)
class FigureRow:
    """One figure before and after; with the interval of the difference and the p-value if questions can be paired."""

    stage: str
    name: str
    before: float
    after: float
    low: float | None
    high: float | None
    p_value: float | None
    n: int


@dataclass(frozen=True)
class Comparison:
    """The figures of both runs, the smallest p-value first, with notes for the reader."""

    rows: tuple[FigureRow, ...]
    notes: tuple[str, ...]


def compare(before: Evaluation, after: Evaluation) -> Comparison:
    """Return the differences between two runs.

    Means over questions are compared on the questions that both runs asked, by a paired randomisation test; other
    figures (times, AUROC, ECE) by their difference alone. Raises EvaluationError for different corpora.
    """
    if before.dataset["corpus_sha256"] != after.dataset["corpus_sha256"]:
        names = f"{before.dataset['name']!r} and {after.dataset['name']!r}"
        raise EvaluationError(f"The two runs have different corpora: {names}.", "Compare runs on the same data set.")
    shared = [key for key in after.question_ids if key in set(before.question_ids)]
    if not shared:
        raise EvaluationError("The two runs have no question in common.", "Use the same --sample and --seed.")
    earlier = {measure.key: measure for measure in before.measures}
    rows = [
        _row(earlier[measure.key], measure, _column(before, measure.key, shared), _column(after, measure.key, shared))
        for measure in after.measures
        if measure.key in earlier
    ]
    rows.sort(key=lambda row: 2.0 if row.p_value is None else row.p_value)
    return Comparison(tuple(rows), _notes(before, after, len(shared), rows))


def _row(before: Measure, after: Measure, old: Sequence[float | None], new: Sequence[float | None]) -> FigureRow:
    pairs = [(low, high) for low, high in zip(old, new, strict=True) if low is not None and high is not None]
    if not pairs:
        return FigureRow(after.stage, after.name, before.value, after.value, None, None, None, after.n)
    test = paired_test([low for low, _ in pairs], [high for _, high in pairs])
    mean = sum(low for low, _ in pairs) / len(pairs)
    low, high = test.interval
    return FigureRow(after.stage, after.name, mean, mean + test.difference, low, high, test.p_value, test.n)


def _column(run: Evaluation, key: str, question_ids: Sequence[str]) -> list[float | None]:
    values = dict(zip(run.question_ids, run.values.get(key, ()), strict=False))
    return [values.get(question) for question in question_ids]


def _notes(before: Evaluation, after: Evaluation, shared: int, rows: Sequence[FigureRow]) -> tuple[str, ...]:
    tested = sum(row.p_value is not None for row in rows)
    notes = [f"{shared} questions in both; {tested} tests. By chance {tested * 0.05:.0f} of them have a p below 0.05."]
    changed = {
        key: (before.settings.get(key), value)
        for key, value in after.settings.items()
        if before.settings.get(key) != value
    }
    notes += [f"setting {key}: {old} -> {new}" for key, (old, new) in changed.items()]
    if before.environment["processor"] != after.environment["processor"]:
        notes.append("The machines differ, so figures of cost cannot be compared.")
    return tuple(notes)
