import dataclasses
from typing import Any

from rag.answering.explanation import features_of
from rag.core.response import Response
from rag.core.types import Document
from rag.server.page.html.answers.explanation import explanation_html
from tests.responses import answer, answered
from tests.server.page.pages import Reading

DOCUMENT = Document("d", "It rained. The bell rang.")
CHUNK = {"chunk_id": "d:0-25", "score": 1.25}
OTHER = {"chunk_id": "e:0-9", "score": 2.0}


def explained(**found: Any) -> Response:
    made = answered(answer(DOCUMENT, 11, 25, confidence=0.7))
    return dataclasses.replace(made, explain=found, timings_ms={"embed": 4.2, "total": 60.0, "read": 51.0})


def shown(response: Response) -> Reading:
    return Reading(explanation_html(response, response.answers[0]))


def test_each_stage_has_the_rank_and_score_of_this_answers_passage() -> None:
    found = shown(explained(lexical=[{**OTHER, "rank": 1}, {**CHUNK, "rank": 2}], dense=[{**OTHER, "rank": 1}]))
    assert found.texts("td") == ["2", "1.250", "after the first 1", "–"]
    assert found.texts("th")[3:] == ["Words (BM25)", "Meaning (vectors)"]


def test_the_figures_are_those_of_the_extraction_that_became_this_answer() -> None:
    wrong = {"chunk_id": "d:0-25", "start": 0, "end": 10, "rank": 1, "score": 3.0, "features": {"overlap": 9.0}}
    right = {**wrong, "start": 11, "end": 25, "rank": 2, "features": {"overlap": 0.5}}
    elsewhere = {**right, "chunk_id": "e:0-25", "features": {"overlap": 7.0}}
    response = explained(read=[wrong, elsewhere, right])
    assert features_of(response, response.answers[0]) == {"overlap": 0.5}
    assert shown(response).texts("dt") == ["overlap"] and shown(response).texts("dd") == ["0.5"]


def test_the_figures_are_bars_in_groups_with_words_a_reader_has() -> None:
    features = {"sentence_words": 0.5, "passage_cosine": 0.25, "ahead_of_next": 0.0, "unheard_of": 1.0}
    item = {"chunk_id": "d:0-25", "start": 11, "end": 25, "rank": 1, "score": 3.0, "features": features}
    found = shown(explained(read=[item]))
    assert found.of_class("pc-group") == ["Words in common", "Likeness of meaning", "Judgement of the reader"]
    assert dict(zip(found.texts("dt"), found.texts("dd"), strict=True)) == {
        "Words of the question in this sentence": "50%",
        "Passage and question": "25%",
        "Lead over the next candidate": "0.0",
    }
    assert found.attribute("style") == ["--share: 50%", "--share: 25%", "--share: 50%"]


def test_it_says_whether_the_confidence_was_enough() -> None:
    assert "Its confidence of 70% is at least the 31% asked for: shown." in shown(explained(threshold=0.31)).text
    assert "Its confidence of 70% is below the 90% asked for: withheld." in shown(explained(threshold=0.9)).text
    assert "0.700 is below the 0.704 asked for" in shown(explained(threshold=0.704)).text


def test_the_words_of_the_question_are_named_with_how_common_they_are() -> None:
    terms = [{"word": "<b>", "passages": 1}, {"word": "bell", "passages": 12}]
    found = shown(explained(question={"terms": terms, "misspelt": {"rnag": ["rang"]}}))
    assert found.texts("bdi") == ["<b> (1 passage)", "bell (12 passages)", "rnag as rang"]


def test_times_end_with_their_total() -> None:
    assert shown(explained()).texts("p") == ["Times: embed 4 ms, read 51 ms, total 60 ms."]


def test_a_response_that_was_not_explained_has_no_panel() -> None:
    response = answered(answer(DOCUMENT, 11, 25))
    assert explanation_html(response, response.answers[0]) == ""
    assert features_of(response, response.answers[0]) == {}
