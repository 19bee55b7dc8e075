"""Defines the result of an evaluation and its JSON: figures with n and interval, and each question's own values."""

import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rag.core.errors import EvaluationError
from rag.core.files.safe_json import json_value

EVALUATION_SCHEMA = "pincite-evaluation-1"
NOTES = {
    "lexical": "BM25 alone; passages count for their document, by best passage",
    "dense": "nearest vectors alone; by best passage",
    "fused": "both mixed; by best passage",
    "read": "documents in order of their best extraction, then the fused order",
    "answers": "as a user gets them; a refused question that has an answer counts 0",
    "extractions": "the same before the threshold",
    "lost": "share of answerable questions lost at each stage; not refused: share of near misses that were answered",
    "passages, dense": "five nearest passages against the gold excerpts, counted in characters",
    "passages, fused": "five best fused passages against the gold excerpts",
    "sentences": "five best answers before the threshold against the gold excerpts",
    "passages": "the value of a perfect choice of passages",
    "abstention, answerable alone": "questions with an answer; right: gold span in the context of the first answer",
    "abstention, near miss": "with questions whose own passage holds no answer",
    "abstention, article removed": "with the same questions, without their article",
    "abstention, other field": "with questions of another data set",
    "abstention, all kinds": "with all of these at once: is the confidence the probability that it claims to be",
    "citations": "every quotation shown, compared with the data set read again",
    "cost": "on the machine named above",
}
"""One line about each stage."""

Values = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Measure:
    """One figure: its stage and name, the value, the 95% bootstrap interval, and the number of questions.

    `low` and `high` are None if a figure is not a mean over questions (a count, a time, a peak).
    """

    stage: str
    name: str
    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def key(self) -> str:
        """Return the name of the questions' own values in `Evaluation.values`."""
        return f"{self.stage}.{self.name}"


@dataclass(frozen=True)
class Evaluation:
    """The result of one run.

    `values` maps `stage.name` to one value for each question, or None if the question does not count.
    """

    created: str
    dataset: Mapping[str, Any]
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    index: Mapping[str, Any]
    measures: tuple[Measure, ...]
    question_ids: tuple[str, ...]
    values: Values
    curves: Mapping[str, Any]
    failures: tuple[Mapping[str, Any], ...]

    def measure(self, stage: str, name: str) -> Measure:
        """Return one figure. Raises KeyError if this run did not measure it."""
        for measure in self.measures:
            if (measure.stage, measure.name) == (stage, name):
                return measure
        raise KeyError(f"{stage}.{name}")

    def stages(self) -> dict[str, list[Measure]]:
        """Return the figures by stage, both in the order of measuring."""
        grouped: dict[str, list[Measure]] = {}
        for measure in self.measures:
            grouped.setdefault(measure.stage, []).append(measure)
        return grouped


def as_saved(column: Sequence[float | None]) -> list[float | None]:
    """Return the values rounded as in a file, so that a saved run and a new one compare without rounding errors."""
    return _column(",".join(map(_short, column)))


def write_json(evaluation: Evaluation, path: str | Path) -> None:
    """Write the evaluation, one top-level key a line, so that two runs can be compared later.

    The values of a column are one text with commas, empty if the question does not count: "1,,0.5".
    """
    content = {
        "schema": EVALUATION_SCHEMA,
        **{item.name: getattr(evaluation, item.name) for item in fields(evaluation)},
    }
    content["measures"] = [asdict(measure) for measure in evaluation.measures]
    content["values"] = {key: ",".join(map(_short, column)) for key, column in evaluation.values.items()}
    lines = (f"{json.dumps(key)}: {_compact(value)}" for key, value in content.items())
    Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_json(path: str | Path) -> Evaluation:
    """Return the evaluation that `write_json` wrote. Raises EvaluationError for any other file."""
    remedy = "Give a file that `rag eval --json` wrote."
    try:
        content = json_value(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read as an evaluation: {error}.", remedy) from None
    if not isinstance(content, dict) or content.pop("schema", None) != EVALUATION_SCHEMA:
        raise EvaluationError(f"{path} is not an evaluation of the form {EVALUATION_SCHEMA!r}.", remedy)
    try:
        measures = tuple(Measure(**item) for item in content.pop("measures"))
        ids, failures = tuple(content.pop("question_ids")), tuple(content.pop("failures"))
        values = {key: _column(text) for key, text in content.pop("values").items()}
        return Evaluation(measures=measures, question_ids=ids, failures=failures, values=values, **content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(f"{path} lacks a part of an evaluation: {error}.", remedy) from None


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _short(value: float | None) -> str:
    """Return the value with four digits, or an empty text for None.

    >>> [_short(value) for value in (1.0, 1 / 3, None)]
    ['1', '0.3333', '']
    """
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _column(text: str) -> list[float | None]:
    return [float(cell) if cell else None for cell in text.split(",")]


def require_extra(*modules: str) -> None:
    """Raise EvaluationError, with the command that helps, if one of the modules is not installed."""
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if absent:
        raise EvaluationError(f"Not installed: {', '.join(absent)}.", "Run: pip install 'pincite-slim[eval]'")
