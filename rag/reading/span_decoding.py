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
