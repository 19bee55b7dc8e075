"""Turns examples into arrays and puts those of like length together, so that little is computed on padding."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.reading.reader_tokens import LONGEST_PASSAGE, Pair, PairTokenizer, TokenizedText
from training.reader.examples import Example


@dataclass(frozen=True)
class Learnable:
    """An example in tokens.

    `starts`, `ends` are places in `pair` where answers start and end, the first token where there is none; empty where
    nothing is said of it. `reasons` marks the passage's tokens of sentences that answer, -1 where nothing is said.
    """

    pair: Pair
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    reasons: NDArray[np.int8]
    relevant: bool


@dataclass(frozen=True)
class Batch:
    """Examples side by side, arrays (examples, longest).

    `allowed` marks where a span may start or end, `filled` what is no padding; `starts`, `ends` mark the right places,
    in rows without one nothing is said.
    """

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    filled: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    reasons: NDArray[np.int8]
    relevant: NDArray[np.float32]


class Encoder:
    """Puts examples into tokens; texts that come again are kept."""

    def __init__(self, file: Path) -> None:
        """Load the tokenizer of the backbone."""
        self._tokenizer = PairTokenizer(file)
        self._tokens = lru_cache(maxsize=60_000)(lambda text: self._tokenizer.tokens([text])[0])

    def encode(self, example: Example) -> Learnable:
        """Return an example in tokens; of a passage that is too long the window around its answer."""
        question, passage = self._tokens(example.question), self._tokens(example.text)
        title = self._tokens(example.title) if example.title else None
        begin = _window_start(passage, example)
        passage = passage.cut(begin, begin + LONGEST_PASSAGE)
        pair = self._tokenizer.pair(question, title, passage)
        spans = [found for gold in example.golds if (found := _token_range(passage, gold))]
        if example.spans and not example.golds:
            spans = [(-pair.first, -pair.first)]
        inside = _inside(passage, example.rationale) if example.reasons else np.full(len(passage.ids), -1, np.int8)
        return Learnable(
            pair,
            tuple(pair.first + start for start, _ in spans),
            tuple(pair.first + end for _, end in spans),
            inside,
            example.relevant,
        )


def batched(examples: Sequence[Learnable], tokens: int, chance: random.Random) -> Iterator[Batch]:
    """Yield batches of at most `tokens` tokens, padding counted, in an order drawn by `chance`.

    Most batches are of one length: without padding nothing has to be masked, which is a sixth of a step.
    """
    groups: list[list[Learnable]] = [[]]
    for item in sorted(examples, key=lambda item: len(item.pair)):
        if (len(groups[-1]) + 1) * len(item.pair) > tokens:
            groups.append([])
        groups[-1].append(item)
    chance.shuffle(groups)
    yield from (padded(group) for group in groups if group)


def padded(group: Sequence[Learnable]) -> Batch:
    """Return one batch of a few examples."""
    shape = len(group), max(len(item.pair) for item in group)
    filled, allowed, starts, ends = (np.zeros(shape, bool) for _ in range(4))
    relevant = np.array([item.relevant for item in group], np.float32)
    ids, segments, reasons = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, -1, np.int8)
    batch = Batch(ids, segments, filled, allowed, starts, ends, reasons, relevant)
    for row, item in enumerate(group):
        length, first = len(item.pair), item.pair.first
        batch.ids[row, :length] = item.pair.ids
        batch.segments[row, :length] = item.pair.segments
        batch.filled[row, :length] = True
        batch.allowed[row, 0] = batch.allowed[row, first : length - 1] = True
        batch.reasons[row, first : length - 1] = item.reasons
        batch.starts[row, list(item.starts)] = True
        batch.ends[row, list(item.ends)] = True
    return batch


def _window_start(passage: TokenizedText, example: Example) -> int:
    if len(passage.ids) <= LONGEST_PASSAGE or not (example.golds or example.rationale):
        return 0
    place = _token_range(passage, (*example.golds, *example.rationale)[0])
    return max(0, min(len(passage.ids) - LONGEST_PASSAGE, (place[0] if place else 0) - LONGEST_PASSAGE // 3))


def _token_range(passage: TokenizedText, gold: tuple[int, int]) -> tuple[int, int] | None:
    places = np.flatnonzero((passage.places[:, 1] > gold[0]) & (passage.places[:, 0] < gold[1]))
    return (int(places[0]), int(places[-1])) if len(places) else None


def _inside(passage: TokenizedText, ranges: Sequence[tuple[int, int]]) -> NDArray[np.int8]:
    marks = np.zeros(len(passage.ids), np.int8)
    for start, end in ranges:
        marks[(passage.places[:, 0] >= start) & (passage.places[:, 1] <= end)] = 1
    return marks
