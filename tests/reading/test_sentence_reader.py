"""The sentence reader: whole sentences, best first, by figures that can be followed."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from rag.core.types import Chunk, Hit, Span
from rag.embedding.embedder import QueryVectors
from rag.index.storage.lexical import TantivyStore
from rag.reading.reader_model import SHIPPED_READER, TOKENIZER, span_model
from rag.reading.reader_tokens import PairTokenizer
from rag.reading.sentence_reader import WIDEST_MARGIN, SentenceReader, margins
from rag.retrieval.question_types import after_enumerator

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d

TEXT = "Baku exports oil. Is it cheap? The embassies opened in 1992. 1 2"
RANGES = ((0, 17), (18, 30), (31, 60), (61, 64))


@pytest.fixture(scope="module")
def words() -> TantivyStore:
    made = TantivyStore()
    made.add([1], [TEXT], ["Azerbaijan"])
    made.commit()
    return made


def hit(fused: float = 0.5, start: int = 100) -> Hit:
    chunk = Chunk(Span("d", start, start + len(TEXT)), TEXT, "Azerbaijan", (), RANGES)
    return Hit(1, chunk, fused, {"dense": 0.6, "bm25": 3.0, "fused": fused})


def stored_by(embedder: "Embedder") -> "Callable[[Sequence[int]], list[Floats2d]]":
    return lambda rows: [embedder.embed_with_parts([TEXT], [RANGES])[1][0] for _ in rows]


def reader(words: TantivyStore, embedder: "Embedder", **weights: float) -> SentenceReader:
    return SentenceReader(QueryVectors(lambda: embedder), stored_by(embedder), words, weights)


def test_sentences_come_whole_with_their_place_in_the_document(words: TantivyStore, embedder: "Embedder") -> None:
    found = reader(words, embedder, sentence_cosine=1.0).read(["When did the embassies open?"], [[hit()]])[0]
    assert found[0].span == Span("d", 131, 160)
    assert {(item.start, item.end) for item in found} == set(RANGES[:3]), "a sentence of two signs says nothing"
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)


def test_the_score_is_the_weighted_sum_of_the_figures(words: TantivyStore, embedder: "Embedder") -> None:
    weights = {"sentence_words": 2.0, "is_question": -1.0, "kind": 0.25}
    found = {
        item.start: item for item in reader(words, embedder, **weights).read(["When did embassies open?"], [[hit()]])[0]
    }
    assert found[31].features["sentence_words"] == pytest.approx(1.0)
    assert found[31].score == pytest.approx(2.0 + 0.25)
    assert found[18].score == pytest.approx(-1.0 - 0.25)
    assert found[0].no_answer == -found[0].score


def with_model(words: TantivyStore, embedder: "Embedder") -> SentenceReader:
    return SentenceReader(QueryVectors(lambda: embedder), stored_by(embedder), words, model=span_model)


def test_the_model_finds_the_words_inside_the_sentence(words: TantivyStore, embedder: "Embedder") -> None:
    found = with_model(words, embedder).read(["When did the embassies open?"], [[hit()]])[0]
    best = found[0]
    assert (TEXT[best.start : best.end], best.answer_type) == ("1992", "span")
    assert best.no_answer < 0, "surer of these words than of no answer"
    assert all(any(start <= item.start < item.end <= end for start, end in RANGES) for item in found)
    assert {"span", "span_margin", "reason", "relevance"} <= set(best.features)


def test_yes_or_no_is_answered_by_a_whole_sentence(words: TantivyStore, embedder: "Embedder") -> None:
    found = with_model(words, embedder).read(["Did the embassies open in 1992?"], [[hit()]])[0]
    assert {(item.start, item.end) for item in found} <= set(RANGES)
    assert {item.answer_type for item in found} == {"sentence"}


def test_with_the_model_many_questions_are_read_as_one_by_one(words: TantivyStore, embedder: "Embedder") -> None:
    questions = ["When did the embassies open?", "What does Baku export?", "Which things does Baku export?"]
    found = [[hit(), hit(start=900)]] * 3
    together = with_model(words, embedder).read(questions, found)
    assert together == [
        with_model(words, embedder).read([question], [one])[0] for question, one in zip(questions, found, strict=True)
    ]


def test_equal_scores_come_in_order_of_place(words: TantivyStore, embedder: "Embedder") -> None:
    found = reader(words, embedder, passage_cosine=1.0).read(["oil"], [[hit(start=500), hit(start=100)]])[0]
    assert [item.span.start for item in found] == [100, 118, 131, 500, 518, 531]


def test_what_was_asked_before_changes_nothing(words: TantivyStore, embedder: "Embedder") -> None:
    one, other = (reader(words, embedder, sentence_cosine=1.0) for _ in range(2))
    other.read(["Something else?", "Is oil cheap?"], [[hit(start=900)], [hit(0.1)]])
    question = "When did the embassies open?"
    assert [item.score for item in one.read([question], [[hit()]])[0]] == [
        item.score for item in other.read([question], [[hit()]])[0]
    ]


def test_no_passages_give_no_sentences(words: TantivyStore, embedder: "Embedder") -> None:
    assert reader(words, embedder).read(["oil", "gas"], [[], []]) == [[], []]


def test_the_figure_of_the_index_is_the_cosine_of_the_sentence_in_its_passage(
    words: TantivyStore, embedder: "Embedder"
) -> None:
    question = "When did the embassies open?"
    vector = embedder.embed_queries([question])[0]
    inner = embedder.embed_with_parts([TEXT], [RANGES])[1][0]
    found = {item.start: item for item in reader(words, embedder).read([question], [[hit()]])[0]}
    assert found[31].features["sentence_cosine"] == pytest.approx(float(inner[2] @ vector), abs=1e-6)
    assert [found[start].features["earliness"] for start in (0, 18, 31)] == [1.0, 0.5, pytest.approx(1 / 3)]


def test_many_questions_are_read_as_one_by_one(words: TantivyStore, embedder: "Embedder") -> None:
    questions = ["When did the embassies open?", "Is oil cheap?", "Is oil cheap?"]
    found = [[hit()], [hit(start=900)], []]
    together = reader(words, embedder, sentence_cosine=1.0).read(questions, found)
    assert together == [
        reader(words, embedder, sentence_cosine=1.0).read([question], [one])[0]
        for question, one in zip(questions, found, strict=True)
    ]


def test_margins_are_to_other_statements_and_bounded() -> None:
    scores, keys = [9.0, 5.0, 4.0, 3.5, 3.0, 2.5], ["a", "b", "b", "c", "d", "e"]
    assert margins(scores, keys, 3.0) == [(3.0, 3.0), (-3.0, 2.5), (-3.0, 1.5), (-3.0, 1.0), (-3.0, 0.5), (-3.0, -0.5)]
    assert margins([1.0], ["a"], 6.0) == [(3.0, 3.0)]
    assert margins([1.0, 2.0], ["a", "b"], 6.0) == [(-1.0, 3.0), (1.0, 3.0)], "in any order"
    assert margins([], [], 6.0) == []


def test_being_far_ahead_counts_for_more_with_the_model(words: TantivyStore, embedder: "Embedder") -> None:
    question = "When did the embassies open?"
    plain = reader(words, embedder, sentence_words=100.0).read([question], [[hit()]])[0][0]
    read = with_model(words, embedder).read([question], [[hit()]])[0][0]
    assert plain.features["ahead_of_next"] == WIDEST_MARGIN[False]
    assert WIDEST_MARGIN[False] < read.features["ahead_of_next"] <= WIDEST_MARGIN[True]


def test_a_copy_does_not_compete_with_its_statement(words: TantivyStore, embedder: "Embedder") -> None:
    question = "When did the embassies open?"
    alone = reader(words, embedder, sentence_cosine=1.0).read([question], [[hit()]])[0]
    twice = reader(words, embedder, sentence_cosine=1.0).read([question], [[hit(), hit(start=900)]])[0]
    assert twice[0].features == twice[1].features == alone[0].features
    assert alone[0].features["ahead_of_next"] == pytest.approx(alone[0].score - alone[1].score)


def answered(words: TantivyStore, embedder: "Embedder", question: str, text: str) -> list[str]:
    chunk = Chunk(Span("d", 0, len(text)), text, None, (), ((0, len(text)),))
    stored: Callable[[Sequence[int]], list[Floats2d]] = lambda rows: [  # noqa: E731
        embedder.embed_with_parts([text], [chunk.sentences])[1][0] for _ in rows
    ]
    made = SentenceReader(QueryVectors(lambda: embedder), stored, words, model=span_model)
    return [text[item.start : item.end] for item in made.read([question], [[Hit(1, chunk, 0.5, {"dense": 0.6})]])[0]]


def test_a_number_is_never_cut(words: TantivyStore, embedder: "Embedder") -> None:
    whole = answered(words, embedder, "How many tonnes of herring were caught?", "Cod 3,150\nHerring 9,940")
    assert whole
    assert not any(re.match(r"\d{3}(?!,)|.*\b(3|9)$", found) for found in whole), whole


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("3,150 t", "3t"), ("at 10:30 x", "a1x"), ("12 400 cod", "1c"), ("1\u202f240,50 eur", "1e"),
        ("in 2020 150 left", "i21l"), ("315 994 120 7 x", "3917x"), ("He has 7.", "Hh7."),
    ],
)  # fmt: skip
def test_words_and_numbers_open_where_they_begin(text: str, opened: str) -> None:
    found = PairTokenizer(SHIPPED_READER / TOKENIZER).tokens([text])[0]
    assert "".join(text[start] for (start, _), opens in zip(found.places, found.opens, strict=True) if opens) == opened


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("WHAT IS THE PRICE OF EACH CASTING", "2.1 The price of each casting is EUR 1,240."),
        ("What is the price of each casting?", "2.1 The price of each casting is EUR 1,240."),
    ],
)
def test_the_number_of_a_clause_is_no_answer(
    words: TantivyStore, embedder: "Embedder", question: str, text: str
) -> None:
    assert all("1,240" in found for found in answered(words, embedder, question, text))


def test_what_numbers_a_heading_is_left_out(words: TantivyStore, embedder: "Embedder") -> None:
    for text in ("2. DEPOSIT.", "(b) The deposit is held.", "2.3. DEPOSIT", "3) the deposit"):
        found = answered(words, embedder, "How many deposits are there?", text)
        assert found
        assert not any(re.match(r"[\d(]", one) for one in found), found


@pytest.mark.parametrize(
    "text",
    ["2.1 million people", "40 percent of it", "3. Juli 2020", "1992. It", "5.2 GHz", "(2020) it", "2.5 Million cars",
     "24.12.2020 The", "2.", "A deposit", "a deposit", "1,240 EUR"],
)  # fmt: skip
def test_an_amount_or_a_date_numbers_nothing(text: str) -> None:
    assert after_enumerator(text) == 0


COMMANDS = (
    "Caches keep passwords for some time (this example sets one hour):\n\n$ keep --timeout=3600\n\nIt needs a disk."
)


def best_of(words: TantivyStore, embedder: "Embedder", question: str, text: str, ends: Sequence[str]) -> str:
    """Return the words of the best extraction of one passage, whose sentences end with `ends`, by the real reader."""
    stops = [text.index(end) + len(end) for end in ends]
    starts = [0, *(stop + len(text[stop:]) - len(text[stop:].lstrip()) for stop in stops[:-1])]
    ranges = tuple(zip(starts, stops, strict=True))
    chunk = Chunk(Span("d", 0, len(text)), text, None, (), ranges)
    passage = Hit(1, chunk, 0.5, {"dense": 0.6, "bm25": 3.0, "fused": 0.5})
    vectors = QueryVectors(lambda: embedder)
    stored = lambda rows: [embedder.embed_with_parts([text], [ranges])[1][0] for _ in rows]  # noqa: E731
    best = SentenceReader(vectors, stored, words, model=span_model).read([question], [[passage]])[0][0]
    return text[best.start : best.end]


def test_a_procedure_is_answered_with_its_whole_step_and_command(words: TantivyStore, embedder: "Embedder") -> None:
    ends = ("hour):", "3600", "disk.")
    answer = best_of(words, embedder, "How do I keep a password for one hour?", COMMANDS, ends)
    assert answer == COMMANDS[: COMMANDS.index("\n\nIt")]


def test_a_question_for_a_default_is_answered_by_the_statement_of_it(words: TantivyStore, embedder: "Embedder") -> None:
    text = (
        "The timeout says how many seconds a lock is waited for. A busy server needs 60 seconds. Defaults to 5 seconds."
    )
    ends = ("waited for.", "needs 60 seconds.", "5 seconds.")
    answer = best_of(words, embedder, "How many seconds is a lock waited for if I set nothing?", text, ends)
    assert answer == "5 seconds"


def test_a_list_is_answered_with_the_whole_enumeration(words: TantivyStore, embedder: "Embedder") -> None:
    text = "The balancer has a scheduler. It offers the schedulers Round Robin, Least Busy and Heartbeat."
    answer = best_of(words, embedder, "Which schedulers does the balancer offer?", text, ("a scheduler.", "Heartbeat."))
    assert answer == "Round Robin, Least Busy and Heartbeat"


def test_a_heading_that_repeats_the_question_is_no_answer(words: TantivyStore, embedder: "Embedder") -> None:
    text = "Why orders fell\n\nThe shop was offline. The carrier raised its prices."
    ranges = ((17, 38), (39, len(text)))
    chunk = Chunk(Span("d", 0, len(text)), text, None, ("Why orders fell",), ranges)
    passage = Hit(1, chunk, 0.5, {"dense": 0.6, "bm25": 3.0, "fused": 0.5})
    vectors = QueryVectors(lambda: embedder)
    stored = lambda rows: [embedder.embed_with_parts([text], [ranges])[1][0] for _ in rows]  # noqa: E731
    read = SentenceReader(vectors, stored, words, {"earliness": 9.0}).read(["Why did orders fall?"], [[passage]])[0]
    costs = {item.start: item.features["heading"] for item in read}
    assert costs[17] == costs[39] == 0.0 < costs[0]
    title = SentenceReader(vectors, stored, words, {}).read(["What did the carrier raise?"], [[passage]])[0]
    assert all(item.features["heading"] == 0.0 for item in title), "its words are not those of the question"


@pytest.mark.parametrize("question", ["What does rule 2 say?", "What is the second rule?"])
def test_an_item_is_found_by_its_number(words: TantivyStore, embedder: "Embedder", question: str) -> None:
    text = "1. Boats must be insured.\n2. Boats must show a light at night.\n3. Boats must leave by noon."
    answer = best_of(words, embedder, question, text, ("insured.", "night.", "noon."))
    assert answer == "Boats must show a light at night."
