"""Puts a question and a passage into the one sequence of tokens that the reader model reads.

`[CLS] question [SEP] title [SEP] passage [SEP]`, the title only if there is one. A token's segment gives
its side, and whether its word stands on the other side too. That is quick to learn from little data, and shows which
words of the question a passage lacks. Training and asking build their input here alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.runtime import tokenizer
from rag.core.text.stopwords import STOPWORDS
from rag.reading.reading_copy import ReadingCopy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int32]

SEGMENTS = 4
QUESTION, PASSAGE, PASSAGE_SHARED, QUESTION_SHARED = range(SEGMENTS)
"""The segment numbers; the first two are those of BERT."""
MAX_QUESTION_TOKENS = 64
LONGEST_TITLE = 24
LONGEST_PASSAGE = 320
"""Tokens of a window of the passage; with question, title and marks it stays below 512."""
STRIDE = 160
"""Tokens from one window of a long passage to the next."""
STEM_LETTERS = 5
"""Letters by which two words are taken for the same: `collapse` and `collapsed`."""
_NUMBER = re.compile(
    r"(?<![\d.,])(?<!\d[ \u00a0\u202f])[1-9]\d{0,2}(?:[ \u00a0\u202f]\d{3})+(?![ \u00a0\u202f]?\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,:]\d+)+"
)
"""Numbers of several tokens: `3,150`, `1.5`, `10:30`, `12 400`; columns of more figures are not one number."""


@dataclass(frozen=True)
class TokenizedText:
    """A text in tokens.

    `ids` int32 (n,); `places` int32 (n, 2), their character ranges; `opens`, whether each opens a word or a
    number; `keys`, the form by which each one's word is compared, empty if it is not; `units` int32 (n,), the unit of
    each: an answer stays in one unit, and negative ones answer nothing. If `units` is None, all is one unit.
    """

    ids: "Integers"
    places: "Integers"
    opens: tuple[bool, ...]
    keys: tuple[str, ...]
    units: "Integers | None" = None

    def cut(self, start: int, end: int) -> "TokenizedText":
        """Return the tokens `start:end`; their places stay those of the whole text."""
        part = slice(start, end)
        units = None if self.units is None else self.units[part]
        return TokenizedText(self.ids[part], self.places[part], self.opens[part], self.keys[part], units)

    def moved(self, copy: ReadingCopy) -> "TokenizedText":
        """Return the tokens of a private copy with their places in the stored text."""
        if copy.is_plain:
            return self
        places, units = copy.stored(self.places)
        return replace(self, places=places, units=units)


@dataclass(frozen=True)
class Pair:
    """One input of the reader: `ids` and `segments` int32 (n,); the passage's tokens stand from `first` on."""

    ids: "Integers"
    segments: "Integers"
    first: int
    passage: TokenizedText

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.ids)


class PairTokenizer:
    """Builds the reader's input with the tokenizer of its model."""

    def __init__(self, file: Path) -> None:
        """Load the `tokenizer.json` of a BERT model."""
        self._tokenizer: Any = tokenizer(file)
        self._open, self._close = (self._tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))

    def tokens(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return each text in tokens, without the marks around it."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [_tokens(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def pair(self, question: TokenizedText, title: TokenizedText | None, passage: TokenizedText) -> Pair:
        """Return one input; question and title are cut to their limits, the passage has to fit."""
        question = question.cut(0, MAX_QUESTION_TOKENS)
        above = [title.cut(0, LONGEST_TITLE)] if title is not None and len(title.ids) else []
        question_keys = {key for key in question.keys if key}
        read = {key for part in (*above, passage) for key in part.keys if key}
        ids, segments = [self._open], [QUESTION]
        ids += [*question.ids, self._close]
        segments += [QUESTION_SHARED if key in read else QUESTION for key in question.keys]
        segments.append(QUESTION)
        for part in above:
            ids += [*part.ids, self._close]
            segments += [*_sides(part, question_keys), PASSAGE]
        first = len(ids)
        ids += [*passage.ids, self._close]
        segments += [*_sides(passage, question_keys), PASSAGE]
        return Pair(np.array(ids, np.int32), np.array(segments, np.int32), first, passage)

    def pairs(self, question: TokenizedText, title: TokenizedText | None, passage: TokenizedText) -> Iterator[Pair]:
        """Yield the inputs for a passage of any length: windows that overlap by half."""
        for start, end in windows(len(passage.ids)):
            yield self.pair(question, title, passage.cut(start, end))


def windows(length: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of tokens read together; together they hold all.

    >>> list(windows(500))
    [(0, 320), (160, 480), (320, 500)]
    """
    start = 0
    while True:
        yield start, min(length, start + LONGEST_PASSAGE)
        if start + LONGEST_PASSAGE >= length:
            return
        start += STRIDE


def _sides(part: TokenizedText, question_keys: set[str]) -> list[int]:
    return [PASSAGE_SHARED if key in question_keys else PASSAGE for key in part.keys]


def outside_numbers(text: str, places: "Integers", opens: Sequence[bool]) -> tuple[bool, ...]:
    """Return `opens` without the tokens inside a number: a piece of 3,150 is another number, never an answer."""
    inside = np.zeros(len(text) + 1, bool)
    for match in _NUMBER.finditer(text):
        inside[match.start() + 1 : match.end()] = True
    return tuple(bool(opened and not inside[start]) for opened, start in zip(opens, places[:, 0], strict=True))


def _tokens(text: str, encoding: Any) -> TokenizedText:
    pieces: list[str] = encoding.tokens
    opens = tuple(not piece.startswith("##") for piece in pieces)
    keys: list[str] = []
    start = 0
    for i in range(1, len(pieces) + 1):
        if i == len(pieces) or opens[i]:
            word = pieces[start] + "".join(piece[2:] for piece in pieces[start + 1 : i])
            keys += [_key(word)] * (i - start)
            start = i
    places = np.array(encoding.offsets, np.int32).reshape(-1, 2)
    return TokenizedText(np.array(encoding.ids, np.int32), places, outside_numbers(text, places, opens), tuple(keys))


def _key(word: str) -> str:
    """Return the form by which a word is compared, empty for marks and words that carry no subject."""
    if word in STOPWORDS or not re.search(r"[^\W_]", word):
        return ""
    return word[:STEM_LETTERS] if word.isalpha() else word
