import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.metrics.abstention import (
    Bin,
    OperatingPoint,
    aurc,
    auroc,
    calibration_error,
    coverage_at,
    operating_points,
    reliability,
)

confidences = st.lists(st.integers(0, 8).map(lambda eighths: eighths / 8), min_size=1, max_size=20)
populations = st.lists(
    st.tuples(st.integers(0, 8).map(lambda eighths: eighths / 8), st.booleans()), min_size=1, max_size=25
)


def test_auroc_counts_won_pairs_and_half_of_ties() -> None:
    assert auroc([0.9, 0.4], [0.4, 0.1]) == 3.5 / 4
    assert auroc([0.9], [0.1]) == 1.0
    assert auroc([0.5, 0.5], [0.5]) == 0.5


@pytest.mark.thorough
@given(confidences, confidences)
def test_auroc_agrees_with_scikit_learn(high: list[float], low: list[float]) -> None:
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    expected = roc_auc_score([1] * len(high) + [0] * len(low), high + low)
    assert auroc(high, low) == pytest.approx(expected)


def test_aurc_is_the_mean_risk_over_all_coverages() -> None:
    assert aurc([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert aurc([0.7, 0.9, 0.8], [1, 1, 0]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3), "the order given does not count"
    assert aurc([0.3, 0.2], [1, 1]) == 0.0


def test_aurc_spreads_wrong_answers_evenly_over_a_tie() -> None:
    # Two tied, one wrong: half an error at coverage 1, one error at coverage 2: risks 1/2 and 1/2.
    assert aurc([0.5, 0.5], [1, 0]) == aurc([0.5, 0.5], [0, 1]) == 0.5


def test_coverage_at_a_precision_goes_as_far_as_it_holds() -> None:
    stated, right = [0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1]
    assert coverage_at(stated, right, 0.9) == 0.5
    assert coverage_at(stated, right, 0.75) == 1.0
    assert coverage_at([0.9, 0.8], [0, 0], 0.9) == 0.0


def test_coverage_never_splits_a_tie() -> None:
    assert coverage_at([0.9, 0.9], [1, 0], 0.9) == 0.0


@given(populations)
def test_coverage_agrees_with_trying_every_threshold(population: list[tuple[float, bool]]) -> None:
    kept = [
        [right for stated, right in population if stated >= level] for level in {stated for stated, _ in population}
    ]
    reached = [len(rights) / len(population) for rights in kept if sum(rights) >= 0.9 * len(rights)]
    stated, truth = zip(*population, strict=True)
    assert coverage_at(stated, truth, 0.9) == pytest.approx(max(reached, default=0.0))


def test_operating_points_hold_threshold_coverage_and_precision() -> None:
    expected = [OperatingPoint(0.9, 0.25, 1.0), OperatingPoint(0.5, 0.75, 2 / 3), OperatingPoint(0.1, 1.0, 0.5)]
    assert operating_points([0.5, 0.9, 0.5, 0.1], [1, 1, 0, 0]) == expected


def test_calibration_error_is_the_gap_weighted_by_bin() -> None:
    stated, right = [0.1, 0.1, 0.9, 0.9], [0, 0, 1, 0]
    assert reliability(stated, right, bins=2) == [Bin(0.1, 0.0, 2), Bin(0.9, 0.5, 2)]
    assert calibration_error(stated, right, bins=2) == pytest.approx(0.5 * 0.1 + 0.5 * 0.4)


def test_a_confidence_drawn_true_is_calibrated_and_an_overstated_one_is_not() -> None:
    random = np.random.default_rng(7)
    truth = random.random(20_000)
    right = random.random(20_000) < truth
    assert calibration_error(truth, right) < 0.015
    assert calibration_error(truth**0.25, right) > 0.2


def test_bins_hold_equally_many_and_all_questions() -> None:
    sizes = [part.n for part in reliability(np.linspace(0, 1, 47), np.ones(47))]
    assert len(sizes) == 15
    assert sum(sizes) == 47
    assert max(sizes) - min(sizes) <= 1
