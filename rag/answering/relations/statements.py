"""Tells copies of a sentence, such as mirrors and agency copies make, from sentences that only resemble it.

A copy holds the same words in the same order, but for a few that change nothing; figures and names are all the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.answering.values.quantities import Quantity, quantities

MAX_EXTRA_SHARE = 0.25
"""Share of its words that a copy may have beyond the text it copies."""
MIN_STATEMENT_WORDS = 3
"""Words from which on a sentence says enough to be recognised."""
NEGATIONS = frozenset("not no never none neither nor without hardly cannot nobody nothing".split())
CHANGING = NEGATIONS | frozenset(
    "if unless except only may might could would should allegedly reportedly almost nearly barely denied denies deny"
    " false falsely refused failed but although however despite than half more less most least until before"
    " after".split()
)
"""Words that change the claim of a sentence: a text that has one more of these is no copy."""
ARTICLES = frozenset(("a", "an", "the"))
TITLES = frozenset("mr mrs ms dr prof sir dame lord lady".split())
VALUE_MARK = "\ufdd0"
"""First character of a word that stands for a value; no word of a text begins with it."""
_TAIL = re.compile(
    r"[,;][\"'”’]?\s+(?:[\w.'’-]+\s+){1,4}(?:said|says|reported|reports|announced|added)(?:\s+on\s+\w+day)?[.\s]*$"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Statement:
    """A sentence and the range of it that answers, which is all of it if whole sentences are answers."""

    sentence: str
    start: int
    end: int

    @property
    def answer(self) -> str:
        """Return the words that answer."""
        return self.sentence[self.start : self.end]

    @property
    def is_span(self) -> bool:
        """Tell whether the answer is less than its sentence."""
        return self.end - self.start < len(self.sentence.strip())


def same_statement(one: Statement, other: Statement) -> bool:
    """Tell whether one is a copy of the other, also if a copyist left words out at the end or named his source.

    >>> copied = (Statement(text, 0, len(text)) for text in ("It fell 5 %.", "It fell 5 percent, police said."))
    >>> same_statement(*copied)
    True
    """
    if not may_be_copy(one.sentence, other.sentence):
        return False
    if (one.is_span or other.is_span) and words_of(one.answer) != words_of(other.answer):
        return False
    short, long = sorted((words_of(one.sentence), words_of(other.sentence)), key=lambda words: (len(words), words))
    if len(short) < MIN_STATEMENT_WORDS or len(long) - len(short) > MAX_EXTRA_SHARE * len(long):
        return one.sentence == other.sentence
    if names_of(one.sentence) != names_of(other.sentence):
        return False
    extra = _beyond(short, long)
    return extra is not None and not any(word in CHANGING or word[0] == VALUE_MARK or word.isdigit() for word in extra)


def may_be_copy(one: str, other: str) -> bool:
    """Tell at little cost whether `same_statement` could be true of two sentences."""
    mine, theirs = _bag(one), _bag(other)
    shorter, longer = len(mine), len(theirs)
    if shorter > longer:
        shorter, longer = longer, shorter
    return longer <= 2 * shorter + 6 and 2 * len(mine & theirs) >= shorter


@lru_cache(maxsize=16_384)
def _bag(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_TAIL.sub("", text).lower()))


def _beyond(short: Sequence[str], long: Sequence[str]) -> list[str] | None:
    """Return the words of `long` that are not in `short`, None if `short` does not stand in it in order."""
    extra, position = [], 0
    for word in long:
        if position < len(short) and word == short[position]:
            position += 1
        else:
            extra.append(word)
    return extra if position == len(short) else None


@lru_cache(maxsize=4_096)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text with each value as one, without articles, titles and a closing `police said`."""
    body, last = _TAIL.sub("", text), 0
    words: list[str] = []
    for value in quantities(body):
        words += [*_plain_words(body[last : value.start]), _token(value)]
        last = value.end
    return (*words, *_plain_words(body[last:]))


@lru_cache(maxsize=4_096)
def names_of(text: str) -> frozenset[str]:
    """Return the words in capitals, but for the first of the text, which has one in any case."""
    body = _TAIL.sub("", text)
    first = _WORD.search(body)
    return frozenset(
        word[0].lower()
        for word in _WORD.finditer(body)
        if word[0][0].isupper() and word.start() != (first and first.start())
    )


def _plain_words(text: str) -> list[str]:
    words = (word.lower().replace("’", "'") for word in _WORD.findall(text))
    return [word for word in words if word not in ARTICLES and word not in TITLES]


def _token(value: Quantity) -> str:
    parts = (value.dimension, value.low, value.high, value.bound, value.noun, value.date)
    return VALUE_MARK + "/".join(map(str, parts))


def words_alike(one: str, other: str) -> bool:
    """Tell whether two words are forms of one: `Israel` and `Israeli`, `supply` and `supplies`. For topics only."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= 4 and len(long) - len(short) <= 3 and long.startswith(short))


def stem(word: str) -> str:
    """Return a word in small letters without a common English ending. For topics only."""
    for ending in ("'s", "ing", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
