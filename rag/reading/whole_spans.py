"""Makes the span that a reader model chose a whole thing: whole words, balanced brackets, a number with its unit.

All functions take a text and a range of it and return a range that stays inside the bounds given.
"""

import re

Range = tuple[int, int]

MAX_BRACKET_CHARACTERS = 80
"""Most characters that are added to reach the other bracket or quotation mark."""
_BRACKETS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "„": "“", "‹": "›", "「": "」", "『": "』", "（": "）"}
_QUOTES = '"`'
_JOINING = "-_.'’@#+&/\\~$:*=%"
"""Marks that hold a word together when letters or figures stand on both sides, as in `add-on`, `a.b`, `n's`."""
_SPACED_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff]")
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|ninety|hundred|half"
    "|once|twice"
)
_NUMBER_START = re.compile(rf"[$€£¥]?\s?\d|(?:{_NUMBER_WORDS})\b", re.IGNORECASE)
_BOUND = re.compile(
    r"(?:\b(?:up to|at least|at most|no more than|not more than|no less than|not less than|no fewer than"
    r"|no later than|no longer than|no larger than|no shorter than|less than|fewer than|more than|greater than"
    r"|older than|a maximum of|a minimum of|not exceeding|within"
    r"|around|about|approximately|roughly)|[<>≤≥±~]=?|[$€£¥])[ \t]*\n?[ \t]*$",
    re.IGNORECASE,
)
_UNIT_WORDS = (
    r"percent|per cent|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|decades?|centur(?:y|ies)"
    r"|times|bits?|bytes?|[kKMGT]i?B|[kMG]bit/s|[kMG]bps|[kMG]?Hz|dB|ms|µs|us|ns|mm|cm|km/h|km²?|m²?|m³|kg|mg|g|kN|kW|MW"
    r"|V|mph|met(?:er|re)s?|kilomet(?:er|re)s?|miles?|feet|foot|ft|inch(?:es)?|yards?|acres?|hectares?|lit(?:er|re)s?"
    r"|gallons?|tons?|tonnes?|pounds?|ounces?|degrees?|dollars?|euros?|cents?|USD|EUR|GBP|hundred|thousand|million"
    r"|billion|trillion|knots?|people|characters?"
)
_UNIT = re.compile(rf"[ \u00a0\u202f-]?(?:%|‰|°\s?[CFK]?\b|º|(?:{_UNIT_WORDS})\b)(?!-)")
_RATE = re.compile(
    r"[ \t]*\n?[ \t]*(?:per|each|every|in every)\s+(?:[\w-]+\s+){0,2}?[\w-]+(?=\s*[^\w\s]|\s*$|\s+[a-z]{1,4}\b)"
)
_PERIOD = re.compile(
    r"[ \t]*\n?[ \t]*(?:per|a|an|each|every|of (?:the|each|every))\s+(?:(?:calendar|pay|leave|fiscal|business)\s+)?"
    r"(?:second|minute|hour|day|week|month|quarter|year|period|person|user|unit|page)\b"
)
_FRACTION_END = re.compile(r"(?<![\d/.])\d+/\d+\Z")
_WHOLE_OF = re.compile(
    r"[ \t]*\n?[ \t]*of(?:\s+[\w-]+){1,3}?(?=\s*[^\w\s]|\s*$|\s+(?:by|in|for|at|on|to|is|are|was|were|and|or)\b)"
)
"""What a fraction is a part of."""
_PARENTHESIS = re.compile(r"\s\(\d[^()\n]{0,20}\)")
_DIGIT_END = re.compile(r"\d\Z")
_YEAR = re.compile(r"(?<![\d.,$€£])[12]\d{3}\Z")
_TIMES_END = re.compile(r"\b(?:once|twice|times)\Z", re.IGNORECASE)
_MEASURE = re.compile(rf"(?:\d|%|\b(?:once|twice|times|{_NUMBER_WORDS}|(?:\w*day)|{_UNIT_WORDS}))\)?\Z", re.IGNORECASE)


def whole_span(text: str, start: int, end: int, low: int, high: int) -> Range:
    """Return the range as a whole thing, inside the bounds `low:high`.

    >>> text = "Give address(es) of up to 8 boats"
    >>> [text[slice(*whole_span(text, start, end, 0, len(text)))] for start, end in ((13, 15), (26, 27))]
    ['address(es)', 'up to 8']
    """
    start, end = _whole_words(text, start, end, low, high)
    start, end = _whole_number(text, start, end, low, high)
    return _balanced(text, start, end, low, high)


def _whole_words(text: str, start: int, end: int, low: int, high: int) -> Range:
    while start > low and _inside_word(text, start):
        start -= 1
    while end < high and _inside_word(text, end):
        end += 1
    return start, end


def _inside_word(text: str, at: int) -> bool:
    """Tell whether an offset lies inside a word, as that before `s` in `add-on's` or `address(es)`."""
    before, after = text[at - 1], text[at : at + 1]
    if not after or before.isspace() or after.isspace():
        return False
    if before.isalnum() and after.isalnum():
        return not (_SPACED_SCRIPT.match(before) and _SPACED_SCRIPT.match(after))
    far_before, far_after = text[at - 2 : at - 1], text[at + 1 : at + 2]
    if before.isalnum() and after in _JOINING:
        return far_after.isalnum() or (after in "+#" and not far_after.isspace())
    if before in _JOINING and after.isalnum():
        return far_before.isalnum() or before in "$#@\\%~" or (before in "-/" and far_before in ("-", "/"))
    if before == after and before in "+-/":
        return True
    if before.isalpha() and after == "(":
        return far_after.isalpha() and _closes_at(text, at) is not None
    if after.isalpha() and before == "(":
        return far_before.isalpha()
    return before.isalpha() and after == ")" and _opens_word(text, at)


def _closes_at(text: str, opening: int) -> int | None:
    close = text.find(")", opening, opening + 12)
    return close if close > 0 and text[opening + 1 : close].isalpha() else None


def _opens_word(text: str, closing: int) -> bool:
    opening = text.rfind("(", max(0, closing - 12), closing)
    return opening > 0 and text[opening - 1].isalpha() and text[opening + 1 : closing].isalpha()


def _whole_number(text: str, start: int, end: int, low: int, high: int) -> Range:
    """Return the range with the bound before a number, the unit behind it and its period or rate."""
    if _DIGIT_END.search(text[start:end]):
        unit = _UNIT.match(text, end, high)
        end = unit.end() if unit else end
        whole = _WHOLE_OF.match(text, end, high) if _FRACTION_END.search(text[start:end]) else None
        end = whole.end() if whole else end
    for pattern in (_PARENTHESIS, _PERIOD, _RATE if _TIMES_END.search(text[start:end]) else _PERIOD):
        more = pattern.match(text, end, high) if _is_measure(text[start:end]) else None
        end = more.end() if more else end
    if _NUMBER_START.match(text, start):
        bound = _BOUND.search(text[max(low, start - 40) : start])
        start = max(low, start - 40) + bound.start() if bound else start
    return start, end


def _is_measure(words: str) -> bool:
    return bool(_MEASURE.search(words)) and not _YEAR.search(words)


def _balanced(text: str, start: int, end: int, low: int, high: int) -> Range:
    """Return the range with the other bracket of each one in it; a bracket at an edge is left out instead."""
    for _ in range(4):
        lone = _lone_mark(text, start, end)
        if lone is None:
            break
        at, closing = lone
        if at in (start, end - 1):
            start, end = _without(text, start, end, at)
        elif text[at] in _OPENING:
            before = text.rfind(_OPENING[text[at]], max(low, start - MAX_BRACKET_CHARACTERS), start)
            start, end = (before, end) if before >= 0 else _without(text, start, end, at)
        else:
            after = text.find(closing, end, min(high, end + MAX_BRACKET_CHARACTERS))
            start, end = (start, after + 1) if after >= 0 and at > start else _without(text, start, end, at)
    while end - start > 1 and text[end - 1].isspace():
        end -= 1
    while end - start > 1 and text[start].isspace():
        start += 1
    return start, end


_OPENING = {close: opening for opening, close in _BRACKETS.items() if close not in _BRACKETS}


def _lone_mark(text: str, start: int, end: int) -> tuple[int, str] | None:
    """Return the offset of a bracket without its partner, and the mark that closes it (itself if it closes)."""
    opened: list[tuple[int, str]] = []
    for at in range(start, end):
        mark = text[at]
        if opened and mark == opened[-1][1]:
            opened.pop()
        elif mark in _BRACKETS:
            opened.append((at, _BRACKETS[mark]))
        elif mark in _OPENING:
            return at, mark
        elif mark in _QUOTES and not text[at - 1 : at].isdigit():
            opened.append((at, mark))
    return opened[-1] if opened else None


def _without(text: str, start: int, end: int, at: int) -> Range:
    """Return the longer part of a range before or after a lone mark."""
    before, after = (start, at), (at + 1, end)
    longer = before if len(text[slice(*before)].strip()) >= len(text[slice(*after)].strip()) else after
    return longer if longer[0] < longer[1] else (start, end)
