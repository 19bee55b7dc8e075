"""Tells how well a sentence of a source speaks of the same thing as one of a draft."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.answering.relations.statements import stem, words_alike
from rag.answering.values.quantities import quantities
from rag.core.text.stopwords import STOPWORDS

NEAR_WORDS = 6
"""Words between a figure and a word of its sentence at which that word counts half."""
CONTEXT_CREDIT = 0.6
"""Credit for a word that only the title, a heading or the sentence before has."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class ContentWord:
    """A word of a sentence that carries a subject: its stem and its number among all words."""

    stem: str
    position: float


@lru_cache(maxsize=8_192)
def content_words(sentence: str) -> tuple[ContentWord, ...]:
    """Return the words of a sentence without function words, figures and dates."""
    values = [(item.start, item.end) for item in quantities(sentence)]
    items = []
    for position, match in enumerate(_WORD.finditer(sentence)):
        word = match.group().lower().replace("’", "'")
        inside = any(start < match.end() and match.start() < end for start, end in values)
        if word not in STOPWORDS and not inside and len(word) > 1:
            items.append(ContentWord(stem(word), position))
    return tuple(items)


@lru_cache(maxsize=8_192)
def word_position(sentence: str, offset: int) -> float:
    """Return the number of words before an offset, as `content_words` counts them."""
    return sum(1 for match in _WORD.finditer(sentence) if match.end() <= offset) - 0.5


class StatementMatch:
    """The words that a sentence of a draft shares with one of a source, weighted by how rare they are."""

    def __init__(self, draft: str, source: str, context: str, weight: Callable[[str], float]) -> None:
        """Compare the two; `context` is the text around the sentence of the source."""
        self._draft, self._source = content_words(draft), content_words(source)
        around = content_words(context)
        self._weights = [weight(word.stem) for word in self._draft]
        self._places = [[other.position for other in self._source if words_alike(word.stem, other.stem)]
                        for word in self._draft]  # fmt: skip
        self._in_context = [
            not places and any(words_alike(word.stem, other.stem) for other in around)
            for word, places in zip(self._draft, self._places, strict=True)
        ]

    def coverage(self, without: Sequence[str] = ()) -> float:
        """Return the share of the draft's words, by weight, that the source says; stems `without` are left out."""
        total = shared = 0.0
        for word, weight, places, around in zip(
            self._draft, self._weights, self._places, self._in_context, strict=True
        ):
            if word.stem in without:
                continue
            total += weight
            shared += weight if places else CONTEXT_CREDIT * weight if around else 0.0
        return shared / total if total else 0.0

    def shared(self) -> int:
        """Return the number of the draft's words that the source's sentence has."""
        return sum(bool(places) for places in self._places)

    def nearness(self, at: float, there: float, without: Sequence[str] = ()) -> float:
        """Return the coverage with the words near `at` in the draft and near `there` in the source counting most."""
        total = shared = 0.0
        for word, weight, places in zip(self._draft, self._weights, self._places, strict=True):
            if word.stem in without:
                continue
            own = weight * _decay(word.position - at)
            total += own
            shared += own * max((_decay(place - there) for place in places), default=0.0)
        return shared / total if total else 0.0


def _decay(distance: float) -> float:
    return 1 / (1 + (distance / NEAR_WORDS) ** 2)


def rarity(passages: int, frequency: int) -> float:
    """Return the weight of a word that stands in `frequency` of all passages."""
    return math.log(1 + passages / (1 + frequency))
