"""Enumerations are found whole around one of their items."""

import pytest

from rag.reading.lookup.enumerations import enumerates, whole_enumeration


@pytest.mark.parametrize(("text", "item", "whole"), [
    ("The modes are fast (the default), safe (slow) and off.", "fast (the default)",
     "fast (the default), safe (slow) and off"),
    ('One of "low", "mid" and "high".', '"low"', '"low", "mid" and "high"'),
    ('One of "low", "mid" and "high".', "mid", '"low", "mid" and "high"'),
    ("Nobody can block SIGKILL and SIGSTOP in it.", "SIGKILL", "SIGKILL and SIGSTOP"),
    ("The members are Ann Lee, Bo Dahl, and Cy Fox.", "Bo Dahl", "Ann Lee, Bo Dahl, and Cy Fox"),
    ("The income is made of fees, fines and gifts; rent is not.", "fees", "fees, fines and gifts"),
])  # fmt: skip
def test_an_enumeration_is_found_from_each_of_its_items(text: str, item: str, whole: str) -> None:
    start = text.index(item)
    first, last = whole_enumeration(text, start, start + len(item), 0, len(text))
    assert text[first:last] == whole


@pytest.mark.parametrize(("text", "item"), [
    ("He was born in Paris, France and died in 1920.", "Paris"), ("Tom said, after lunch, that he left.", "lunch"),
    ("In 2019, the company sold missiles.", "missiles"), ("Rope.", "Rope"),
])  # fmt: skip
def test_what_is_no_enumeration_stays_as_it_is(text: str, item: str) -> None:
    start = text.index(item)
    assert whole_enumeration(text, start, start + len(item), 0, len(text)) == (start, start + len(item))


def test_an_enumeration_does_not_reach_beyond_its_bounds() -> None:
    text = "Bolts, nuts and rope"
    assert whole_enumeration(text, 0, 5, 0, 11) == (0, 5)


def test_statements_that_enumerate_are_told() -> None:
    assert enumerates("It sells bolts, long ropes and nuts.")
    assert not enumerates("On Monday, it rained.")
