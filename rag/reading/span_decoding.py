"""Takes the spans that answer, and how sure the model is of none, out of the scores of a reader's tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
        places = self.passage.places
        first, last = np.searchsorted(places[:, 0], start), np.searchsorted(places[:, 1], end, side="right")
        return slice(int(first), max(int(first), int(last)))

    def reason(self, start: int, end: int) -> float:
        """Return the mean log-odds that a range of characters answers; -inf if it has no token."""
        part = self.reasons[self.inside(start, end)]
        return float(part.mean()) if len(part) else -np.inf

    def best(self, start: int, end: int, count: int = 1) -> list[SpanScore]:
        """Return the likeliest spans in a range of characters that share no token, at most `count`, best first.

        They open and close with words and have at most `MAX_ANSWER_TOKENS` tokens; of equals the first in the text.
        """
        part = self.inside(start, end)
        length = part.stop - part.start
        if not length:
            return []
        opens = np.array(self.passage.opens[part])
        # A range ends with a sentence, so a span that ends with it ends with a word.
        closes = np.append(opens[1:], True)
        starts = np.where(opens, self.starts[part], -np.inf)
        padding = np.full(MAX_ANSWER_TOKENS - 1, -np.inf, np.float32)
        ends = np.append(np.where(closes, self.ends[part], -np.inf), padding)
        # Row: the first token of a span; column: the number of tokens after it.
        sums = (starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, MAX_ANSWER_TOKENS)).ravel()
        if self.passage.units is not None:
            sums[~_in_one_unit(self.passage.units[part])] = -np.inf
        spans: list[SpanScore] = []
        covered = np.zeros(length, bool)
        for position in self._likeliest(sums, count):
            first, more = divmod(int(position), MAX_ANSWER_TOKENS)
            if len(spans) == count or not np.isfinite(sums[position]):
                break
            if not covered[first : first + more + 1].any():
                covered[first : first + more + 1] = True
                places = self.passage.places[part]
                spans.append(SpanScore(int(places[first, 0]), int(places[first + more, 1]), float(sums[position])))
        return spans

    @staticmethod
    def _likeliest(sums: "Floats1d", count: int) -> "list[int]":
        if count == 1:
            return [int(sums.argmax())]
        return [int(position) for position in np.argsort(-sums, kind="stable")[: COMPARED_SPANS * count]]


def _in_one_unit(units: "NDArray[np.int32]") -> "NDArray[np.bool_]":
    """Return for every span, in the order of `WindowScores.best`, whether it stays in one unit that may answer."""
    padded = np.append(units, np.full(MAX_ANSWER_TOKENS - 1, -1, np.int32))
    last = np.lib.stride_tricks.sliding_window_view(padded, MAX_ANSWER_TOKENS)
    same: NDArray[np.bool_] = ((last == units[:, None]) & (units[:, None] >= 0)).ravel()
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
