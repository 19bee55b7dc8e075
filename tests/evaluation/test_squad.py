from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.metrics.squad import exact_match, f1, normalised


def test_normalisation_drops_case_punctuation_articles_and_blanks() -> None:
    assert normalised("  The Normans,  (an\told people)!") == "normans old people"
    assert normalised("U.S.A.") == "usa"
    assert normalised("theory of a man") == "theory of man"


def test_exact_match_takes_any_reference() -> None:
    assert exact_match("the Seine.", ["Rhine", "Seine"]) == 1.0
    assert exact_match("the Seine river", ["Rhine", "Seine"]) == 0.0


def test_f1_is_the_harmonic_mean_over_the_best_reference() -> None:
    # "year 1066 ad" against "1066": 1 shared, precision 1/3, recall 1 -> 1/2; against "year 1066": 2/3, 1 -> 4/5.
    assert f1("year 1066 AD", ["1066"]) == 0.5
    assert f1("year 1066 AD", ["1066", "the year 1066"]) == 0.8


def test_f1_counts_repeated_words_as_often_as_both_have_them() -> None:
    # Shared: one "very" of two and one "good": 2 of 3 words and 2 of 2 -> 4/5.
    assert f1("very very good", ["very good"]) == 0.8


def test_two_empty_answers_are_equal_and_one_is_not() -> None:
    assert f1("", [""]) == exact_match("", [""]) == 1.0
    assert f1("", []) == 1.0
    assert f1("the", [""]) == 1.0, "an article alone is empty once normalised"
    assert f1("Seine", [""]) == f1("", ["Seine"]) == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_f1_is_symmetric_and_never_below_exact_match(left: str, right: str) -> None:
    assert f1(left, [right]) == f1(right, [left])
    assert exact_match(left, [right]) <= f1(left, [right]) <= 1.0
