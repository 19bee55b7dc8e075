"""Reads the quantities of a text: amounts with sign, unit, bound and counted noun; dates; clock times.

A quantity is a private, normalised copy: `$3.2 million`, `3.2 million dollars` and `3,200,000 dollars` are one, and so
are `29 March 2012` and `2012-03-29`; 5 % and 6 %, 5 °C and -5 °C, 5 mg and 5 µg are two. Units of one system are
converted. Numbers are kept as fractions, so that no rounding makes two of them equal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from rag.answering.values.number_words import SCALES, spelt_numbers
from rag.answering.values.times import DateParts, clock_times, dates, decades
from rag.answering.values.units import AREAS, CURRENCIES, PER_NAMES, POWERS_AFTER, UNIT_NAMES, singulars, unit_of
from rag.core.text.stopwords import STOPWORDS, foreign_stopwords

Bound = Literal["=", "<", "<=", ">", ">="]

PERCENT = re.compile(r"(?:%|per\s?cent\b(?!age)|percent\b(?!age)|pct\b|prozent\b|pour ?cent\b|por ciento\b)", re.I)
PER_MILLE = re.compile(r"(?:‰|per mille?\b|promille\b|pour mille\b|por mil\b)", re.I)
POINTS = re.compile(r"percentage[ -]points?\b|prozentpunkte?n?\b|points? de pourcentage|puntos porcentuales", re.I)
BASIS_POINTS = re.compile(r"basis[ -]points?\b|basispunkte?n?\b|points? de base|puntos básicos", re.I)
SHARES = {
    "half": Fraction(1, 2), "a third": Fraction(1, 3), "one third": Fraction(1, 3), "two thirds": Fraction(2, 3),
    "a quarter": Fraction(1, 4), "one quarter": Fraction(1, 4), "three quarters": Fraction(3, 4),
    "a fifth": Fraction(1, 5), "one fifth": Fraction(1, 5),
}  # fmt: skip
BOUNDS: tuple[tuple[str, Bound], ...] = (
    (r"(?:no|not) more than|(?:not|n['’]t) exceed(?:ing)?|at (?:the )?most|up to|a maximum(?: \w+)? of|maximum"
     r"|as much as|as many as|höchstens|maximal|bis zu|au (?:plus|maximum)|jusqu['’]à|como máximo|hasta"
     r"|nicht mehr als", "<="),
    (r"no (?:less|fewer) than|not less than|at least|a minimum(?: \w+)? of|minimum|mindestens|minimal|wenigstens"
     r"|au (?:moins|minimum)|al menos|como mínimo|por lo menos", ">="),
    (r"(?:more|greater|higher|longer|larger|heavier|older) than|over|above|exceed(?:s|ed|ing)?|in excess of|upwards of"
     r"|mehr als|über|plus d[e'’]|más de", ">"),
    (r"(?:less|fewer|lower|shorter|smaller|younger) than|under|below|nearly|almost|just short of|weniger als|unter"
     r"|knapp|moins d[e'’]|menos de|casi|presque", "<"),
)  # fmt: skip
BOUNDS_AFTER: tuple[tuple[str, Bound], ...] = (
    (r"or (?:less|fewer|under|younger|below)|at (?:the )?most|maximum|oder weniger|ou moins|o menos|como máximo", "<="),
    (r"or (?:more|over|older|above|longer)|and (?:over|above)|at least|minimum|oder mehr|ou plus|o más"
     r"|como mínimo", ">="),
)  # fmt: skip

_GROUPED = r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?!\d)"  # 1.234,50
_CONTINENTAL = r"\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)"
_DIGITS = (
    rf"{_CONTINENTAL}|\d{{1,3}}(?: \d{{3}}){{2,}}(?!\d)|\d{{1,3}}(?:\.\d{{3}}){{2,}}(?![.,]?\d)|"
    rf"\d{{1,3}}(?:[,\u00a0\u202f]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+|,\d{{1,2}}(?!\d))?"
)
_SCALE = "|".join(sorted(SCALES.keys() - {"cent", "cents"}, key=len, reverse=True))
_SPACED = rf"(?<!\d )[1-9]\d{{0,2}} \d{{3}}(?![ ]?\d)(?:,\d+)?|{_DIGITS}"  # 1 500, as French has it
_MINUS = r"\b(?<!\bau )(?<!\bal )(?<!\blo )(?:minus|negative|moins|menos)\s+"  # not `au moins`, at least
_SIGN = rf"(?:(?<![\w)\]%°$£€.,])[-−–](?=\s?[$£€\d])|{_MINUS}(?=[$£€\d]))"


def _number_pattern(digits: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<between>\b(?:between|zwischen|entre)\s+)?(?P<of>\bde\s+)?(?P<sign>{_SIGN})?\s?"
        rf"(?P<currency>US\$|A\$|C\$|[$€£¥₹])?\s?(?P<inner>(?<=[$€£])[-−])?(?<![\w.])(?<![^\W\d_]-)"
        rf"(?P<digits>{digits})(?:(?:\s?[-–]\s?|\s+(?:to|bis|à)\s+|(?(of)\s+a\s+|(?!))|(?(between)\s+(?:and|und|et|y)\s+|(?!)))"
        rf"(?P<minus>[-−](?=\d))?[$€£]?(?P<upper>{digits}))?"
        rf"(?P<scales>(?:[\s\u00a0-]?(?:{_SCALE})\b\.?|(?<=\d)[mkb](?![^\W_]))*)",
        re.IGNORECASE,
    )


_NUMBER, _SPACED_NUMBER = _number_pattern(_DIGITS), _number_pattern(_SPACED)
_LINK = re.compile(r"\s+(?:d['’]|de\s+)", re.IGNORECASE)
"""Between a number of millions and its noun: `2 millions d'euros`, `3 millones de euros`."""
_SHARE = re.compile(rf"\b(?:{'|'.join(SHARES).replace(' ', '[ -]')})\b(?=\s+(?:of|the|its|their|his|her|all)\b)", re.I)
_BOUND = re.compile("|".join(rf"(?P<b{i}>\b(?:{words})\s*$)" for i, (words, _) in enumerate(BOUNDS)), re.I)
_BOUND_AFTER = re.compile(
    r"(?:[\s-]+[^\W\d_]+){0,2}?,?\s+(?:" + "|".join(rf"(?P<a{i}>{words})" for i, (words, _) in enumerate(BOUNDS_AFTER))
    + r")\b(?!\s+(?:\d|of\b))", re.I,
)  # fmt: skip
_UNIT = re.compile(
    r"[\s\u00a0\u202f-]?(?P<word>°\s?[CF]\b|(?i:(?:degrees?|grad|degrés?|grados?)\s+(?:celsius|centígrados?|fahrenheit))\b"
    r"|[%‰€£$¥°²³]|US dollars?|nautical miles?|[^\W\d_]+/[sh]\b|[kc]?m[²³]"
    r"|[kc]?m[23]\b|(?:milli|kilo|mega|giga|tera)?watt[- ]?hours?\b|[^\W\d_]+(?:['’][^\W\d_]+)?)"
)
_DEGREES = re.compile(r"^(?:degrees?|grad|degrés?|grados?)\s+", re.IGNORECASE)
_PER = re.compile(
    r"\s*(?:/\s?|\b(?:per|pro|par|por|je|an?|each|every|la|le|al|die)\s+)(?P<word>[^\W\d_]+)\b", re.IGNORECASE
)
_PER_ANY = re.compile(r"\s*(?:/\s?|\b(?:per|pro)\s+)(?P<word>[^\W\d_]{3,})\b", re.IGNORECASE)
_ADVERB_PER = re.compile(r"\s+(?P<word>annual|annually|yearly|monthly|weekly|daily|hourly|nightly)\b", re.I)
_ADVERBS = {"annual": "year", "annually": "year", "yearly": "year", "monthly": "month", "weekly": "week",
            "daily": "day", "hourly": "hour", "nightly": "night"}  # fmt: skip
_BELOW_ZERO = re.compile(r"\s+(?:below (?:zero|freezing)|unter null|(?:au-dessous de|sous) zéro|bajo cero)\b", re.I)
_NOUN = re.compile(r"\s+([^\W\d_]+(?:-[^\W\d_]+)*)")
_NOT_A_NOUN = frozenset(
    "a an the of in on at to from for by and or but with as per than that which who is are was were has had have will"
    " would can could may might it its he she they this these those there more less fewer after before since until"
    " during each every also not when while if so about high long wide tall deep old away apart"
    " und oder der die das den dem im in am von zu mit auf für pro ist sind war waren hat haben als wurde wurden"
    " et ou le la les de des du en au aux dans pour par est sont a ont été"
    " y o el los las del en por para con es son fue fueron ha han".split()
)


_SPACE_GROUP = re.compile(r"\d \d{3}")
_MANY_GROUPS = r"\d{1,3}(?:\.\d{3}){2,}"


@dataclass(frozen=True)
class Quantity:
    """One quantity of a text at `start:end`: `low` to `high` of a `dimension`, or a date.

    `dimension` is a currency, `percent`, a unit's dimension, `date`, `decade`, `clock` (minutes after midnight),
    `count` of the noun that follows, or `number`. `noun` names the counted thing or the unit that an
    amount is paid for (`per night`), or is `either` for a clock time that may be twelve hours later. A date has `date`
    = (year, month, day).
    """

    start: int
    end: int
    dimension: str
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    bound: Bound = "="
    noun: str = ""
    date: DateParts | None = None


@lru_cache(maxsize=4_096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a text in order; they do not overlap.

    >>> [(item.dimension, int(item.low)) for item in quantities("It rose 5 % to $3.2 million.")]
    [('percent', 5), ('usd', 3200000)]
    """
    items: list[Quantity] = []
    for item in (*_clocks(text), *_dates(text), *_shares(text), *_amounts(text)):
        if not any(other.start < item.end and item.start < other.end for other in items):
            items.append(item)
    return tuple(sorted(items, key=lambda item: item.start))


def _clocks(text: str) -> Iterator[Quantity]:
    for start, end, minutes, either in clock_times(text):
        yield Quantity(start, end, "clock", Fraction(minutes), Fraction(minutes), noun="either" if either else "")


def _dates(text: str) -> Iterator[Quantity]:
    for start, end, year in decades(text):
        yield Quantity(start, end, "decade", Fraction(year), Fraction(year + 9))
    for start, end, parts in dates(text):
        yield Quantity(start, end, "date", date=parts)


def _shares(text: str) -> Iterator[Quantity]:
    for match in _SHARE.finditer(text):
        share = SHARES[match.group().lower().replace("-", " ")] * 100
        yield Quantity(match.start(), match.end(), "percent", share, share, _bound(text, match.start())[0])


def _amounts(text: str) -> Iterator[Quantity]:
    """Yield the amounts in digits, then those in words."""
    continental = re.search(r"\d\.\d{3}(?!\d)", text) is not None and _is_continental(text)
    covered: list[tuple[int, int]] = []
    pattern = _SPACED_NUMBER if _SPACE_GROUP.search(text) and _is_continental(text) else _NUMBER
    for match in pattern.finditer(text):
        covered.append(match.span())
        yield from _in_digits(text, match, continental)
    for start, end, number in spelt_numbers(text):
        if any(low < end and start < high for low, high in covered):
            continue
        signed = re.search(rf"{_MINUS}$", text[:start], re.IGNORECASE)
        value = Fraction(-number if signed else number)
        item = _measured(text, signed.start() if signed else start, end, (value, value), "", number >= 100)
        if item.dimension != "number" or text[start:end].strip().lower() not in ("one", "un", "une", "uno", "una"):
            yield item


def _in_digits(text: str, match: re.Match[str], continental: bool) -> Iterator[Quantity]:
    start = match.end("of") if match["of"] else match.start()  # a bound such as `más de` keeps its last word
    start += len(text[start : match.end()]) - len(text[start : match.end()].lstrip())
    letters, scale = match["scales"], 1
    is_money = bool(match["currency"]) or _is_money(text, match.end())
    end = match.end()
    if re.fullmatch(r"[mkb]", letters, re.I) and not (is_money or letters in "kK"):
        letters, end = "", match.start("scales")  # 5m is a length
    for word in re.findall(r"[^\W\d_]+", letters.lower()):
        scale *= SCALES.get(word) or {"m": 10**6, "k": 10**3, "b": 10**9}[word]
    low = _plain(match["digits"], continental) * scale * (-1 if match["sign"] or match["inner"] else 1)
    high = low if not match["upper"] else _plain(match["upper"], continental) * scale * (-1 if match["minus"] else 1)
    if high < low and (match["sign"] or match["minus"]):
        low, high = high, low
    if high < low:  # a score, 3-1, is two numbers
        yield Quantity(match.start("digits"), match.end("digits"), "number", low, low)
        yield _measured(text, match.start("upper"), end, (high, high), "", scale > 1)
        return
    currency = CURRENCIES[match["currency"].lower()] if match["currency"] else ""
    yield _measured(text, start, end, (low, high), currency, scale > 1)


def _is_money(text: str, end: int) -> bool:
    following = _UNIT.match(text, _after_link(text, end))
    return following is not None and _currency(following["word"], scaled=True) is not None


def _plain(digits: str, continental: bool) -> Fraction:
    """Return the number: a comma before one or two last digits is a decimal one (12,5), others part thousands."""
    if re.fullmatch(rf"{_CONTINENTAL}|{_MANY_GROUPS}", digits) or (continental and re.fullmatch(_GROUPED, digits)):
        digits = digits.replace(".", "")
    return Fraction(re.sub(r"[^\d.]", "", re.sub(r",(?=\d{1,2}$)", ".", digits)))


@lru_cache(maxsize=1_024)
def _is_continental(text: str) -> bool:
    """Tell whether a text with `1.234` is in a language that writes thousands so."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    foreign = foreign_stopwords(words)
    return bool(foreign) and len(foreign) > len(set(words) & STOPWORDS - foreign)


def _measured(
    text: str, start: int, end: int, numbers: tuple[Fraction, Fraction], currency: str, scaled: bool
) -> Quantity:
    """Return the quantity of a number at `start:end` with bound, unit, rate and counted noun."""
    bound, start = _bound(text, start)
    dimension, factor, noun, end = (currency, Fraction(1), "", end) if currency else _dimension(text, end, scaled)
    low, high = numbers[0] * factor, numbers[1] * factor
    if below := _BELOW_ZERO.match(text, end):
        low, high, end = -high, -low, below.end()
    if dimension not in ("number", "count", "ordinal", "percent"):
        noun, end = _rate(text, end)
    if bound == "=" and (after := _BOUND_AFTER.match(text, end)) and "," not in text[end : after.start("a0")]:
        bound = BOUNDS_AFTER[int((after.lastgroup or "a0")[1:])][1]
    return Quantity(start, end, dimension, low, high, bound, noun)


def _bound(text: str, start: int) -> tuple[Bound, int]:
    """Return the bound that the words before a number set, and the start of these words."""
    before = text[max(0, start - 30) : start]
    match = _BOUND.search(before)
    if match is None:
        return "=", start
    return BOUNDS[int((match.lastgroup or "b0")[1:])][1], start - len(before) + match.start()


def _rate(text: str, end: int) -> tuple[str, int]:
    """Return the unit of a rate (`night`, `person`), empty if there is none, and the end of its words."""
    if (match := _PER.match(text, end)) and (
        per := next((PER_NAMES[form] for form in singulars(match["word"].lower()) if form in PER_NAMES), None)
    ):
        return per, match.end()
    if (match := _PER_ANY.match(text, end)) and match["word"].lower() not in _NOT_A_NOUN:
        return singulars(match["word"].lower())[-1], match.end()
    if match := _ADVERB_PER.match(text, end):
        return _ADVERBS[match["word"].lower()], match.end()
    return "", end


def _dimension(text: str, end: int, scaled: bool) -> tuple[str, Fraction, str, int]:
    """Return dimension, factor to its unit, counted noun and end of a number that ends at `end`."""
    following = text[end:].lstrip(" -\u00a0\u202f")
    offset = len(text) - len(following)
    for pattern, dimension, factor in (
        (BASIS_POINTS, "points", 100),
        (POINTS, "points", 1),
        (PERCENT, "percent", 1),
        (PER_MILLE, "percent", 10),
    ):
        if match := pattern.match(following):
            return dimension, Fraction(1, factor), "", offset + match.end()
    linked = _after_link(text, end) if scaled else end
    unit = _UNIT.match(text, linked)
    if unit is None:
        return "number", Fraction(1), "", end
    word = unit["word"]
    if unit.start("word") == end and word.lower() in ("st", "nd", "rd", "th", "er"):
        return "ordinal", Fraction(1), "", unit.end()
    if money := _currency(word, scaled):
        return money, Fraction(1), "", unit.end()
    if word.lower() in AREAS and (side := _UNIT.match(text, unit.end())) and (measure := unit_of(side["word"])):
        power = 3 if word.lower() == "cubic" else 2
        name = "cubic" if power == 3 else "square"
        return f"{name} {measure[0]}", measure[1] ** power, "", side.end()
    if measure := _known_unit(word, unit.start("word") == end):
        return _with_power(text, measure, unit.end())
    if word.lower() in _NOT_A_NOUN or not word[0].isalpha():
        return "number", Fraction(1), "", end
    return "count", Fraction(1), _counted_noun(text, linked, word), end


def _with_power(text: str, measure: tuple[str, Fraction], end: int) -> tuple[str, Fraction, str, int]:
    """Return a unit and its end; a word behind a length may make it an area or a volume."""
    word = _NOUN.match(text, end)
    power = POWERS_AFTER.get(word[1].lower()) if word else None
    if word is None or power is None or measure[0] not in ("metre", "foot", "inch", "yard", "mile"):
        return *measure, "", end
    return f"{'cubic' if power == 3 else 'square'} {measure[0]}", measure[1] ** power, "", word.end()


def _after_link(text: str, end: int) -> int:
    link = _LINK.match(text, end)
    return link.end() if link else end


def _known_unit(word: str, adjacent: bool) -> tuple[str, Fraction] | None:
    """Return a unit; a single letter is one only if it is written as its symbol, `a` only at the number."""
    word = re.sub(r"\s+", "", word) if word.startswith("°") else _DEGREES.sub("", word)
    if len(word) == 1 and word not in "mglLWJVANsthB°" and not adjacent:
        return None
    normal = re.sub(r"(watt)[- ]?hours?$", r"\1-hour", word.lower())
    return (UNIT_NAMES.get(normal) if normal != word.lower() else None) or unit_of(word)


def _currency(word: str, scaled: bool) -> str | None:
    lowered = "dollar" if word.lower().startswith("us dollar") else word.lower()
    if lowered in ("pound", "pounds") and scaled:
        return "gbp"
    return next((CURRENCIES[form] for form in (lowered, *singulars(lowered)) if form in CURRENCIES), None)


def _counted_noun(text: str, end: int, first: str) -> str:
    """Return the noun that is counted: the first plural of the next three words, else the next word."""
    position = end
    for _ in range(3):
        match = _NOUN.match(text, position) or re.compile(r"-([^\W\d_]+)").match(text, position)
        if match is None or match[1].lower() in _NOT_A_NOUN:
            break
        if match[1].lower().endswith("s") and not match[1].lower().endswith("ss"):
            return match[1].lower()
        position = match.end()
    return first.lower()
