"""Takes the spans that answer, and how sure the model is of none, out of the scores of a reader's tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from rag.reading.reader_tokens import Pair, TokenizedText

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.core.protocols import Floats1d, Floats2d

MAX_ANSWER_TOKENS = 30
"""Longest answer in tokens."""
COMPARED_SPANS = 20
"""Likeliest spans that are compared for each one returned, so that the returned ones share no token."""
SURE_SPAN = -1.0
"""Logarithm of the probability from which on a span stays as it is."""
MAX_EDGE_LOSS = 0.7
"""Logarithm of the probability that an edge of an unsure span may lose by being moved outward. Of 450 questions of
SQuAD 2 with an answer, the words taken then hold it for .936 instead of .911, and their F1 is .899 instead of .896."""
START, END, REASON = range(3)
"""The columns of the scores of tokens."""
_REACHING = np.arange(MAX_ANSWER_TOKENS) >= np.arange(MAX_ANSWER_TOKENS - 1, 0, -1)[:, None]
"""Whether a span reaches a token: row, how many tokens before it opens, from far to near; column, its tokens after."""


_Number = TypeVar("_Number", bound=np.generic)


class SpanScore(NamedTuple):
    """A range of characters of the passage, with the logarithm of its probability."""

    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Read:
    """The reader's scores of one window of a passage for one question.

    `starts`, `ends` float32 (tokens,) are logarithms of the probability that the answer starts or ends with a token,
    `none` that of no answer; `relevance` is the log-odds that the passage answers, `reasons` float32 (tokens,) that
    the sentence of a token does.
    """

    passage: TokenizedText
    starts: "Floats1d"
    ends: "Floats1d"
    none: float
    relevance: float
    reasons: "Floats1d"

    def inside(self, start: int, end: int) -> slice:
        """Return the tokens that lie in a range of characters."""
        opening, closing = self.passage.places.T
        first, last = int(opening.searchsorted(start)), int(closing.searchsorted(end, side="right"))
        return slice(first, max(first, last))

    def reason(self, start: int, end: int) -> float:
        """Return the mean log-odds that a range of characters answers; -inf if it has no token."""
        part = self.reasons[self.inside(start, end)]
        # numpy's `mean` without its checks.
        return float(np.add.reduce(part) / np.float32(len(part))) if len(part) else -np.inf

    def best(self, start: int, end: int, count: int = 1) -> list[SpanScore]:
        """Return the likeliest spans in a range of characters that share no token, at most `count`, best first.

        They open and close with words and have at most `MAX_ANSWER_TOKENS` tokens; of equals the first in the text.
        """
        part = self.inside(start, end)
        length = part.stop - part.start
        if not length:
            return []
        starts, ends = self._masked
        ends_here = np.full(length + MAX_ANSWER_TOKENS - 1, -np.inf, np.float32)
        ends_here[:length] = ends[part]
        # A range ends with a sentence, so a span that ends with it ends with a word.
        ends_here[length - 1] = self.ends[part.stop - 1]
        # Row: the first token of a span; column: the number of tokens after it.
        sums: Floats2d = starts[part, None] + _windows(ends_here)
        units = None if self.passage.units is None else self.passage.units[part]
        if units is not None and (units[0] < 0 or (units != units[0]).any()):
            sums[~_in_one_unit(units)] = -np.inf
        places = self.passage.places[part]
        return [
            SpanScore(int(places[first, 0]), int(places[last, 1]), score) for first, last, score in _apart(sums, count)
        ]

    def widened(self, span: SpanScore, start: int, end: int) -> SpanScore:
        """Return an unsure span of a range of characters with the words around it that may well be a part of it."""
        part = self.inside(start, end)
        places = self.passage.places[part]
        # Inserted words have no length, and stand before the token that begins at their place.
        opening, closing = np.flatnonzero(places[:, 0] == span.start), np.flatnonzero(places[:, 1] == span.end)
        if span.score >= SURE_SPAN or not len(opening) or not len(closing):
            return span
        first, last = int(opening[-1]), int(closing[0])
        starts, ends = (edges[part] for edges in self._masked)
        if self.passage.units is not None:
            is_outside = self.passage.units[part] != self.passage.units[part][first]
            starts, ends = (np.where(is_outside, np.float32(-np.inf), edges) for edges in (starts, ends))
        first, last = _widened(starts, ends, first, last)
        return SpanScore(int(places[first, 0]), int(places[last, 1]), span.score)

    @cached_property
    def _masked(self) -> "tuple[Floats1d, Floats1d]":
        """Return `starts` and `ends` with -inf if a token does not open or close a word."""
        opens = np.array(self.passage.opens, bool)
        closes = np.append(opens[1:], True)
        return np.where(opens, self.starts, np.float32(-np.inf)), np.where(closes, self.ends, np.float32(-np.inf))


def _windows(values: "NDArray[_Number]") -> "NDArray[_Number]":
    """Return a view (n - MAX_ANSWER_TOKENS + 1, MAX_ANSWER_TOKENS) of values (n,): from each on, the next ones.

    It is numpy's `sliding_window_view` without its checks, which take longer than all else that is done with a span.
    """
    shape = len(values) - MAX_ANSWER_TOKENS + 1, MAX_ANSWER_TOKENS
    return np.ndarray(shape, values.dtype, values, strides=values.strides * 2)


def _apart(sums: "Floats2d", count: int) -> "Iterator[tuple[int, int, float]]":
    """Yield (first token, last token, score) of the likeliest spans that share no token; `sums` is overwritten.

    Only the likeliest are compared, so the later ones are likely too, and not only the best of the rest.
    """
    all_sums = sums.copy() if count > 1 else sums
    for number in range(1, count + 1):
        first, more = divmod(int(sums.argmax()), MAX_ANSWER_TOKENS)
        last, score = first + more, float(sums[first, more])
        if not score > -np.inf or (number > 1 and np.count_nonzero(all_sums > score) >= COMPARED_SPANS * count):
            return
        yield first, last, score
        if number < count:
            sums[first : last + 1] = -np.inf
            before = min(first, len(_REACHING))
            sums[first - before : first][_REACHING[len(_REACHING) - before :]] = -np.inf


def _widened(starts: "Floats1d", ends: "Floats1d", first: int, last: int) -> tuple[int, int]:
    """Return the tokens of a span with its edges moved outward to where an answer may start and end about as well.

    >>> starts, ends = np.array([-1.2, -9.0, -0.9, -9.0]), np.array([-9.0, -9.0, -1.0, -3.0])
    >>> _widened(starts, ends, 2, 2)
    (0, 2)
    """
    low = max(0, last + 1 - MAX_ANSWER_TOKENS)
    wider_first = low + int(np.argmax(starts[low : first + 1] >= starts[first] - MAX_EDGE_LOSS))
    is_likely = ends[last : wider_first + MAX_ANSWER_TOKENS] >= ends[last] - MAX_EDGE_LOSS
    return wider_first, last + int(np.flatnonzero(is_likely)[-1]) if is_likely.any() else last


def _in_one_unit(units: "NDArray[np.int32]") -> "NDArray[np.bool_]":
    """Return for every span, bool (tokens, MAX_ANSWER_TOKENS), whether it stays in one unit that may answer."""
    padded = np.full(len(units) + MAX_ANSWER_TOKENS - 1, -1, units.dtype)
    padded[: len(units)] = units
    same: NDArray[np.bool_] = (_windows(padded) == units[:, None]) & (units[:, None] >= 0)
    return same


def decoded(pair: Pair, tokens: "Floats2d", relevance: float) -> Read:
    """Return the scores of a window from those of its tokens, float32 (n, 3): start, end, reason.

    A start and an end are drawn from the passage's tokens and, for no answer, the first of all.
    """
    inside = tokens[pair.first : pair.first + len(pair.passage.ids)]
    starts, ends = (_log_shares(tokens[0, column], inside[:, column]) for column in (START, END))
    return Read(pair.passage, starts[1:], ends[1:], float(starts[0] + ends[0]), relevance, inside[:, REASON])


def _log_shares(none: float, scores: "Floats1d") -> "Floats1d":
    every = np.concatenate([[none], scores]).astype(np.float32)
    every -= every.max()
    return np.asarray(every - np.log(np.exp(every).sum()), np.float32)
