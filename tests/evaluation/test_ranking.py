import math

import pytest

from rag.core.types import Chunk, Hit, Span
from rag.evaluation.metrics.ranking import RANKING_MEASURES, by_best_passage, ranking_measures


def test_measures_equal_the_hand_computed_ones() -> None:
    found = ranking_measures({"q": {"a": 1, "b": 1}}, {"q": ["x", "a", "y", "z", "w", "v", "b"]})["q"]
    gain = 1 / math.log2(3) + 1 / math.log2(8)
    assert found == pytest.approx({
        "recall@1": 0.0,
        "recall@5": 0.5,
        "recall@10": 1.0,
        "MRR@10": 0.5,
        "nDCG@10": gain / (1 + 1 / math.log2(3)),
    })  # fmt: skip


def test_grades_are_gains() -> None:
    found = ranking_measures({"q": {"a": 1, "b": 3}}, {"q": ["a", "b"]})["q"]
    assert found["nDCG@10"] == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_what_stands_below_rank_ten_counts_nowhere() -> None:
    ranking = [f"x{rank}" for rank in range(10)] + ["a"]
    assert ranking_measures({"q": {"a": 1}}, {"q": ranking})["q"] == dict.fromkeys(RANKING_MEASURES, 0.0)


def test_a_question_without_a_ranking_counts_zero() -> None:
    found = ranking_measures({"q": {"a": 1}, "r": {"a": 1}, "s": {"a": 1}}, {"q": ["a"], "r": []})
    assert found["q"]["recall@1"] == 1.0
    assert found["r"] == found["s"] == dict.fromkeys(RANKING_MEASURES, 0.0)


def test_the_order_given_wins_over_the_order_of_ids() -> None:
    assert ranking_measures({"q": {"z": 1}}, {"q": ["z", "a"]})["q"]["recall@1"] == 1.0
    assert ranking_measures({"q": {"a": 1}}, {"q": ["z", "a"]})["q"]["recall@1"] == 0.0


def test_a_document_stands_where_its_best_passage_stands() -> None:
    spans = [Span("b", 0, 1), Span("a", 0, 1), Span("b", 1, 2), Span("c", 0, 1)]
    hits = [Hit(row, Chunk(span, "x"), 1.0 / (row + 1), {}) for row, span in enumerate(spans)]
    assert by_best_passage(hits) == ("b", "a", "c")
    assert by_best_passage(hits, depth=2) == ("b", "a")
