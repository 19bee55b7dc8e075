"""Tells whether a figure or date of a source shows one of a draft, refutes it, or speaks of something else."""

import re
from dataclasses import replace
from fractions import Fraction
from typing import Literal

from rag.answering.relations.comparison import compare_quantities
from rag.answering.values.quantities import Quantity, quantities
from rag.answering.values.units import CURRENCIES

Verdict = Literal["shows", "allows", "refutes", "other"]
"""`allows`: both can be true, but the source does not say all that the draft says."""
APPROXIMATE_SHARE = Fraction(1, 20)
"""Distance from a source's figure that `about` allows."""
_APPROXIMATE = re.compile(
    r"\b(?:about|around|some|roughly|approximately|approx\.?|nearly|almost|close to|circa|ca\.|etwa|rund|environ"
    r"|quelque|unos|unas|cerca de|more than|over|at least|up to)\s*(?:[$€£¥]\s*)?$",
    re.IGNORECASE,
)
_MONEY = frozenset(CURRENCIES.values())
_LENGTHS = frozenset(("metre", "foot", "inch", "yard", "mile", "nautical mile"))
_WEIGHTS = frozenset(("gram", "ton", "ounce", "pound"))
_RELATED = (_MONEY, _LENGTHS, _WEIGHTS, frozenset(("celsius", "fahrenheit")), frozenset(("km/h", "mph", "m/s", "knot")),
            frozenset(("litre", "gallon", "pint", "barrel")), frozenset(("byte", "bit")))  # fmt: skip


_TIMES = frozenset(("month", "second"))
_PART_OF_TIME = re.compile(
    r"\b(?:first|second|last|latter|other|and a)\s+$|^\s+(?:of\s+)?(?:the\s+|this\s+|next\s+|last\s+)?"
    r"(?:year|month|week|day|hour|season|match|game|1\d{3}|20\d\d)\b",
    re.IGNORECASE,
)
_NUMBER_TEXT = re.compile(
    r"\d[\d.,]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty)\b", re.I
)


def stated_figures(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a text without ordinals and parts of a time, such as `the first half of 2005`."""
    return tuple(item for item in quantities(text) if item.dimension != "ordinal" and not _is_part_of_time(text, item))


def _is_part_of_time(text: str, item: Quantity) -> bool:
    is_share = item.dimension == "percent" and text[item.start : item.end].lower().endswith(
        ("half", "third", "quarter")
    )
    return is_share and any(
        _PART_OF_TIME.search(part)
        for part in (text[max(0, item.start - 12) : item.start], text[item.end : item.end + 20])
    )


def check_quantity(own: Quantity, draft: str, other: Quantity, source: str) -> Verdict:
    """Return the verdict of a quantity of the sentence `source` on one of the sentence `draft`."""
    if own.date is not None and other.date is not None:
        return _check_date(own, other)
    verdict = compare_quantities(_plain(own, other), _plain(other, own))
    if verdict == "equal":
        return "shows"
    if _other_unit(own, draft, other, source):
        return "refutes"
    if verdict == "other":
        return "other"
    if _is_rounded(own, draft, other):
        return "shows"
    if verdict == "compatible":
        return "shows" if _same_value(own, other) else "allows"
    return "refutes"


def _check_date(own: Quantity, other: Quantity) -> Verdict:
    assert own.date is not None and other.date is not None
    verdict = compare_quantities(own, other)
    if verdict == "equal":
        return "shows"
    if verdict == "compatible":
        covered = all(mine is None or theirs is not None for mine, theirs in zip(own.date, other.date, strict=True))
        return "shows" if covered else "allows"
    return "refutes" if verdict == "contradict" else "other"


def _plain(one: Quantity, other: Quantity) -> Quantity:
    """Return a count as a number if the other is a number without a noun."""
    if one.dimension == "count" and other.dimension == "number":
        return replace(one, dimension="number", noun="")
    return one


def _same_value(own: Quantity, other: Quantity) -> bool:
    return (own.low, own.high) == (other.low, other.high)


def _other_unit(own: Quantity, draft: str, other: Quantity, source: str) -> bool:
    """Tell whether two quantities have one number and related units: $5 and £5, 5 a month and 5 a year."""
    if own.dimension == other.dimension:
        return (
            own.dimension != "count"
            and own.noun != other.noun
            and "" not in (own.noun, other.noun)
            and _same_value(own, other)
        )
    if {own.dimension, other.dimension} == _TIMES:
        mine, theirs = (
            _NUMBER_TEXT.findall(text[item.start : item.end].lower()) for item, text in ((own, draft), (other, source))
        )
        return bool(mine) and mine == theirs
    return _same_value(own, other) and any(own.dimension in group and other.dimension in group for group in _RELATED)


def _is_rounded(own: Quantity, draft: str, other: Quantity) -> bool:
    """Tell whether the draft's figure is the source's one, rounded, or near it and called approximate."""
    if own.dimension == "clock" or own.low != own.high or other.low != other.high or not other.low or not own.low:
        return False
    words = draft[max(0, own.start - 24) : own.start]
    opening = re.match(r"\D*", draft[own.start : own.end])
    approximate = bool(_APPROXIMATE.search(words + (opening.group() if opening else "")))
    if approximate and abs(own.low - other.low) <= APPROXIMATE_SHARE * abs(other.low):
        return True
    step = _last_digit(own.low)
    return _last_digit(other.low) < step and step < abs(own.low) and abs(own.low - other.low) * 2 <= step


def _last_digit(number: Fraction) -> Fraction:
    """Return the place value of the last digit of a number that is not 0: 10 for 120, 1/10 for 1.5."""
    step = Fraction(1)
    while (number / step).denominator != 1 and step > Fraction(1, 10**9):
        step /= 10
    while (number / (step * 10)).denominator == 1:
        step *= 10
    return step
