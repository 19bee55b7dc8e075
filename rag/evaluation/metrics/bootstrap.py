"""Estimates the uncertainty of figures: bootstrap intervals, and a paired test of two runs on the same questions.

Source: Efron and Tibshirani 1993, chapter 13; Smucker, Allan and Carterette 2007 for the randomisation test.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1_000
NUMBERS_PER_DRAW = 1_000_000
"""Random numbers drawn at a time."""
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Bounds that hold 95% of the resampled values."""

    low: float
    high: float


class PairedTest(NamedTuple):
    """Mean difference after - before with its interval, and the two-sided p-value of no difference."""

    difference: float
    interval: Interval
    p_value: float
    n: int


def mean_interval(values: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the 95% interval of the mean, questions resampled with replacement."""
    random, numbers = np.random.default_rng(seed), np.asarray(values, dtype=float)
    if numbers.size and numbers.min() == numbers.max():
        return Interval(float(numbers[0]), float(numbers[0]))
    means = [
        numbers[random.integers(len(numbers), size=(rows, len(numbers)))].mean(axis=1)
        for rows in _batches(resamples, len(numbers))
    ]
    return _bounds(np.concatenate(means))


def interval(
    statistic: Callable[..., float | np.floating], *samples: ArrayLike, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the 95% interval of `statistic(*samples)`; each sample is resampled by rows, on its own.

    If values belong together (confidence and truth of one question), pass them as columns of one array.
    """
    random, arrays = np.random.default_rng(seed), [np.asarray(sample, dtype=float) for sample in samples]
    if not all(len(array) for array in arrays):
        return Interval(float("nan"), float("nan"))
    statistics = [
        statistic(*(array[random.integers(len(array), size=len(array))] for array in arrays)) for _ in range(resamples)
    ]
    return _bounds(np.array(statistics, dtype=float))


def paired_test(before: ArrayLike, after: ArrayLike, resamples: int = 10_000, seed: int = 0) -> PairedTest:
    """Return the mean difference and the p-value of a randomisation test: each difference keeps or turns its sign.

    p = (1 + resamples with a mean at least as far from 0) / (1 + resamples), so it is never 0.
    """
    gains = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    moved = gains[gains != 0]
    if not moved.size:
        return PairedTest(0.0, Interval(0.0, 0.0), 1.0, len(gains))
    random, observed = np.random.default_rng(seed), abs(moved.sum())
    turned = [random.choice((-1.0, 1.0), size=(rows, moved.size)) @ moved for rows in _batches(resamples, moved.size)]
    sums = np.abs(np.concatenate(turned))
    extreme = int((sums >= observed - 1e-9).sum())
    return PairedTest(float(gains.mean()), mean_interval(gains, seed=seed), (1 + extreme) / (1 + resamples), len(gains))


def _batches(rows: int, width: int) -> list[int]:
    """Return the numbers of rows to draw at a time, so that memory stays at a few megabytes."""
    size = max(1, min(rows, NUMBERS_PER_DRAW // max(1, width)))
    return [min(size, rows - start) for start in range(0, rows, size)]


def _bounds(values: Floats) -> Interval:
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))
