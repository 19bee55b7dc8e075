"""Values by hand: what is equal, what contradicts, and what is no value at all."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.answering.relations.comparison import compare_quantities
from rag.answering.values.quantities import Quantity, quantities


def only(text: str) -> Quantity:
    (found,) = quantities(text)
    return found


@pytest.mark.parametrize("texts", [
    ("$3.2 million", "3.2 million dollars", "3,200,000 dollars", "$3,200,000", "US$3.2m", "3.2 million US dollars"),
    ("5 %", "5%", "5 percent", "5 per cent", "five percent", "5.0%"), ("£600m", "600 million pounds"),
    ("€2bn", "2 billion euros"), ("50 percent", "half of its oil"), ("5 km", "5,000 metres", "5000 m"),
    ("29 March 2012", "March 29, 2012", "2012-03-29", "29th of March 2012", "Mar. 29, 2012"),
    ("twelve drones", "12 drones"), ("three hundred islands", "300 islands"), ("12,5 percent", "12.5 %"),
    ("1.234,50 euros", "1,234.5 euros"),
    ("more than $5 billion", "over $5bn", "in excess of 5 billion dollars"), ("800 years", "800-year"),
    ("5-6 percent", "5–6 %"), ("1,200 people", "1200 people"),
])  # fmt: skip
def test_the_same_value_in_other_words_is_equal(texts: tuple[str, ...]) -> None:
    first = only(texts[0])
    for text in texts:
        assert compare_quantities(first, only(text)) == compare_quantities(only(text), first) == "equal", text


@pytest.mark.parametrize(("one", "other"), [
    ("5 %", "6 %"), ("$1.6 billion", "$5 billion"), ("1931", "1932"), ("5 March 2021", "6 March 2021"),
    ("more than $5 billion", "$5 billion"), ("more than 5", "3"), ("at most 15 percent", "20 percent"),
    ("5-6 %", "7 %"),
    ("5 million dollars", "5 billion dollars"), ("May 1997", "June 1997"), ("3 drones", "4 drones"),
    ("at least 300", "250"), ("0.1 %", "0.10001 %"),
])  # fmt: skip
def test_values_that_cannot_both_be_true_contradict(one: str, other: str) -> None:
    assert compare_quantities(only(one), only(other)) == compare_quantities(only(other), only(one)) == "contradict"


@pytest.mark.parametrize(("one", "other"), [
    ("2012", "March 2012"), ("up to 40 percent", "40 percent"), ("more than 5", "7"), ("at least 5", "more than 6"),
])  # fmt: skip
def test_values_that_may_both_be_true_are_compatible_not_equal(one: str, other: str) -> None:
    assert compare_quantities(only(one), only(other)) == compare_quantities(only(other), only(one)) == "compatible"


@pytest.mark.parametrize(("one", "other"), [
    ("5 %", "5 dollars"), ("5 miles", "5 km"), ("5 euros", "5 dollars"), ("2012", "5 percent"), ("3 cats", "3 miles"),
    ("5 percentage points", "5 percent"),
])  # fmt: skip
def test_values_of_two_dimensions_say_nothing_of_each_other(one: str, other: str) -> None:
    assert compare_quantities(only(one), only(other)) == "other"


@pytest.mark.parametrize("text", ["", "Barak-8 and COVID-19", "v1.2.3", "He may march on.", "no figure at all"])
def test_names_and_words_are_no_values(text: str) -> None:
    assert quantities(text) == ()


def test_values_stand_where_they_say() -> None:
    text = "In 2012 a $1.6 billion deal; up to 40 percent by May 3, 2019, and won 3-1."
    assert [text[value.start : value.end] for value in quantities(text)] == [
        "2012", "$1.6 billion", "up to 40 percent", "May 3, 2019", "3", "1",
    ]  # fmt: skip


@given(st.text(alphabet="0123456789.,-–%$£€ \u00a0abkmn", max_size=30))
@example("0.0,0")
@example("1.234,5,6.7")
def test_any_text_gives_values_in_order_that_do_not_overlap(text: str) -> None:
    found = quantities(text)
    assert all(0 <= value.start < value.end <= len(text) for value in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_whole_numbers_are_equal_only_where_they_are_the_same(one: int, other: int) -> None:
    said = compare_quantities(only(f"{one:,} dollars"), only(f"{other} dollars"))
    assert said == ("equal" if one == other else "contradict")


@pytest.mark.parametrize(("one", "other"), [
    ("-5 °C", "5 °C"), ("a profit of -3 %", "a profit of 3 %"), ("5 mg", "5 µg"), ("5 GB", "5 TB"), ("5 kWh", "5 MWh"),
    ("two thousand five hundred", "two thousand"), ("3,5 Millionen Euro", "3,5 Milliarden Euro"), ("9 am", "9 pm"),
    ("up to 140 euros", "up to 120 euros"), ("250 words", "200 words"), ("two dozen eggs", "a dozen eggs"),
    ("half a million euros", "a million euros"), ("three and a half million euros", "three million euros"),
])  # fmt: skip
def test_opposite_figures_contradict(one: str, other: str) -> None:
    assert compare_quantities(only(one), only(other)) == compare_quantities(only(other), only(one)) == "contradict"


@pytest.mark.parametrize(("one", "other"), [("5 mg", "5 ml"), ("12 drones", "12 tanks"), ("5 °C", "5 °F")])
def test_figures_of_other_units_or_things_are_not_comparable(one: str, other: str) -> None:
    assert compare_quantities(only(one), only(other)) == "other"


def test_a_number_in_words_is_no_part_of_the_noun_after_it() -> None:
    (item,) = quantities("The summary has 250 in words.")
    assert item.low == 250 and item.dimension == "number"
