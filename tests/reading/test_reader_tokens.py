"""The one sequence that the reader model reads: marks, segments, places and windows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.embedding.weights import SHIPPED_MODEL, model_path
from rag.reading.reader_tokens import (
    LONGEST_PASSAGE,
    MAX_QUESTION_TOKENS,
    PASSAGE,
    PASSAGE_SHARED,
    QUESTION,
    QUESTION_SHARED,
    PairTokenizer,
    windows,
)
from tests import ROOT
from tests.exploring import examples

NASTY = (
    "Beyoncé naïve",
    "e\u0301clair 😀 x",
    "\u202eright to left",
    "a\u0000b",
    "ﬁrst",
    "12,000.5 km²",
    "中文字符。",
    "",
)


@pytest.fixture(scope="module")
def tokenizer() -> PairTokenizer:
    folder = model_path(SHIPPED_MODEL)
    assert folder is not None
    return PairTokenizer(folder / "tokenizer.json")


def test_question_title_and_passage_stand_in_order_between_marks(tokenizer: PairTokenizer) -> None:
    question, title, passage = tokenizer.tokens(["Who rang?", "Bells", "Anna rang the bell."])
    pair = tokenizer.pair(question, title, passage)
    assert pair.ids.tolist() == [101, *question.ids, 102, *title.ids, 102, *passage.ids, 102]
    assert pair.ids[pair.first : pair.first + len(passage.ids)].tolist() == passage.ids.tolist()
    assert tokenizer.pair(question, None, passage).first == len(question.ids) + 2


def test_segments_tell_which_words_stand_on_both_sides(tokenizer: PairTokenizer) -> None:
    question, passage = tokenizer.tokens(
        ["When did the union collapse in 1991?", "The unions collapsed in 1991, in May."]
    )
    pair = tokenizer.pair(question, None, passage)
    shared = [passage.keys[place] for place in np.flatnonzero(pair.segments[pair.first : -1] == PASSAGE_SHARED)]
    assert shared == ["union", "colla", "1991"], "function words and marks are compared with nothing"
    asked = pair.segments[1 : 1 + len(question.ids)]
    assert [question.keys[place] for place in np.flatnonzero(asked == QUESTION_SHARED)] == ["union", "colla", "1991"]
    assert set(pair.segments[: pair.first]) <= {QUESTION, QUESTION_SHARED}
    assert set(pair.segments[pair.first :]) <= {PASSAGE, PASSAGE_SHARED}


def test_a_long_question_is_cut_and_the_passage_is_not(tokenizer: PairTokenizer) -> None:
    question, passage = tokenizer.tokens(["why " * 500, "because " * 200])
    pair = tokenizer.pair(question, None, passage)
    assert pair.first == MAX_QUESTION_TOKENS + 2 and len(pair) == MAX_QUESTION_TOKENS + 3 + 200


@pytest.mark.parametrize("text", NASTY)
def test_places_are_code_points_of_the_text_as_it_stands(tokenizer: PairTokenizer, text: str) -> None:
    found = tokenizer.tokens([f"start {text} end"])[0]
    assert all(0 <= start <= end <= len(text) + 10 for start, end in found.places.tolist())
    assert [text_at(f"start {text} end", found.places[place]) for place in (0, -1)] == ["start", "end"]


@settings(max_examples=examples(200))
@given(st.text(max_size=80))
def test_places_never_run_backwards(tokenizer: PairTokenizer, text: str) -> None:
    found = tokenizer.tokens([text])[0]
    starts = found.places[:, 0].tolist()
    assert starts == sorted(starts) and len(found.ids) == len(found.keys) == len(found.opens)


@pytest.mark.parametrize("length", [0, 1, LONGEST_PASSAGE, LONGEST_PASSAGE + 1, 5_000])
def test_windows_hold_every_token_and_overlap(length: int) -> None:
    found = list(windows(length))
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(end - start <= LONGEST_PASSAGE for start, end in found)
    assert all(after[0] < before[1] for before, after in pairwise(found))


def text_at(text: str, place: "np.ndarray[tuple[int], np.dtype[np.int32]]") -> str:
    return text[int(place[0]) : int(place[1])]


def test_the_tokenizer_is_the_one_of_the_shipped_reader(tokenizer: PairTokenizer) -> None:
    shipped = ROOT / "rag" / "models" / "reader" / "tokenizer.json"
    assert PairTokenizer(shipped).tokens(["A bell."])[0].ids.tolist() == tokenizer.tokens(["A bell."])[0].ids.tolist()
