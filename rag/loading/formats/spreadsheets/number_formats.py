"""Writes the number of a spreadsheet cell as its number format shows it: `7.5%`, `$1,234.50`, `1 1/3`."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_FORMAT_CHARACTERS = 255
"""Spreadsheets allow no longer number formats."""
MAX_SHOWN_NUMBER = 1e15
"""Larger numbers are written in general form: a float has no more whole digits."""
MAX_PERCENT_SIGNS = 3
"""Each multiplies by a hundred; a format with more is of no use."""
_GENERAL_DIGITS = 11
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]')
_DIGITS = re.compile(r"(?:[0#?][0#?,]*(?:\.[0#?]*)?|\.[0#?]+),*")
_FRACTION = re.compile(r"([#?0 ]*[#?0])/([#?0]+|\d+)")
_CONDITION = re.compile(r"\[[<>=]")
_NO_NUMBER = re.compile(r"[dmyhs@]|General", re.IGNORECASE)


def shown_number(value: float, number_format: str) -> str:
    """Return the number as the format shows it, in general form if the format is not for numbers.

    >>> shown_number(0.075, "0.0%"), shown_number(1234.5, '"$"#,##0.00'), shown_number(4 / 3, "# ?/?")
    ('7.5%', '$1,234.50', '1 1/3')
    """
    if number_format == "General" or len(number_format) > MAX_FORMAT_CHARACTERS or not abs(value) < MAX_SHOWN_NUMBER:
        return general_number(value)
    sections = _sections(number_format)
    is_negative_form = value < 0 and len(sections) > 1
    form = sections[1 if is_negative_form else 2 if value == 0 and len(sections) > 2 else 0]
    # The form of negative numbers has its own sign.
    digits = _digits(-value if is_negative_form else value, form.pattern) if form.pattern else None
    if digits is None:
        return general_number(value)
    texts = iter(form.literals)
    return "".join(next(texts) if sign == "\0" else sign for sign in digits).strip()


def general_number(value: float) -> str:
    """Return a number without a format: whole numbers without a fraction, others with up to 11 digits."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < MAX_SHOWN_NUMBER:
        return str(int(value))
    short = f"{value:.{_GENERAL_DIGITS}g}"
    return repr(value) if "e" in short else short


@dataclass(frozen=True)
class _Section:
    """The form of positive, negative or zero numbers: NUL stands for each literal; an unknown form is empty."""

    pattern: str
    literals: tuple[str, ...]


@lru_cache(maxsize=1_024)
def _sections(number_format: str) -> tuple[_Section, ...]:
    """Return the sections of a format; those with conditions, such as `[>999]`, have no known form."""
    if _CONDITION.search(number_format):
        return (_Section("", ()),)
    texts = re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+', number_format) or [""]
    return tuple(_section(text) for text in texts)


def _section(text: str) -> _Section:
    literals: list[str] = []

    def keep(match: re.Match[str]) -> str:
        literals.append(match[1] if match[1] is not None else match[2] if match[2] is not None else match[3] or "")
        return "\0"

    pattern = _LITERAL.sub(keep, text)
    is_unknown = _NO_NUMBER.search(pattern) or "\0" in _without_ends(pattern)
    return _Section("" if is_unknown else pattern, tuple(literals))


def _without_ends(pattern: str) -> str:
    """Return the pattern of the digits alone: literals between digits, as in telephone numbers, are not written."""
    places = [match.span() for match in re.finditer(r"[0#?]", pattern)]
    return pattern[places[0][0] : places[-1][1]] if places else ""


def _digits(value: float, pattern: str) -> str | None:
    """Return the pattern with the number for its digits, None if the pattern has none or an unknown form."""
    fraction = _FRACTION.search(pattern)
    if fraction:
        written = _fraction(value, whole=" " in fraction[1].strip(), denominator=fraction[2])
        return pattern[: fraction.start()] + written + pattern[fraction.end() :]
    match = _DIGITS.search(pattern)
    if match is None:
        return None
    before, after, form = pattern[: match.start()], pattern[match.end() :], match[0]
    if after.upper().startswith(("E+", "E-")):
        return f"{value:.{_decimals(form)[0]}E}"
    if re.search(r"[0#?]", after) or pattern.count("%") > MAX_PERCENT_SIGNS:
        return None
    # Each comma behind the digits divides by a thousand.
    value *= 100 ** pattern.count("%") / 1000 ** (len(form) - len(form.rstrip(",")))
    form = form.rstrip(",")
    sign = "-" if value < 0 else ""
    return sign + before + _plain(abs(value), form) + after


def _plain(value: float, form: str) -> str:
    longest, shortest = _decimals(form)
    whole, _, decimals = f"{value:.{longest}f}".partition(".")
    while len(decimals) > shortest and decimals.endswith("0"):
        decimals = decimals[:-1]
    whole_form = form.partition(".")[0]
    whole = whole.zfill(whole_form.count("0"))
    if "," in whole_form:
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole)
    return f"{whole}.{decimals}" if decimals else whole


def _decimals(form: str) -> tuple[int, int]:
    """Return the most and the fewest decimals that a pattern shows."""
    decimals = form.partition(".")[2]
    return len(decimals), decimals.count("0")


def _fraction(value: float, whole: bool, denominator: str) -> str:
    limit = (
        int(denominator) if denominator.isdecimal() and denominator.strip("0") else 10 ** min(len(denominator), 4) - 1
    )
    number = Fraction(abs(value)).limit_denominator(max(limit, 1))
    if denominator.isdecimal() and denominator.strip("0"):
        numerator = round(abs(value) * limit)
        parts = divmod(numerator, limit) if whole else (0, numerator)
        rest, below = parts[1], limit
    else:
        parts = divmod(number.numerator, number.denominator) if whole else (0, number.numerator)
        rest, below = parts[1], number.denominator
    sign = "-" if value < 0 else ""
    written = f"{parts[0]} {rest}/{below}" if parts[0] and rest else str(parts[0]) if not rest else f"{rest}/{below}"
    return sign + written
