"""The sentence reader: whole sentences, best first, by figures that can be followed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.embedding import SentenceTransformerEmbedder
from rag.lexical import TantivyStore
from rag.reading import SentenceReader
from rag.types import Chunk, Hit, Span

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


def reader(words: TantivyStore, embedder: SentenceTransformerEmbedder, **weights: float) -> SentenceReader:
    def embed(text: str) -> NDArray[np.float32]:
        return np.asarray(embedder.embed_queries([text])[0], np.float32)

    return SentenceReader(lambda: embedder, embed, words, weights)


def test_sentences_come_whole_with_their_place_in_the_document(
    words: TantivyStore, embedder: SentenceTransformerEmbedder
) -> None:
    found = reader(words, embedder, sentence_cosine=1.0).read(["When did the embassies open?"], [[hit()]])[0]
    assert found[0].span == Span("d", 131, 160)
    assert {(item.start, item.end) for item in found} == set(RANGES[:3]), "a sentence of two signs says nothing"
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)


def test_the_score_is_the_weighted_sum_of_the_figures(
    words: TantivyStore, embedder: SentenceTransformerEmbedder
) -> None:
    weights = {"sentence_words": 2.0, "is_question": -1.0, "kind": 0.25}
    found = {
        item.start: item for item in reader(words, embedder, **weights).read(["When did embassies open?"], [[hit()]])[0]
    }
    assert found[31].features["sentence_words"] == pytest.approx(1.0)
    assert found[31].score == pytest.approx(2.0 + 0.25)
    assert found[18].score == pytest.approx(-1.0 - 0.25)
    assert found[0].no_answer == -found[0].score


def test_equal_scores_come_in_order_of_place(words: TantivyStore, embedder: SentenceTransformerEmbedder) -> None:
    found = reader(words, embedder, passage_cosine=1.0).read(["oil"], [[hit(start=500), hit(start=100)]])[0]
    assert [item.span.start for item in found] == [100, 118, 131, 500, 518, 531]


def test_what_was_asked_before_changes_nothing(words: TantivyStore, embedder: SentenceTransformerEmbedder) -> None:
    one, other = (reader(words, embedder, sentence_cosine=1.0) for _ in range(2))
    other.read(["Something else?", "Is oil cheap?"], [[hit(start=900)], [hit(0.1)]])
    question = "When did the embassies open?"
    assert [item.score for item in one.read([question], [[hit()]])[0]] == [
        item.score for item in other.read([question], [[hit()]])[0]
    ]


def test_no_passages_give_no_sentences(words: TantivyStore, embedder: SentenceTransformerEmbedder) -> None:
    assert reader(words, embedder).read(["oil", "gas"], [[], []]) == [[], []]
