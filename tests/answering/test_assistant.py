"""Journey 2 over the seed articles, and the laws on every response."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rag
from rag.answering.assistant import Assistant
from rag.core.errors import InvalidFilter, InvalidQuestion, InvalidSettings, VerificationError
from rag.core.protocols import Embedder
from rag.core.response import Answer, Response
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.index import Index
from rag.reading.reader_model import span_model

SCHEMA = json.loads((Path(rag.__file__).parent / "response.schema.json").read_text(encoding="utf-8"))
QUESTIONS = [
    "Why did Armenia recall its ambassador to Israel?", "What share of its oil does Israel buy from Azerbaijan?",
    "When did the Soviet Union collapse?", "How do I bake sourdough bread?", "drones", "Be the first to comment",
    "Newsfeed", "Заголовок открываемого материала", "?!", "", "Who?", "<img src=x onerror=alert(1)>",
]  # fmt: skip


@pytest.fixture(scope="module")
def assistant(seeds_index: Index) -> Assistant:
    return Assistant(seeds_index)


@pytest.fixture(scope="module")
def responses(assistant: Assistant) -> dict[str, Response]:
    # A threshold of 0 shows every candidate, so that the laws are checked on bad answers too.
    return {question: assistant.ask(question, min_confidence=0.0) for question in QUESTIONS}


def shown(response: Response) -> list[Answer]:
    return [*response.answers, *(response.no_answer.closest if response.no_answer else ())]


def test_every_quote_and_context_is_a_slice_of_its_document(responses: dict[str, Response], seeds: Path) -> None:
    for response in responses.values():
        for answer in shown(response):
            for citation in (answer.citation, *answer.also_in):
                text = (seeds / citation.span.document_id).read_bytes().decode("utf-8")
                assert text[citation.span.start : citation.span.end] == citation.quote
            start, end = answer.context_offset
            assert answer.context[start:end] == answer.answer
            assert text[answer.context_span.start : answer.context_span.end] == answer.context


def test_nothing_masked_is_ever_shown(assistant: Assistant, responses: dict[str, Response]) -> None:
    for response in responses.values():
        for answer in shown(response):
            masks = assistant.index.masks(answer.citation.span.document_id)
            assert not any(mask.span.overlaps(answer.context_span) for mask in masks)


def test_without_the_reader_model_answers_are_whole_sentences(seeds_index: Index) -> None:
    question = "When did the Soviet Union collapse?"
    words = Assistant(seeds_index).ask(question).answers[0]
    whole = Assistant(seeds_index, Settings(reader="sentences")).ask(question).answers[0]
    assert (words.answer, words.answer_type, whole.answer_type) == ("1991", "span", "sentence")
    assert whole.answer in words.context and "1991" in whole.answer


def test_every_response_meets_the_published_schema(responses: dict[str, Response], assistant: Assistant) -> None:
    explained = assistant.ask(QUESTIONS[0], explain=True)
    refused = assistant.ask(QUESTIONS[3], min_confidence=1.0)
    assert refused.no_answer
    assert refused.no_answer.closest
    for response in (*responses.values(), explained, refused):
        jsonschema.validate(json.loads(response.to_json()), SCHEMA)


def test_the_schema_refuses_what_is_no_response(responses: dict[str, Response]) -> None:
    good = json.loads(responses[QUESTIONS[0]].to_json())
    spoiled: list[dict[str, Any]] = [
        {**good, "status": "no_answer"}, {**good, "answers": []}, {**good, "extra": 1},
        {**good, "answers": [{**good["answers"][0], "confidence": 2}]},
    ]  # fmt: skip
    for content in spoiled:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content, SCHEMA)


def without_timings(response: Response) -> dict[str, Any]:
    return {key: value for key, value in response.to_dict().items() if key != "timings_ms"}


def test_the_same_question_gives_the_same_response(assistant: Assistant, responses: dict[str, Response]) -> None:
    fresh = Assistant(assistant.index)
    for question in reversed(QUESTIONS):
        assert without_timings(fresh.ask(question, min_confidence=0.0)) == without_timings(responses[question])
    many = fresh.ask_many(QUESTIONS, min_confidence=0.0)
    assert [without_timings(response) for response in many] == [without_timings(item) for item in responses.values()]


def test_the_response_id_tells_settings_apart(assistant: Assistant) -> None:
    ids = {assistant.ask(QUESTIONS[0], top_k=k).response_id for k in (1, 2, 2)}
    assert len(ids) == 2


def test_the_answer_is_found_and_says_where(responses: dict[str, Response]) -> None:
    best = responses["When did the Soviet Union collapse?"].answers[0]
    assert "1991" in best.answer
    assert best.citation.place.line_start == 20
    assert best.citation.place.headings == ("Beginning of Friendship",)
    assert best.citation.source.title == "Pure Friendship or Vested Interest? Israel-Azerbaijan Relations Explained"


def test_what_the_documents_do_not_hold_is_refused_with_its_words(assistant: Assistant) -> None:
    refusal = assistant.ask("How do I bake sourdough bread?").no_answer
    assert refusal is not None
    assert refusal.reason == "low_confidence"
    assert refusal.missing_terms == ("bake", "sourdough", "bread")
    assert refusal.best_confidence is not None
    assert refusal.threshold is not None
    assert refusal.best_confidence < refusal.threshold


def test_words_that_stand_only_in_masked_text_are_told_from_words_in_no_document(assistant: Assistant) -> None:
    refusal = assistant.ask("What does the newsfeed say about sourdough?").no_answer
    assert refusal is not None
    assert (refusal.missing_terms, refusal.skipped_terms) == (("sourdough",), ("newsfeed",))


def test_a_blank_question_is_refused_and_a_long_one_is_an_error(assistant: Assistant) -> None:
    refusal = assistant.ask(" \n ").no_answer
    assert refusal is not None
    assert refusal.reason == "empty_question"
    with pytest.raises(InvalidQuestion, match="100,000 characters"):
        assistant.ask("x" * 100_000)
    with pytest.raises(InvalidQuestion, match="surrogate"):
        assistant.ask("\ud800")


def test_arguments_out_of_range_are_errors(assistant: Assistant) -> None:
    with pytest.raises(InvalidSettings, match="top_k"):
        assistant.ask("oil", top_k=0)
    with pytest.raises(InvalidSettings, match="min_confidence"):
        assistant.ask("oil", min_confidence=1.5)
    with pytest.raises(InvalidFilter, match="Did you mean 'publisher'"):
        assistant.ask("oil", filters={"publishers": "x"})


def test_top_k_bounds_the_answers_and_confidence_never_rises_down_the_list(
    responses: dict[str, Response], assistant: Assistant
) -> None:
    assert len(assistant.ask(QUESTIONS[0], top_k=2, min_confidence=0.0).answers) == 2
    for response in responses.values():
        figures = [answer.confidence for answer in response.answers]
        assert figures == sorted(figures, reverse=True)


def test_search_returns_passages_that_claim_nothing(assistant: Assistant) -> None:
    found = assistant.search("ballistic missiles", top_k=3)
    assert [item.rank for item in found] == [1, 2, 3]
    assert all(item.answer_type == "passage" and item.confidence == 0.0 for item in found)
    assert "LORA" in found[0].answer
    assert assistant.search("   ") == []


def test_an_empty_index_says_so(tmp_path: Path, embedder: Embedder) -> None:
    index = Index.build([Document("d", "Subscribe")], tmp_path / "index", embedder=embedder)
    index.remove("d")
    refusal = Assistant(index).ask("Who?").no_answer
    assert refusal is not None
    assert refusal.reason == "empty_index"
    index.close()


@pytest.fixture
def twins(tmp_path: Path, embedder: Embedder) -> Iterator[Index]:
    text = "The bridge over the Kura was opened in 1931. It is made of steel.\n"
    index = Index.build(
        [Document("a", text), Document("b", f"Another start.\n\n{text}")], tmp_path / "i", embedder=embedder
    )
    yield index
    index.close()


def test_the_same_sentence_elsewhere_is_one_answer_with_both_places(twins: Index) -> None:
    response = Assistant(twins).ask("When was the bridge over the Kura opened?", min_confidence=0.0)
    best = response.answers[0]
    assert {best.citation.span.document_id, *(other.span.document_id for other in best.also_in)} == {"a", "b"}
    assert sum(answer.answer == best.answer for answer in response.answers) == 1


def test_a_corrupted_character_raises_and_is_never_shown(twins: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    assistant, document = Assistant(twins), twins.document("a")
    assert document is not None
    tampered = Document("a", document.text.replace("1931", "1932"))
    tampered.__dict__["text_sha256"] = document.text_sha256
    monkeypatch.setattr(Index, "document", lambda self, key: tampered if key == "a" else self.store.document(key))
    with pytest.raises(VerificationError):
        assistant.ask("When was the bridge over the Kura opened?", min_confidence=0.0)


def test_a_saved_response_is_rechecked_against_the_index_as_it_is(twins: Index) -> None:
    assistant = Assistant(twins)
    saved = json.loads(assistant.ask("When was the bridge opened?", min_confidence=0.0, top_k=1).to_json())
    assert [item.status for item in assistant.verify(saved)] == ["exact", "exact"]
    document = twins.document("a")
    assert document is not None
    twins.add([Document("a", "A line before.\n\n" + document.text), Document("b", "All is new here.")])
    assistant.refresh()
    assert sorted(item.status for item in assistant.verify(saved)) == ["gone", "moved"]


def test_settings_that_shape_an_index_cannot_be_changed_at_asking(seeds_index: Index) -> None:
    with pytest.raises(InvalidSettings, match="--rebuild"):
        Assistant(seeds_index, seeds_index.settings.updated({"chunk_size": 300}))


def test_after_warming_the_models_are_there(seeds_index: Index) -> None:
    span_model.cache_clear()
    warmed = Assistant(Index.open(seeds_index.path))
    warmed.warm()
    assert span_model.cache_info().currsize == 1
    loads = span_model.cache_info().misses
    warmed.ask(QUESTIONS[0])
    assert span_model.cache_info().misses == loads
