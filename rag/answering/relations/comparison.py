"""Compares two quantities part by part: equal, contradicting, compatible, or of other things."""

from dataclasses import replace
from typing import Literal

from rag.answering.values.quantities import Quantity
from rag.answering.values.times import HALF_DAY, DateParts
from rag.answering.values.units import singulars

QuantityRelation = Literal["equal", "contradict", "compatible", "other"]

SECONDS_OF_A_DAY = 86_400
_PEOPLE = frozenset(
    "people person resident inhabitant men women citizen human einwohner mensch persone habitant".split()
)


def compare_quantities(one: Quantity, other: Quantity) -> QuantityRelation:
    """Return how two quantities stand to each other.

    `equal`: every part is the same. `contradict`: both cannot be true of one thing (5% and 6%, more than 5 and 3), two
    bounds of one kind differ (up to 140, up to 120). `compatible`: both can be true (2012 and March 2012, up to 40 and
    40). `other`: the dimensions or the counted things are different.
    """
    if one.date is not None and other.date is not None:
        return _compare_dates(one.date, other.date)
    if {one.dimension, other.dimension} == {"date", "decade"}:
        return _compare_decade(one, other)
    if {one.dimension, other.dimension} == {"month", "second"}:
        return "contradict" if _apart(_in_seconds(one), _in_seconds(other), both_ways=True) else "compatible"
    if one.dimension != other.dimension or (one.date is None) != (other.date is None):
        return "other"
    if one.dimension == "clock":
        return _compare_clocks(one, other)
    if one.noun and other.noun and not same_noun(one.noun, other.noun):
        return "other"
    if (one.low, one.high, one.bound) == (other.low, other.high, other.bound):
        return "equal" if bool(one.noun) == bool(other.noun) else "compatible"
    same_kind = one.bound == other.bound != "="
    return "contradict" if same_kind or _apart(one, other, both_ways=True) else "compatible"


def same_noun(one: str, other: str) -> bool:
    """Tell whether two counted nouns are one, in the singular or plural; people, residents and persons are."""
    mine, theirs = set(singulars(one)), set(singulars(other))
    return bool(mine & theirs) or bool(mine & _PEOPLE and theirs & _PEOPLE)


def _compare_dates(one: DateParts, other: DateParts) -> QuantityRelation:
    if one == other:
        return "equal"
    both = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if None not in (mine, theirs)]
    if not both:
        return "other"
    return "compatible" if all(mine == theirs for mine, theirs in both) else "contradict"


def _compare_decade(one: Quantity, other: Quantity) -> QuantityRelation:
    decade, day = (one, other) if one.date is None else (other, one)
    year = day.date[0] if day.date else None
    if year is None:
        return "other"
    return "compatible" if decade.low <= year <= decade.high else "contradict"


def _compare_clocks(one: Quantity, other: Quantity) -> QuantityRelation:
    if (one.low, one.high, one.bound, one.noun) == (other.low, other.high, other.bound, other.noun):
        return "equal"
    either = "either" in (one.noun, other.noun)
    return "compatible" if either and one.low % HALF_DAY == other.low % HALF_DAY else "contradict"


def _in_seconds(value: Quantity) -> Quantity:
    """Return a time of months as the seconds that it may last: a month has 28 to 31 days."""
    if value.dimension != "month":
        return value
    return replace(
        value, dimension="second", low=value.low * 28 * SECONDS_OF_A_DAY, high=value.high * 31 * SECONDS_OF_A_DAY
    )


def _apart(one: Quantity, other: Quantity, both_ways: bool = False) -> bool:
    """Tell whether all of `one` lies below all of `other`, or above it if `both_ways`."""
    if both_ways and _apart(other, one):
        return True
    if one.bound in (">", ">=") or other.bound in ("<", "<="):
        return False
    strict = one.bound == "<" or other.bound == ">"
    return one.high <= other.low if strict else one.high < other.low
