"""Finds the claims of a draft that documents can show or refute: figures, dates and names, sentence by sentence."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answering.values.quantities import Quantity, quantities
from rag.answering.values.times import MONTHS
from rag.chunking.sentences import sentences
from rag.core.text.stopwords import STOPWORDS
from rag.core.types import Block, Document
from rag.proofreading.comparing.words import without_link_targets
from rag.proofreading.quantity_check import stated_figures
from rag.proofreading.quotations import DraftQuotation
from rag.proofreading.records import FindingKind

MAX_BEFORE_CHARACTERS = 400
"""Characters before a sentence that may name its subject."""
TIME_DIMENSIONS = ("date", "decade", "clock")
_CAPITAL = r"(?:[A-Z\u00c0-\u00de\u0400-\u042f][\w'’&.-]*[\w]|[A-Z])"
_NAME = re.compile(rf"{_CAPITAL}(?:\s+(?:(?:of|de|da|du|van|von|der|den|la|le|al|bin|the)\s+){{0,2}}{_CAPITAL})*")
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_NO_NAMES = (
    _WEEKDAYS
    | MONTHS.keys()
    | frozenset("i mr mrs ms dr sir lord lady prime minister president according despite when early today".split())
)
_COMMON_ENDINGS = ("s", "ing", "ion", "ment", "ity", "ness", "men", "people")
"""Endings of words that begin a sentence and are seldom names."""
_LETTERS = re.compile(r"[^\W\d_]+")
_POSSESSIVE = re.compile(r"['’]s$")


@dataclass(frozen=True)
class Claim:
    """A figure, date or name at `start:end` of a sentence; `quantity` is the value of a figure or date."""

    kind: FindingKind
    start: int
    end: int
    quantity: Quantity | None = None


@dataclass(frozen=True)
class DraftSentence:
    """A sentence of a draft at `start`, its claims in order, and the text of the sentences before it."""

    start: int
    text: str
    claims: tuple[Claim, ...]
    before: str = ""


def draft_sentences(
    draft: Document, blocks: Sequence[Block], quotations: Sequence[DraftQuotation]
) -> Iterator[DraftSentence]:
    """Yield the sentences that claim something, in order; claims inside quotations are left out."""
    text = without_link_targets(draft.text) if draft.format == "markdown" else draft.text
    quoted = [(item.start, item.end) for item in quotations]
    before = ""
    for block in blocks:
        for span in sentences(draft, block) if block.kind in ("paragraph", "list_item") else ():
            sentence = text[span.start : span.end]
            claims = tuple(
                claim
                for claim in claims_of(sentence)
                if not _inside(quoted, span.start + claim.start, span.start + claim.end)
            )
            if claims:
                yield DraftSentence(span.start, sentence, claims, before)
            before = f"{before} {sentence}"[-MAX_BEFORE_CHARACTERS:]


def claims_of(sentence: str) -> list[Claim]:
    """Return the figures, dates and names of a sentence in order.

    >>> [(claim.kind, claim.start) for claim in claims_of("In 2012 Baku paid $1.6 billion.")]
    [('date', 3), ('name', 8), ('figure', 18)]
    """
    items = [Claim("date" if value.dimension in TIME_DIMENSIONS else "figure", *value_range(sentence, value), value)
             for value in stated_figures(sentence)]  # fmt: skip
    taken = [(item.start, item.end) for item in quantities(sentence)]
    items += [Claim("name", start, end) for start, end in names(sentence) if not _inside(taken, start, end)]
    return sorted(items, key=lambda item: item.start)


def value_range(text: str, value: Quantity) -> tuple[int, int]:
    """Return the range of a quantity without white space and the full stop of its sentence."""
    words = text[value.start : value.end]
    return value.start + len(words) - len(words.lstrip()), value.start + len(words.rstrip(" .\n"))


def name_words(text: str) -> frozenset[str]:
    """Return the words of the names of a text, in small letters."""
    return frozenset(
        word.lower() for start, end in names(text) for word in _LETTERS.findall(text[start:end]) if word[0].isupper()
    )


def names(sentence: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the names of a sentence: words in capitals, without a first word that is no name."""
    first = re.search(r"\w", sentence)
    for match in _NAME.finditer(sentence):
        start, end = match.span()
        end -= len(match.group()) - len(_POSSESSIVE.sub("", match.group()))
        pieces = list(re.finditer(r"[\w'’&.-]+", sentence[start:end]))
        while pieces and _is_no_name(pieces[0].group()):
            pieces = pieces[1:]
        if not pieces:
            continue
        start += pieces[0].start()
        is_first = first is not None and start == first.start()
        if not (is_first and len(pieces) == 1 and not _looks_like_name(sentence, pieces[0].group(), end)):
            yield start, end


def _is_no_name(word: str) -> bool:
    return word.lower() in STOPWORDS or word.lower() in _NO_NAMES


def _looks_like_name(sentence: str, word: str, end: int) -> bool:
    """Tell whether a single word at the start of a sentence is a name: an acronym, or before a possessive or a verb."""
    if word.isupper() and len(word) > 1:
        return True
    following = sentence[end : end + 14]
    return bool(re.match(r"['’]s\b|\s+(?:is|was|has|had|will|said|says)\b", following)) and not word.endswith(
        _COMMON_ENDINGS
    )


def _inside(ranges: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    i = bisect_right(ranges, (start, end)) - 1
    near = ranges[max(0, i) : i + 2]
    return any(low < end and start < high for low, high in near)
