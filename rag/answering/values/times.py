"""Reads dates, decades and clock times of a text, in English, German, French and Spanish."""

import re
from collections.abc import Iterator

DateParts = tuple[int | None, int | None, int | None]
HALF_DAY, DAY = 720, 1_440
"""Minutes."""

_MONTH_NAMES = (
    "january jan januar janvier enero", "february feb februar février febrero", "march mar märz mars marzo",
    "april apr avril abril", "may mai mayo", "june jun juni juin junio", "july jul juli juillet julio",
    "august aug août agosto", "september sept sep septembre septiembre", "october oct oktober octobre octubre",
    "november nov novembre noviembre", "december dec dezember décembre diciembre",
)  # fmt: skip
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}
ALSO_WORDS = frozenset(("may", "march", "mar", "august", "mars", "jan", "sep", "dec"))
"""Names of months that are words too: they count only with a capital, or between a day and a year."""
_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>1\d{3}|20\d{2})-(?P<number>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b",
        r"\b(?P<day>0?[1-9]|[12]\d|3[01])\.(?P<number>0?[1-9]|1[0-2])\.(?P<year>1\d{3}|20\d{2})\b",
        rf"\b(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th|er|\.)?\s+(?:of\s+|de\s+)?{_MONTH}(?:,?\s+(?:de\s+)?{_YEAR}\b)?",
        rf"\b{_MONTH}\s+(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\b(?![,.:]?\d)(?!\s*[ap]\.?m\b)"
        rf"(?!\s?(?:[kmcµ]?[mgl]|[kMG]?W|percent|per cent|euros?|dollars?|people)\b|\s?[%°])(?:,?\s+{_YEAR}\b)?",
        rf"\b{_MONTH}(?:\s+(?:of|de))?,?\s+{_YEAR}\b",
        r"\b(?P<decade>(?:1\d|20)\d0)s\b",
        rf"(?<![\d.,$£€¥#-]){_YEAR}(?![\d%]|[.,]\d|-\d|\s*(?:percent|per cent|million|billion|thousand)\b)"
        rf"(?:(?<=\b(?:in|of|by|to) \d{{4}})|(?<=\b(?:the) \d{{4}})|(?<=\b(?:from|year) \d{{4}})"
        rf"|(?<=\bsince \d{{4}})|(?<=\buntil \d{{4}})"
        rf"|(?!\s+(?:people|men|women|children|(?!was|has|its)[a-zäöüéíóú]{{2,}}s)\b)"
        r"(?!\s?(?:[kKmMgGcC]?[mgWBLl]|euros?|Euro|Stück|Personen|°)(?![^\W\d_])))",
    )
]
_DAYTIMES = {
    "am": 0, "morning": 0, "morgens": 0, "vormittags": 0, "matin": 0, "mañana": 0, "pm": HALF_DAY,
    "afternoon": HALF_DAY, "evening": HALF_DAY, "night": HALF_DAY, "abends": HALF_DAY, "nachmittags": HALF_DAY,
    "après-midi": HALF_DAY, "soir": HALF_DAY, "tarde": HALF_DAY, "noche": HALF_DAY,
}  # fmt: skip
_DAYTIME = (
    r"(?:\s*(?P<half>[ap])\.?m\b\.?|\s+(?:in the|in the early|at|du|de la|de l['’]|des)?\s*"
    r"(?P<word>morning|afternoon|evening|night|morgens|vormittags|nachmittags|abends|matin|après-midi|soir|mañana"
    r"|tarde|noche)\b)"
)
_HOURS = {word: i for i, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)}
_HOUR = rf"(?P<hour>\d{{1,2}}|{'|'.join(_HOURS)})"
_CLOCKS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?P<before>half past|quarter past|quarter to)\s+{_HOUR}\b(?:\s+o['’]clock)?{_DAYTIME}?",
        rf"(?<![\d.,:]){_HOUR}(?:[:.](?P<minute>[0-5]\d))?{_DAYTIME}",
        rf"\b(?P<twelve>){_HOUR}\s+o['’]clock\b{_DAYTIME}?",
        rf"(?<![\d.,:])(?P<hour>\d{{1,2}})(?:[:.](?P<minute>[0-5]\d))?\s+Uhr\b(?:\s+(?P<after>[0-5]?\d)\b)?{_DAYTIME}?",
        rf"(?<![\d.,:])(?P<hour>[01]?\d|2[0-4])\s?h\s?(?P<minute>[0-5]\d)\b{_DAYTIME}?",
        rf"(?<=\bà )(?P<hour>[01]?\d|2[0-4])\s?(?:h|heures?)\b{_DAYTIME}?",
        rf"(?<=\bde )(?P<hour>[01]?\d|2[0-4])\s?h\b{_DAYTIME}?",
        rf"(?<=\blas )(?P<hour>[01]?\d|2[0-4])(?::(?P<minute>[0-5]\d))?(?!\d){_DAYTIME}?",
        rf"(?<![\d.,:])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\d:]){_DAYTIME}?",
        r"\b(?P<named>noon|midday|midnight|mittags?|mitternacht|midi|minuit|mediodía|medianoche)\b",
    )
]
_NAMED = frozenset(("midnight", "mitternacht", "minuit", "medianoche"))


def dates(text: str) -> Iterator[tuple[int, int, DateParts]]:
    """Yield (start, end, (year, month, day)) of each date, with None for an unknown part. Longer patterns first."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            if parts.get("decade"):
                continue
            name = (parts.get("month") or "").lower()
            is_word = name in ALSO_WORDS and not match["month"][0].isupper()
            if is_word and not (parts.get("day") and (parts.get("year") or name == "mars")):
                continue
            month = MONTHS.get(name) or _whole(parts.get("number"))
            yield match.start(), match.end(), (_whole(parts.get("year")), month, _whole(parts.get("day")))


def decades(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, first year) of each decade, such as `1990s`."""
    for match in _DATES[5].finditer(text):
        yield match.start(), match.end(), int(match["decade"])


def clock_times(text: str) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (start, end, minutes after midnight, whether it may be twelve hours later) of each time of day.

    >>> [(minutes, either) for _, _, minutes, either in clock_times("from 9 am to 17:30; at nine o'clock")]
    [(540, False), (1050, False), (540, True)]
    """
    covered: list[tuple[int, int]] = []
    for pattern in _CLOCKS:
        for match in pattern.finditer(text):
            minutes = _minutes(match)
            if minutes is None or any(low < match.end() and match.start() < high for low, high in covered):
                continue
            covered.append(match.span())
            yield match.start(), match.end(), *minutes


def _minutes(match: re.Match[str]) -> tuple[int, bool] | None:
    parts = match.groupdict()
    if parts.get("named"):
        return (0 if parts["named"].lower() in _NAMED else HALF_DAY), False
    written = parts["hour"].lower()
    hour = _HOURS[written] if written in _HOURS else int(written)
    minutes = hour * 60 + int(parts.get("minute") or parts.get("after") or 0)
    minutes += {"half past": 30, "quarter past": 15, "quarter to": -15}.get((parts.get("before") or "").lower(), 0)
    daytime = f"{parts['half'].lower()}m" if parts.get("half") else (parts.get("word") or "").lower()
    if minutes > DAY or (daytime in ("am", "pm") and not 1 <= hour <= 12):
        return None
    if daytime:
        after_noon = _DAYTIMES[daytime] == HALF_DAY
        return (minutes % HALF_DAY + (HALF_DAY if after_noon else 0) if hour <= 12 else minutes), False
    either = "twelve" in parts or bool(parts.get("before"))
    return minutes % DAY, either and hour <= 12


def _whole(digits: str | None) -> int | None:
    return int(digits) if digits else None
