"""Spans out of scores: a brute-force search over all spans is the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.reading.reader_tokens import Pair, TokenizedText
from rag.reading.span_decoding import MAX_ANSWER_TOKENS, Read, decoded
from tests.exploring import examples

WORDS = ("The", "bell", "ring", "##er", "was", "Anna", ".")


def tokens_of(pieces: tuple[str, ...]) -> TokenizedText:
    places, at = [], 0
    for number, piece in enumerate(pieces):
        at += 1 if number and not piece.startswith("##") else 0
        length = len(piece.removeprefix("##"))
        places.append((at, at + length))
        at += length
    opens = tuple(not piece.startswith("##") for piece in pieces)
    ids = np.arange(len(pieces), dtype=np.int32)
    return TokenizedText(ids, np.array(places, np.int32).reshape(-1, 2), opens, ("",) * len(pieces))


def read_of(scores: "np.ndarray[tuple[int, int], np.dtype[np.float32]]", pieces: tuple[str, ...] = WORDS) -> Read:
    passage = tokens_of(pieces)
    around = np.zeros((2, 3), np.float32)
    ids = np.zeros(len(pieces) + 3, np.int32)
    every = np.concatenate([around, scores, around[:1]]).astype(np.float32)
    return decoded(Pair(ids, ids, 2, passage), every, 0.5)


def scores_with(start: int, end: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    scores = np.zeros((len(WORDS), 3), np.float32)
    scores[start, 0] = scores[end, 1] = 5.0
    return scores


def test_the_likeliest_span_has_its_probability_as_score() -> None:
    best = read_of(scores_with(5, 5)).best(0, 100)[0]
    # Softmax over the seven tokens and no answer: e^5 / (e^5 + 7) for the start, the same for the end.
    expected = 2 * np.log(np.exp(5) / (np.exp(5) + 7))
    assert (best.start, best.end) == (20, 24) and best.score == pytest.approx(expected, abs=1e-5)


def test_a_span_opens_and_closes_with_words() -> None:
    found = read_of(scores_with(2, 3)).best(0, 100)[0]
    assert (found.start, found.end) == (9, 15), "ring ##er is one word"
    assert read_of(scores_with(3, 3)).best(0, 100)[0].start in (0, 4, 9), "no span starts inside a word"
    assert read_of(scores_with(1, 2)).best(0, 100)[0].end in (3, 8, 15, 19, 24, 26), "and none ends there"


def test_an_unsure_span_takes_in_words_that_are_about_as_likely_edges() -> None:
    scores = np.zeros((len(WORDS), 3), np.float32)
    scores[[1, 0], 0], scores[[1, 3], 1] = (1.5, 1.2), (1.5, 1.2)
    reading = read_of(scores)
    unsure = reading.best(0, 100)[0]
    wider = reading.widened(unsure, 0, 100)
    assert (unsure.start, unsure.end) == (4, 8) and (wider.start, wider.end) == (0, 15), "The bell ringer"
    assert wider.score == unsure.score, "the order of answers stays"
    scores[1, :2] = 9.0
    sure = read_of(scores).best(0, 100)[0]
    assert read_of(scores).widened(sure, 0, 100) == sure


def test_nothing_ends_before_it_starts() -> None:
    found = read_of(scores_with(5, 1)).best(0, 100)[0]
    assert found.start < found.end


def test_spans_stay_in_the_range_that_is_asked_for() -> None:
    read = read_of(scores_with(5, 5))
    assert all(found.start >= 0 and found.end <= 8 for found in read.best(0, 8, 3))
    assert read.best(200, 300) == [] and read.reason(200, 300) == -np.inf


def test_several_spans_share_no_character() -> None:
    found = read_of(scores_with(1, 1)).best(0, 100, 4)
    assert len(found) > 1
    assert all(one.end <= other.start or other.end <= one.start for one in found for other in found if one is not other)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.floats(-6, 6, width=32), st.floats(-6, 6, width=32)), min_size=1, max_size=45), st.data())
def test_the_best_span_is_that_of_a_search_over_all(values: list[tuple[float, float]], data: st.DataObject) -> None:
    joined = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    pieces = tuple("##b" if place and join else "aa" for place, join in enumerate(joined))
    scores = np.array([(start, end, 0.0) for start, end in values], np.float32)
    read = read_of(scores, pieces)
    passage = read.passage
    spans = [
        (read.starts[first] + read.ends[last], first, last)
        for first in range(len(pieces))
        for last in range(first, min(len(pieces), first + MAX_ANSWER_TOKENS))
        if passage.opens[first] and (last + 1 == len(pieces) or passage.opens[last + 1])
    ]
    if not spans:
        assert read.best(0, 10_000) == []
        return
    best = read.best(0, 10_000)[0]
    assert best.score == pytest.approx(max(spans)[0], abs=1e-5)


def test_probabilities_of_starts_and_of_no_answer_sum_to_one() -> None:
    read = read_of(scores_with(2, 4))
    none_of_start = 1 - np.exp(read.starts).sum()
    none_of_end = 1 - np.exp(read.ends).sum()
    assert read.none == pytest.approx(np.log(none_of_start) + np.log(none_of_end), abs=1e-4)
