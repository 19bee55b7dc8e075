import numpy as np
import pytest

from rag.evaluation.metrics.abstention import auroc
from rag.evaluation.metrics.bootstrap import interval, mean_interval, paired_test


def test_the_interval_of_a_mean_agrees_with_the_normal_one() -> None:
    values = np.random.default_rng(1).random(2_000)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=half * 0.15)
    assert high == pytest.approx(values.mean() + half, abs=half * 0.15)


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    held = [low <= 0.3 <= high for low, high in (mean_interval(random.random(200) < 0.3, 400) for _ in range(200))]
    assert 0.90 <= np.mean(held) <= 0.99


def test_values_that_do_not_differ_have_no_width() -> None:
    assert mean_interval([1.0, 1.0, 1.0]) == (1.0, 1.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0, 1, 1, 0, 1, 1, 1, 0]
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)


def test_two_samples_are_resampled_apart() -> None:
    low, high = interval(auroc, [0.9, 0.8, 0.7, 0.6], [0.1, 0.2])
    assert (low, high) == (1.0, 1.0), "no resample of either side can bring the two to overlap"


def test_columns_of_a_sample_stay_together() -> None:
    rows = np.array([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0], [5.0, 50.0]])
    gap = interval(lambda sample: float(np.abs(sample[:, 1] - 10 * sample[:, 0]).max()), rows)
    assert gap == (0.0, 0.0)


def test_p_values_of_few_questions_agree_with_all_sign_flips() -> None:
    # Four gains of 1: of 16 sign patterns 2 reach a sum of 4 or -4, so p = 1/8.
    found = paired_test([0, 0, 0, 0, 1], [1, 1, 1, 1, 1])
    assert found.difference == 0.8
    assert found.n == 5
    assert found.p_value == pytest.approx(1 / 8, abs=0.02)


def test_no_difference_is_no_evidence() -> None:
    assert paired_test([1, 0, 1], [1, 0, 1]).p_value == 1.0
    assert paired_test([1, 0], [0, 1]).p_value == 1.0


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    random = np.random.default_rng(4)
    before = random.random(1_000) < 0.6
    better, same = before | (random.random(1_000) < 0.1), random.permutation(before)
    assert paired_test(before, better).p_value < 0.001
    assert paired_test(before, same).p_value > 0.05
    low, high = paired_test(before, better).interval
    assert 0 < low < better.mean() - before.mean() < high
