"""Measures how well the confidence separates right from wrong answers, and whether it is a true probability.

A *population* is two arrays of one length: the confidence of each question's first answer, and whether that answer is
right. If a question has no answer, its first answer is never right. Equal confidences always count together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """One bin of a reliability diagram; `accuracy` is the fraction of right answers."""

    confidence: float
    accuracy: float
    n: int


class OperatingPoint(NamedTuple):
    """Precision and coverage of answering from `threshold` on; `coverage` is the fraction of questions answered."""

    threshold: float
    coverage: float
    precision: float


def auroc(answerable: ArrayLike, unanswerable: ArrayLike) -> float:
    """Return the probability that a question of the first kind has the higher confidence; a tie counts one half.

    The Mann-Whitney statistic: (.9, .4) against (.4, .1) wins 3 of 4 pairs and ties one: 0.875.
    """
    high, low = np.asarray(answerable, dtype=float), np.sort(np.asarray(unanswerable, dtype=float))
    wins = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(wins.sum() / (2 * len(high) * len(low)))


def operating_points(confidence: ArrayLike, right: ArrayLike) -> list[OperatingPoint]:
    """Return the points of the risk-coverage curve, one for each distinct confidence, highest first."""
    levels, answered, correct = _cumulative(confidence, right)
    total = answered[-1]
    return [
        OperatingPoint(float(level), float(n / total), float(hits / n))
        for level, n, hits in zip(levels, answered, correct, strict=True)
    ]


def coverage_at(confidence: ArrayLike, right: ArrayLike, precision: float = 0.9) -> float:
    """Return the largest fraction of questions that can be answered at this precision, or 0 if it is never reached.

    Confidence (.9, .8, .7, .6), right (1, 1, 0, 1): precisions 1, 1, 2/3, 3/4: at 0.9 the coverage is 1/2.
    """
    _, answered, correct = _cumulative(confidence, right)
    reached = answered[correct >= precision * answered - 1e-9]
    return float(reached[-1] / answered[-1]) if len(reached) else 0.0


def aurc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the area under the risk-coverage curve: mean risk over the coverages 1/n, 2/n … 1; lower is better.

    Source: Geifman and El-Yaniv 2017. Within a tie wrong answers are spread evenly. Confidence (.9, .8, .7),
    right (1, 0, 1): risks 0, 1/2, 1/3, mean 0.278.
    """
    _, answered, correct = _cumulative(confidence, right)
    steps = np.arange(1, answered[-1] + 1)
    wrong = np.interp(steps, np.append(0, answered), np.append(0, answered - correct))
    return float(np.mean(wrong / steps))


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> list[Bin]:
    """Return equal-mass bins in order of confidence; fewer bins if there are fewer questions."""
    confidences, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    order = np.argsort(confidences, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return [Bin(float(confidences[part].mean()), float(truth[part].mean()), len(part)) for part in parts if len(part)]


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Return the expected calibration error: the mean gap of confidence and accuracy over `reliability` bins.

    Source: Naeini et al. 2015, with bins of equal mass. Two bins (.9 stated, .5 true, n 2), (.1, .0, n 2): 0.25.
    """
    groups = reliability(confidence, right, bins)
    total = sum(part.n for part in groups)
    return sum(part.n * abs(part.confidence - part.accuracy) for part in groups) / total if total else 0.0


def _cumulative(confidence: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return each distinct confidence, highest first, with the numbers of answers and of right answers from it on."""
    confidences, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    order = np.argsort(-confidences, kind="stable")
    levels = confidences[order]
    last = np.flatnonzero(np.append(levels[1:] != levels[:-1], True))
    return levels[last], (last + 1).astype(float), np.cumsum(truth[order])[last]
