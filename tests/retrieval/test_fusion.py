"""Hand-computed mixes."""

import pytest

from rag.retrieval.fusion import convex_mix, z_scores


def test_z_scores_by_hand() -> None:
    # mean 4, deviations -2 0 2, variance 8 / 3
    found = z_scores({1: 2.0, 2: 4.0, 3: 6.0})
    assert found == pytest.approx({1: -1.224744871, 2: 0.0, 3: 1.224744871})


def test_equal_scores_say_nothing() -> None:
    assert z_scores({1: 5.0, 2: 5.0}) == {1: 0.0, 2: 0.0}
    assert z_scores(dict.fromkeys(range(7), 0.1)) == dict.fromkeys(range(7), 0.0), "also where their mean is rounded"
    assert z_scores({}) == {}


def test_the_mix_is_weighted_and_ties_go_by_row() -> None:
    dense, bm25 = {9: 0.9, 2: 0.1}, {9: 3.0, 2: 7.0}
    assert convex_mix([dense, bm25], [0.75, 0.25]) == [(9, 0.5), (2, -0.5)]
    assert convex_mix([dense, bm25], [0.5, 0.5]) == [(2, 0.0), (9, 0.0)]


def test_scale_and_origin_of_a_ranking_do_not_matter() -> None:
    one = convex_mix([{1: 0.1, 2: 0.5, 3: 0.2}, {1: 3.0, 2: 1.0, 3: 2.0}], [0.4, 0.6])
    other = convex_mix([{1: 101.0, 2: 105.0, 3: 102.0}, {1: 30.0, 2: 10.0, 3: 20.0}], [0.4, 0.6])
    assert [row for row, _ in one] == [row for row, _ in other]
    assert [score for _, score in one] == pytest.approx([score for _, score in other])
