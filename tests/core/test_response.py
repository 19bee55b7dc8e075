"""A response that exists may be shown: everything else raises at construction."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from rag.answering.citation import cite
from rag.core.citations import Citation
from rag.core.errors import InvalidInput, VerificationError
from rag.core.presentation.dataframe import responses_to_dataframe
from rag.core.presentation.text_fragment import url_fragment
from rag.core.response import Answer, Doubt, IndexInfo, NoAnswer, Remarks, Response, ranked
from rag.core.types import Chunk, Document, Span

TEXT = "Baku 😀 is a city. It lies on the Caspian Sea, but below its level.\n"
DOCUMENT = Document("d.txt", TEXT, "Cities", metadata={"uri": "https://example.org/a#top"})
REMARKS = Remarks(("but", "but below its level."), "conditional", (Doubt("condition", "It holds under a condition."),))
INDEX = IndexInfo(1, "sha256:" + "0" * 64, 1, 1, "model")


def citation(start: int = 0, end: int = 17) -> Citation:
    return cite(DOCUMENT, Chunk(Span("d.txt", 0, len(TEXT)), TEXT), Span("d.txt", start, end), 1)


def answer(**changes: Any) -> Answer:
    made = citation()
    given: dict[str, Any] = {
        "rank": 1, "answer_type": "sentence", "score": 1.5, "confidence": 0.8, "context": TEXT[:17],
        "context_span": made.span, "citation": made,
    }  # fmt: skip
    return Answer(**{**given, **changes})


def test_a_quote_of_another_length_than_its_span_is_no_citation() -> None:
    with pytest.raises(VerificationError):
        replace(citation(), quote="Baku")


def test_an_unverified_citation_cannot_be_made() -> None:
    with pytest.raises(VerificationError):
        replace(citation(), verified=False)


@pytest.mark.parametrize("changes", [
    {"confidence": 1.01}, {"confidence": -0.1}, {"score": math.nan}, {"rank": 0}, {"answer_type": "story"},
    {"scores": {"dense": math.inf}},
])  # fmt: skip
def test_figures_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="answer"):
        answer(**changes)


def test_a_context_must_hold_the_quote_where_it_says() -> None:
    with pytest.raises(VerificationError):
        answer(context="Baku 😀 is a town.")
    with pytest.raises(VerificationError):
        answer(context=TEXT[18:30], context_span=Span("d.txt", 18, 30))


def test_the_context_offset_is_where_the_quote_stands_in_the_context() -> None:
    made = citation(7, 16)
    found = answer(citation=made, context=TEXT[:17], context_span=Span("d.txt", 0, 17))
    start, end = found.context_offset
    assert found.context[start:end] == found.answer == TEXT[7:16]


def test_a_response_has_answers_or_a_reason_never_both_and_never_neither() -> None:
    refusal = NoAnswer("no_match", "Nothing.")
    with pytest.raises(ValueError, match="either answers or a no-answer"):
        Response("r_0", "?", (), None, INDEX)
    with pytest.raises(ValueError, match="either answers or a no-answer"):
        Response("r_0", "?", (answer(),), refusal, INDEX)
    assert Response("r_0", "?", (), refusal, INDEX).status == "no_answer"


def test_answers_stand_in_order_of_rank() -> None:
    with pytest.raises(ValueError, match="order of rank"):
        Response("r_0", "?", (answer(rank=2),), None, INDEX)
    found = ranked([answer(), answer()])
    assert [(item.rank, item.citation.number) for item in found] == [(1, 1), (2, 2)]


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown reason"):
        NoAnswer("tired", "No.")  # type: ignore[arg-type]


@pytest.mark.parametrize(("confidence", "level"), [
    (1.0, "very_high"), (0.9, "very_high"), (0.89, "high"), (0.7, "high"), (0.4, "medium"), (0.39, "low"), (0.0, "low"),
])  # fmt: skip
def test_levels_begin_at_their_documented_bounds(confidence: float, level: str) -> None:
    assert answer(confidence=confidence).confidence_level == level


def test_json_keeps_letters_and_gives_utf16_offsets_beside_code_points() -> None:
    made = answer(citation=citation(7, 16), context=TEXT, context_span=Span("d.txt", 0, len(TEXT)))
    response = Response("r_0", "Où ?", (made,), None, INDEX)
    text = response.to_json()
    found = json.loads(text)["answers"][0]["citation"]
    assert "Où ?" in text
    assert found["document_offset"] == {"start": 7, "end": 16}
    assert found["document_offset_utf16"] == {"start": 8, "end": 17}
    assert found["selector"][0] == {
        "type": "TextQuoteSelector", "exact": "is a city", "prefix": "Baku 😀 ", "suffix": TEXT[16:48],
    }  # fmt: skip


def test_a_text_fragment_escapes_what_has_a_meaning_there() -> None:
    assert url_fragment("https://e.org/a#top", "one-two, three & 4") == (
        "https://e.org/a#:~:text=one%2Dtwo%2C%20three%20%26%204"
    )
    assert url_fragment(None, "x") is None
    assert url_fragment("file:///a", "x") is None


def test_a_short_quote_is_given_with_the_words_around_it_on_its_line() -> None:
    text = "Bicycles: up to 120 euros a year.\nEmployees may book hotels up to 120 euros per night in Germany.\n"
    start = text.rindex("120 euros")
    around = text[start - 32 : start], text[start + 9 : start + 41]
    assert url_fragment("https://e.org/", "120 euros", *around) == (
        "https://e.org/#:~:text=hotels%20up%20to-,120%20euros,-per%20night%20in"
    )
    assert url_fragment("https://e.org/", "Bicycles", "Title\n", ": up to 120 euros a year.") == (
        "https://e.org/#:~:text=Bicycles,-%3A%20up%20to"
    )
    assert (
        url_fragment("https://e.org/", "x" * 60, "one two three ", " four five") == f"https://e.org/#:~:text={'x' * 60}"
    )


def test_a_long_quote_is_given_by_its_ends() -> None:
    quote = " ".join(f"w{number}" for number in range(100))
    assert (
        url_fragment("https://e.org/", quote)
        == "https://e.org/#:~:text=w0%20w1%20w2%20w3%20w4,w95%20w96%20w97%20w98%20w99"
    )


def test_a_response_is_read_back_from_its_json_exactly() -> None:
    first = replace(answer(scores={"dense": 0.5}), also_in=(citation(18, 30),), remarks=REMARKS)
    refusal = NoAnswer("low_confidence", "None.", 0.5, 0.4, (first,), ("a",), (first,), 0.3, ("b",))
    responses = [
        Response("r_1", "Where?", (first,), None, INDEX, {"groups": [[1]], "differ": False}, {"total": 12.5}),
        Response("r_2", "Where?", (), refusal, INDEX),
        Response("r_3", "", (), NoAnswer("empty_question", "Empty."), replace(INDEX, engine={"name": "Milvus"})),
    ]
    for response in responses:
        assert Response.from_dict(json.loads(response.to_json())) == response


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": None}, "no saved response"),
        ({"index": {"version": 1}}, "no saved response"),
        ({"answers": []}, "either answers or a no-answer"),
        ({"question": KeyError}, "it lacks 'question'"),
    ],
)
def test_what_is_no_response_is_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    content = {**Response("r_1", "Where?", (answer(),), None, INDEX).to_dict(), **change}
    content = {key: value for key, value in content.items() if value is not KeyError}
    with pytest.raises(InvalidInput, match=message):
        Response.from_dict(content)


def test_a_saved_response_whose_quotation_was_edited_is_refused() -> None:
    content = Response("r_1", "Where?", (answer(),), None, INDEX).to_dict()
    content["answers"][0]["citation"]["selector"][0]["exact"] = "Baku is not a city"
    with pytest.raises(VerificationError):
        Response.from_dict(content)


def test_responses_become_a_table_with_a_row_for_each_quotation() -> None:
    two = Response("r_1", "Where?", ranked([answer(), answer()]), None, INDEX)
    none = Response("r_2", "Who?", (), NoAnswer("no_match", "None."), INDEX)
    table = responses_to_dataframe([two, none])
    assert table["question"].tolist() == ["Where?", "Where?", "Who?"]
    assert table["answer"].tolist()[:2] == [TEXT[:17]] * 2 and table["reason"].tolist()[2] == "no_match"
    assert TEXT[int(table["start"][0]) : int(table["end"][0])] == table["answer"][0]
    assert responses_to_dataframe([]).columns.tolist() == table.columns.tolist()
