"""Turns the scores of all stages into a calibrated probability that a quotation answers the question.

A logistic regression over a few figures that mean the same for any index, large or small. The shipped one is fitted
on public developer data by `training/fit.py`; `rag calibrate` fits one on the user's own questions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.core.errors import EvaluationError, IndexCorrupt, IndexWriteFailed, InvalidSettings
from rag.core.files.durable_files import exclusive, replace_file
from rag.core.files.hashed_json import hashed_content, hashed_json
from rag.core.files.safe_json import json_value
from rag.core.settings import WITHOUT_MODEL, Settings
from rag.core.types import tuples
from rag.index.storage.manifest import CALIBRATION

MODELS = Path(__file__).parents[1] / "models"
SHIPPED, SHIPPED_WITHOUT_MODEL = MODELS / "confidence.json", MODELS / "confidence_sentences.json"
FOLDS = 5
CURVE_POINTS = 101
MIN_COVERAGE = 0.02


@dataclass(frozen=True)
class Calibration:
    """A fitted confidence: probability = 1 / (1 + exp(-(intercept + sum of weight * (value - mean) / scale))).

    `curve` lists (threshold, precision, coverage) measured on questions held out from the fit; `threshold` is the
    one below which an answer is not sure; from `possible_threshold` on it is shown as possible. `reader` is the setting
    it was fitted with, empty if that is not known.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float
    curve: tuple[tuple[float, float, float], ...] = ()
    fitted_on: str = ""
    questions: int = 0
    reader: str = ""
    possible_threshold: float = 0.1

    def probability(self, features: Mapping[str, float]) -> float:
        """Return the probability in [0, 1]; a feature that is not given counts as its mean."""
        total = self.intercept
        for name, mean, scale, weight in zip(self.features, self.means, self.scales, self.weights, strict=True):
            total += weight * (features.get(name, mean) - mean) / scale
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, total))))

    def threshold_of(self, settings: Settings) -> float:
        """Return the confidence that an answer must reach under these settings; raises as `threshold_for`."""
        if settings.min_precision is not None:
            return self.threshold_for(settings.min_precision)
        return self.threshold if settings.min_confidence is None else settings.min_confidence

    def possible_threshold_of(self, settings: Settings) -> float:
        """Return the confidence from which an answer is shown as possible, never above `threshold_of`."""
        return min(self.possible_threshold, self.threshold_of(settings))

    def threshold_for(self, precision: float) -> float:
        """Return the lowest threshold from which on the held-out precision was at least `precision`.

        Thresholds that fewer than `MIN_COVERAGE` of the questions reach say nothing. Raises EvaluationError if
        none reached it, and for a precision of 1, which no number of questions can show.
        """
        if precision >= 1:
            raise EvaluationError(
                f"No {self.questions} questions can show a precision of 1: the next answer may be wrong.",
                "Ask for less, such as 0.95, or calibrate on more questions of your own: rag calibrate.",
            )
        reached = None
        for threshold, reached_precision, coverage in sorted(self.curve, reverse=True):
            if coverage < MIN_COVERAGE:
                continue
            if reached_precision < precision:
                break
            reached = threshold
        if reached is None:
            best = max((share for _, share, coverage in self.curve if coverage >= MIN_COVERAGE), default=0.0)
            raise EvaluationError(
                f"No threshold reached a precision of {precision:g} on the {self.questions} questions of the fit;"
                f" the best was {best:.3f}.",
                "Ask for less, or calibrate on more questions of your own: rag calibrate.",
            )
        return reached


def fit(
    rows: Sequence[Mapping[str, float]],
    labels: Sequence[bool],
    groups: Sequence[str],
    precision: float | None = None,
    fitted_on: str = "",
    answerable: Sequence[bool] | None = None,
) -> Calibration:
    """Return a confidence fitted on rows of features and whether each best answer was right.

    The curve and the threshold come from cross-validation in which a group (a document, an article) is wholly in or
    out. The threshold is the lowest with the wanted `precision`; if that is None, it maximises the shares of questions
    rightly answered plus rightly withheld (Youden's J). `answerable` says if the documents hold an answer to each
    question; the default is whether its best answer was right. Raises EvaluationError if there is too little data.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    _require_enough(labels, groups)
    names = tuple(sorted(rows[0]))
    values = np.array([[row[name] for name in names] for row in rows], np.float64)
    means, scales = values.mean(axis=0), np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
    scaled, truth = (values - means) / scales, np.array(labels, bool)
    model: Any = LogisticRegression(C=1.0, max_iter=1_000)
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))))
    held_out = cross_val_predict(model, scaled, truth, groups=np.array(groups), cv=folds, method="predict_proba")[:, 1]
    model.fit(scaled, truth)
    calibration = Calibration(
        features=names,
        means=tuple(map(float, means)),
        scales=tuple(map(float, scales)),
        weights=tuple(map(float, model.coef_[0])),
        intercept=float(model.intercept_[0]),
        threshold=_youden([float(value) for value in held_out], answerable or labels),
        curve=risk_coverage([float(value) for value in held_out], labels),
        fitted_on=fitted_on,
        questions=len(rows),
    )
    return calibration if precision is None else _with_threshold(calibration, calibration.threshold_for(precision))


def risk_coverage(probabilities: Sequence[float], labels: Sequence[bool]) -> tuple[tuple[float, float, float], ...]:
    """Return (threshold, precision, coverage) for thresholds 0.00, 0.01 … 1.00.

    Coverage is the share of questions answered at the threshold, precision the share of those answered rightly
    (1 if none is answered).
    """
    curve = []
    for step in range(CURVE_POINTS):
        threshold = step / (CURVE_POINTS - 1)
        answered = [right for value, right in zip(probabilities, labels, strict=True) if value >= threshold]
        curve.append((threshold, sum(answered) / len(answered) if answered else 1.0, len(answered) / len(labels)))
    return tuple(curve)


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration as JSON with its own hash. Raises IndexWriteFailed; the earlier file then stays."""
    try:
        with exclusive(path):
            replace_file(path, hashed_json(asdict(calibration), indent=1))
    except OSError as error:
        what = f"The calibration {path} could not be written: {error}."
        raise IndexWriteFailed(what, "Check the disk and its permissions, then run `rag calibrate` again.") from error


def load_calibration(path: Path = SHIPPED) -> Calibration:
    """Read a calibration. Raises IndexCorrupt if the file is none or has changed since it was written."""
    try:
        text = path.read_text(encoding="utf-8")
        # The shipped files are part of the package and carry no hash.
        calibration = _from_content(json_value(text) if path.parent == MODELS else hashed_content(text))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise IndexCorrupt(
            f"The calibration {path} cannot be used: {error}.",
            "Run `rag calibrate` again, or `rag check --repair` to go on with the shipped calibration.",
        ) from error
    return calibration


def _from_content(content: Mapping[str, Any]) -> Calibration:
    calibration = Calibration(**{key: tuples(value) for key, value in content.items() if key != "sha256"})
    fractions = calibration.threshold, calibration.possible_threshold
    figures = *calibration.means, *calibration.weights, calibration.intercept
    if (
        not all(0 <= value <= 1 for value in fractions)
        or not all(map(math.isfinite, figures))
        or 0 in calibration.scales
    ):
        raise ValueError("its numbers are out of range")
    return calibration


def shipped(reader: str) -> Calibration:
    """Return the shipped calibration for a setting of the reader."""
    return load_calibration(SHIPPED_WITHOUT_MODEL if reader == WITHOUT_MODEL else SHIPPED)


def calibration_of(index: Path, reader: str) -> Calibration:
    """Return the calibration in the folder of an index, the shipped one if there is none.

    Raises IndexCorrupt if it is damaged, InvalidSettings if it was fitted with another reader: its figures are then
    missing or mean something else, and the probability would be a made-up one.
    """
    path = index / CALIBRATION
    if not path.is_file():
        return shipped(reader)
    own = load_calibration(path)
    if own.reader != reader:
        raise InvalidSettings(
            f"The confidence in {path} was fitted with reader={own.reader!r}, not with reader={reader!r}.",
            f"Set the reader as it was, fit again (rag calibrate DATASET --set reader={reader}), or delete the file.",
        )
    return own


def _require_enough(labels: Sequence[bool], groups: Sequence[str]) -> None:
    right = sum(labels)
    if min(right, len(labels) - right) < 10 or len(set(groups)) < 2:
        raise EvaluationError(
            f"Calibration needs at least 10 right and 10 wrong answers over 2 documents; there are {right} right and"
            f" {len(labels) - right} wrong over {len(set(groups))}.",
            "Add questions, also some that the documents do not answer.",
        )


def _youden(probabilities: Sequence[float], labels: Sequence[bool]) -> float:
    right, wrong = sum(labels), len(labels) - sum(labels)

    def answered_and_withheld(threshold: float) -> float:
        answered = sum(label for value, label in zip(probabilities, labels, strict=True) if value >= threshold)
        withheld = sum(not label for value, label in zip(probabilities, labels, strict=True) if value < threshold)
        return answered / right + withheld / wrong

    return max((step / 100 for step in range(1, 100)), key=answered_and_withheld)


def _with_threshold(calibration: Calibration, threshold: float) -> Calibration:
    return Calibration(**{**calibration.__dict__, "threshold": threshold})
