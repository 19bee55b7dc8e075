"""Reads the values of a text: amounts with their units, percentages, dates. Compared as they are, never nearly.

A value is a private, normalised copy: `$3.2 million`, `3.2 million dollars` and `3,200,000 dollars` are one value, and
so are `29 March 2012` and `2012-03-29`; 5 % and 6 % are two. Units are English and are not converted, but for powers of
ten of one unit (km and m). Numbers are kept as fractions, so that no rounding makes two of them equal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

Bound = Literal["=", "<", "<=", ">", ">="]
Comparison = Literal["equal", "contradict", "compatible", "other"]

MAGNITUDES = {
    "hundred": 10**2, "thousand": 10**3, "k": 10**3, "million": 10**6, "mn": 10**6, "m": 10**6, "billion": 10**9,
    "bn": 10**9, "b": 10**9, "trillion": 10**12, "tn": 10**12,
}  # fmt: skip
CURRENCIES = {
    "$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "a$": "aud", "c$": "cad", "€": "eur", "eur": "eur",
    "euro": "eur", "£": "gbp", "gbp": "gbp", "¥": "jpy", "jpy": "jpy", "yen": "jpy", "yuan": "cny", "ruble": "rub",
    "rouble": "rub", "rupee": "inr", "₹": "inr", "franc": "chf",
}  # fmt: skip
PERCENT = re.compile(r"(?:%|per\s?cent\b(?!age)|percent\b(?!age)|pct\b)", re.IGNORECASE)
POINTS = re.compile(r"(?:percentage|basis)[ -]points?\b", re.IGNORECASE)
UNITS: dict[str, tuple[str, Fraction]] = {
    name: (unit, Fraction(factor))
    for unit, factor, names in (
        ("metre", 1000, "km kilometre kilometer"), ("metre", 1, "m metre meter"), ("metre", "1/100", "cm centimetre"),
        ("metre", "1/1000", "mm millimetre millimeter"), ("gram", 1000, "kg kilogram kilo"), ("gram", 1, "g gram"),
        ("gram", 10**6, "tonne"), ("ton", 1, "ton"), ("mile", 1, "mile"), ("foot", 1, "foot feet ft"),
        ("pound", 1, "lb pound"), ("litre", 1, "litre liter"), ("barrel", 1, "barrel"), ("hectare", 1, "hectare ha"),
        ("acre", 1, "acre"), ("second", 1, "second sec"), ("minute", 1, "minute min"), ("hour", 1, "hour"),
        ("day", 1, "day"), ("week", 1, "week"), ("month", 1, "month"), ("year", 1, "year"), ("watt", 1, "watt"),
        ("watt", 1000, "kw kilowatt"), ("watt", 10**6, "mw megawatt"), ("degree", 1, "degree"), ("mph", 1, "mph"),
    )
    for name in names.split()
}  # fmt: skip
SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen".split()
    )
}
TENS = {word: 10 * (place + 2) for place, word in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split())}  # fmt: skip
SHARES = {
    "half": Fraction(1, 2), "a third": Fraction(1, 3), "one third": Fraction(1, 3), "two thirds": Fraction(2, 3),
    "a quarter": Fraction(1, 4), "one quarter": Fraction(1, 4), "three quarters": Fraction(3, 4),
    "a fifth": Fraction(1, 5), "one fifth": Fraction(1, 5),
}  # fmt: skip
BOUNDS: tuple[tuple[str, Bound], ...] = (
    (r"(?:no|not) more than|at most|up to|a maximum of|as much as|as many as", "<="),
    (r"no (?:less|fewer) than|not less than|at least|a minimum of", ">="),
    (r"(?:more|greater|higher) than|over|above|exceeding|in excess of|upwards of", ">"),
    (r"(?:less|fewer|lower) than|under|below|nearly|almost|just short of", "<"),
)
MONTHS = {
    name: place
    for place, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sept sep|october oct"
        "|november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}

_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>1\d{3}|20\d{2})-(?P<number>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b",
        rf"\b(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR}\b)?",
        rf"\b{_MONTH}\s+(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\b(?![,.]?\d)(?:,?\s+{_YEAR}\b)?",
        rf"\b{_MONTH}(?:\s+of)?,?\s+{_YEAR}\b",
        r"\b(?P<decade>(?:1\d|20)\d0)s\b",
        rf"(?<![\d.,$£€¥#-]){_YEAR}(?![\d%]|[.,]\d|-\d|\s*(?:percent|per cent|million|billion|thousand)\b)"
        rf"(?:(?<=\b(?:in|of|by|to) \d{{4}})|(?<=\b(?:the) \d{{4}})|(?<=\b(?:from|year) \d{{4}})"
        rf"|(?<=\bsince \d{{4}})|(?<=\buntil \d{{4}})"
        rf"|(?!\s+(?:people|men|women|children|(?!was|has|its)[a-z]{{2,}}s)\b))",
    )
]
_CONTINENTAL = r"\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)"  # 1.234,50
_DIGITS = rf"{_CONTINENTAL}|\d{{1,3}}(?:[,\u00a0\u202f]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+|,\d{{1,2}}(?!\d))?"
_WORDS = "|".join(sorted([*SMALL, *TENS], key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<currency>US\$|A\$|C\$|[$€£¥₹])?\s?(?<![\w.])(?<![^\W\d_]-)"
    rf"(?:(?P<digits>{_DIGITS})(?:(?:\s?[-–]\s?|\s+to\s+)(?P<upper>{_DIGITS}))?"
    rf"|(?P<words>\b(?:a|(?:{_WORDS})(?:[-\s](?:{_WORDS}))*)\b(?=\s+(?:hundred|thousand|million|billion|trillion)\b)"
    rf"|\b(?:{_WORDS})(?:[-\s](?:{_WORDS}))*\b))"
    rf"(?P<scales>(?:[\s-]?(?:hundred|thousand|million|billion|trillion|mn|bn|tn)\b|(?<=\d)[mkb]\b)*)",
    re.IGNORECASE,
)
_SHARE = re.compile(rf"\b(?:{'|'.join(SHARES).replace(' ', '[ -]')})\b(?=\s+(?:of|the|its|their|his|her|all)\b)", re.I)
_BOUND = re.compile("|".join(rf"(?P<b{place}>\b(?:{words})\s+$)" for place, (words, _) in enumerate(BOUNDS)), re.I)
_AFTER = re.compile(r"[\s-]?(?:(?P<sign>[%€°])|(?P<word>US dollars?|[^\W\d_]+))")
_NOT_A_NOUN = frozenset(
    "a an the of in on at to from for by and or but with as per than that which who is are was were has had have will"
    " would can could may might it its he she they this these those there more less fewer after before since until"
    " during each every not also when while if so about".split()
)


@dataclass(frozen=True)
class Value:
    """One value of a text at `start:end`: `low` to `high` of a `dimension`, or a date.

    `dimension` is a currency, `percent`, a unit, `date`, `count` of the noun that follows (`noun`), or `number`.
    A date has `date` = (year, month, day), None where the text does not say.
    """

    start: int
    end: int
    dimension: str
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    bound: Bound = "="
    noun: str = ""
    date: tuple[int | None, int | None, int | None] | None = None


@lru_cache(maxsize=4_096)
def values(text: str) -> tuple[Value, ...]:
    """Return the values of a text in order; they do not overlap.

    >>> [(value.dimension, int(value.low)) for value in values("It rose 5 % to $3.2 million.")]
    [('percent', 5), ('usd', 3200000)]
    """
    found: list[Value] = []
    taken: list[tuple[int, int]] = []
    for value in (*_dates(text), *_shares(text), *_amounts(text)):
        if not any(low < value.end and value.start < high for low, high in taken):
            taken.append((value.start, value.end))
            found.append(value)
    return tuple(sorted(found, key=lambda value: value.start))


def compare(one: Value, other: Value) -> Comparison:
    """Return how two values stand to each other.

    `equal`: the same, with the same bound. `contradict`: both cannot be true of one thing (5 % and 6 %, more than 5
    and 3). `compatible`: both can (2012 and March 2012, up to 40 and 40). `other`: of different dimensions.
    """
    if one.date is not None and other.date is not None:
        return _compare_dates(one.date, other.date)
    if one.dimension != other.dimension or (one.date is None) != (other.date is None):
        return "other"
    if (one.low, one.high, one.bound) == (other.low, other.high, other.bound):
        return "equal"
    return "contradict" if _apart(one, other) or _apart(other, one) else "compatible"


def _compare_dates(
    one: tuple[int | None, int | None, int | None], other: tuple[int | None, int | None, int | None]
) -> Comparison:
    if one == other:
        return "equal"
    known = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if None not in (mine, theirs)]
    if not known:
        return "other"
    return "compatible" if all(mine == theirs for mine, theirs in known) else "contradict"


def _apart(one: Value, other: Value) -> bool:
    """Tell whether all of `one` lies below all of `other`."""
    if one.bound in (">", ">=") or other.bound in ("<", "<="):
        return False
    strict = one.bound == "<" or other.bound == ">"
    return one.high <= other.low if strict else one.high < other.low


def _dates(text: str) -> Iterator[Value]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            if parts.get("decade"):
                low = Fraction(parts["decade"])
                yield Value(match.start(), match.end(), "decade", low, low + 9)
                continue
            name = (parts.get("month") or "").lower()
            # `may` and `march` are words too: a month must be written with a capital.
            if name and not match["month"][0].isupper():
                continue
            month = MONTHS.get(name) or _whole(parts.get("number"))
            yield Value(
                match.start(), match.end(), "date", date=(_whole(parts.get("year")), month, _whole(parts.get("day")))
            )


def _whole(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _shares(text: str) -> Iterator[Value]:
    for match in _SHARE.finditer(text):
        share = SHARES[match.group().lower().replace("-", " ")] * 100
        yield Value(match.start(), match.end(), "percent", share, share, _bound(text, match.start())[0])


def _amounts(text: str) -> Iterator[Value]:
    for match in _NUMBER.finditer(text):
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        scale = 1
        for word in re.findall(r"[a-z]+", match["scales"].lower()):
            scale *= MAGNITUDES[word]
        low, high = _numbers(match, scale)
        if high < low:  # a score, 3-1, is two numbers
            yield Value(match.start("digits"), match.end("digits"), "number", low, low)
            yield Value(match.start("upper"), match.end("upper"), "number", high, high)
            continue
        bound, start = _bound(text, start)
        dimension, factor, noun, end = _dimension(text, match, scale)
        if dimension == "number" and match.group().strip().lower() == "one":
            continue  # a pronoun
        yield Value(start, end, dimension, low * factor, high * factor, bound, noun)


def _numbers(match: re.Match[str], scale: int) -> tuple[Fraction, Fraction]:
    if match["words"]:
        spelt = match["words"].lower()
        number = Fraction(1 if spelt == "a" else _spelt(spelt)) * scale
        return number, number
    low = _plain(match["digits"]) * scale
    high = _plain(match["upper"]) * scale if match["upper"] else low
    return low, high


def _plain(digits: str) -> Fraction:
    """Return the number: a comma before one or two last digits is a decimal one (12,5), others part thousands."""
    if re.fullmatch(_CONTINENTAL, digits):
        digits = digits.replace(".", "")
    return Fraction(re.sub(r"[^\d.]", "", re.sub(r",(?=\d{1,2}$)", ".", digits)))


def _spelt(words: str) -> int:
    return sum(SMALL.get(word, TENS.get(word, 0)) for word in re.split(r"[-\s]", words))


def _bound(text: str, start: int) -> tuple[Bound, int]:
    """Return the bound that the words before a number set, and where these words start."""
    before = text[max(0, start - 30) : start]
    match = _BOUND.search(before)
    if match is None:
        return "=", start
    return BOUNDS[int((match.lastgroup or "b0")[1:])][1], start - len(before) + match.start()


def _dimension(text: str, match: re.Match[str], scale: int) -> tuple[str, Fraction, str, int]:
    """Return dimension, factor to its unit, counted noun and end of a number."""
    if match["currency"]:
        return CURRENCIES[match["currency"].lower()], Fraction(1), "", match.end()
    after = _AFTER.match(text[match.end() :])
    if after is None:
        return "number", Fraction(1), "", match.end()
    end, words = match.end() + after.end(), after.group().strip(" -\t\n").lower()
    following = text[match.end() :].lstrip(" -\u00a0")
    if POINTS.match(following):
        return "points", Fraction(1), "", end
    if percent := PERCENT.match(following):
        return "percent", Fraction(1), "", len(text) - len(following) + percent.end()
    if after.start("word") == 0 and words in ("st", "nd", "rd", "th"):
        return "ordinal", Fraction(1), "", end
    word = _singular("dollar" if words.startswith("us dollar") else words)
    if word in CURRENCIES or (word == "pound" and scale > 1):
        return CURRENCIES.get(word, "gbp"), Fraction(1), "", end
    if after["sign"] == "°":
        return "degree", Fraction(1), "", end
    if word in ("square", "sq", "cubic") and (unit := _AFTER.match(text[end:])) and unit["word"]:
        return f"{word[:2]} {_singular(unit['word'].lower())}", Fraction(1), "", end + unit.end()
    if word in UNITS:
        return *UNITS[word], "", end
    if word in _NOT_A_NOUN or not after["word"]:
        return "number", Fraction(1), "", match.end()
    return "count", Fraction(1), word, match.end()


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
