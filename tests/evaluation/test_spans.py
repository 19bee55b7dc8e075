from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from rag.core.types import Span
from rag.evaluation.metrics.spans import Coverage, best_coverage, coverage, precision_omega, shared_length, union


@st.composite
def some_span(draw: st.DrawFn) -> Span:
    start = draw(st.integers(0, 30))
    return Span(draw(st.sampled_from("ab")), start, start + draw(st.integers(1, 9)))


spans = st.lists(some_span(), max_size=6)


def places(found: list[Span]) -> list[tuple[str, int]]:
    return list(
        chain.from_iterable([(span.document_id, place) for place in range(span.start, span.end)] for span in found)
    )


def test_overlap_between_returned_spans_counts_twice_against_precision_and_iou() -> None:
    found = coverage([Span("a", 10, 30)], [Span("a", 0, 20), Span("a", 15, 25)])
    assert found == Coverage(recall=15 / 20, precision=15 / 30, iou=15 / 35)


def test_equal_spans_score_one_and_spans_of_another_document_nothing() -> None:
    assert coverage([Span("a", 3, 9)], [Span("a", 3, 9)]) == Coverage(1.0, 1.0, 1.0)
    assert coverage([Span("a", 3, 9)], [Span("b", 3, 9)]) == Coverage(0.0, 0.0, 0.0)
    assert coverage([Span("a", 3, 9)], []) == Coverage(0.0, 0.0, 0.0)


def test_spans_that_only_touch_share_nothing() -> None:
    assert shared_length([Span("a", 0, 5)], [Span("a", 5, 9)]) == 0


def test_a_set_of_excerpts_has_to_be_covered_wholly_but_one_alternative_is_enough() -> None:
    golds = [Span("a", 0, 10), Span("a", 50, 60)]
    assert best_coverage([golds], [Span("a", 0, 10)]) == Coverage(0.5, 1.0, 0.5)
    assert best_coverage([[gold] for gold in golds], [Span("a", 0, 10)]) == Coverage(1.0, 1.0, 1.0)


def test_precision_omega_is_the_iou_of_exactly_the_chunks_that_hold_gold() -> None:
    chunks = [Span("a", 0, 20), Span("a", 20, 40), Span("a", 40, 60)]
    assert precision_omega([Span("a", 10, 30)], chunks) == 20 / 40
    assert precision_omega([Span("a", 20, 40)], chunks) == 1.0, "a neighbour that only touches is not needed"
    assert precision_omega([Span("a", 50, 70)], chunks) == 10 / 30, "text that no chunk holds stays missed"
    assert precision_omega([Span("b", 0, 5)], chunks) == 0.0


@given(spans, spans)
def test_lengths_agree_with_counting_code_points_one_by_one(left: list[Span], right: list[Span]) -> None:
    assert shared_length(left, right) == len(set(places(left)) & set(places(right)))
    assert sorted(places(union(left))) == sorted(set(places(left)))


@given(spans.filter(bool), spans.filter(bool))
def test_coverage_agrees_with_sets_of_code_points(gold: list[Span], returned: list[Span]) -> None:
    shared, missed = set(places(gold)) & set(places(returned)), set(places(gold)) - set(places(returned))
    shown = places(returned)
    expected = (
        len(shared) / len(set(places(gold))),
        len(shared) / len(shown),
        len(shared) / (len(shown) + len(missed)),
    )
    assert coverage(gold, returned) == expected
