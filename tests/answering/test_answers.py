"""From extractions to answers: copies as one, whole sentences, other figures side by side, widening.

The reader here takes out what a pattern finds, so that a test decides what was read; all else is the real thing.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rag
from rag.answering.answers import AnswerMaker
from rag.answering.assistant import Assistant
from rag.answering.confidence import Calibration
from rag.answering.relations.statements import Statement
from rag.answering.selection import MAX_COMPARED_EXTRACTIONS, select
from rag.core.errors import EvaluationError, InvalidSettings, VerificationError
from rag.core.protocols import Embedder
from rag.core.response import Response
from rag.core.settings import Settings
from rag.core.text.plain_text import response_lines
from rag.core.types import Document, Extraction, Hit
from rag.index.filters import DocumentSelection
from rag.index.index import Index
from rag.retrieval.candidates import MIN_READ_PASSAGES
from rag.server.page.html.answers.cards import response_html

SCHEMA = json.loads((Path(rag.__file__).parent / "response.schema.json").read_text(encoding="utf-8"))

# Probability = 1 / (1 + exp(-x)) of the one feature, so 0.0 gives one half.
SURE = Calibration(
    ("x",), (0.0,), (1.0,), (1.0,), 0.0, 0.4, ((0.0, 0.6, 1.0), (0.5, 0.9, 0.5), (0.9, 0.97, 0.1)), "", 9
)
ARTICLES = {
    "a": "Israel buys 40 percent of its oil from Baku. But the share may fall, ministers said.\n\nIt also buys wheat.",
    "b": "A new start.\n\nIsrael buys 40 percent of its oil from Baku. The rest comes from Gabon.",
    "c": "Israel buys 40 per cent of its oil from Baku, the agency said. Nobody else sells as much.",
    "d": "Israel buys 35 percent of its oil from Baku. In all it buys more than 20 million barrels a year.",
    "e": "Missiles are LORA, Barak-8 and Spike. The same is told of LORA in the book.",
}


class Matches:
    """Reads what a pattern finds, in the order of the hits, each surer by `step` than the next."""

    def __init__(self, pattern: str, step: float = 0.1, whole: bool = False) -> None:
        self._pattern, self._step, self._whole = pattern, step, whole

    def read(self, questions: Sequence[str], hits: Sequence[Sequence[Hit]]) -> list[list[Extraction]]:
        return [self._of(found) for found in hits]

    def _of(self, hits: Sequence[Hit]) -> list[Extraction]:
        made: list[Extraction] = []
        for hit in sorted(hits, key=lambda hit: hit.chunk.id):
            for match in re.finditer(self._pattern, hit.chunk.text):
                score = 1.0 - self._step * len(made)
                kind = "sentence" if self._whole else "span"
                made.append(Extraction(hit, *match.span(), kind, score, -score, {"x": score}))  # type: ignore[arg-type]
        return made


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Index]:
    documents = [Document(key, text) for key, text in ARTICLES.items()]
    made = Index.build(documents, tmp_path_factory.mktemp("answers") / "index", embedder=embedder)
    yield made
    made.close()


def asked(
    index: Index, pattern: str, question: str = "What share of its oil does Israel buy?", **given: Any
) -> Response:
    whole = bool(given.pop("whole", False))
    reader = Matches(pattern, given.pop("step", 0.1), whole)
    return Assistant(index, reader=reader, calibration=SURE).ask(question, **given)


def places(response: Response) -> list[list[str]]:
    return [
        [answer.citation.span.document_id, *(other.span.document_id for other in answer.also_in)]
        for answer in response.answers
    ]


def test_copies_are_one_answer_and_another_figure_is_another(index: Index) -> None:
    response = asked(index, r"\d+ per ?cent")
    assert places(response) == [["a", "b", "c"], ["d"]]
    assert response.agreement == {"groups": [[1], [2]], "differ": True}


@pytest.mark.parametrize("given", [{"top_k": 1}, {"min_confidence": 0.7, "step": 0.3}])
def test_asking_more_strictly_hides_no_disagreement(index: Index, given: dict[str, Any]) -> None:
    response = asked(index, r"\d+ per ?cent", **given)
    assert len(response.answers) == 1
    assert response.agreement == {"groups": [[1]], "differ": False, "withheld_differ": 1}
    note = "1 answer that differs is not shown: ask for more."
    assert note in response.to_markdown()
    assert note in response_html(response)
    jsonschema.validate(json.loads(response.to_json()), SCHEMA)
    assert "withheld_differ" not in asked(index, r"\d+ per ?cent").agreement


def test_the_terminal_says_what_is_withheld(index: Index) -> None:
    withheld = "1 answer that differs is not shown: ask for more."
    assert withheld in response_lines(asked(index, r"\d+ per ?cent", top_k=1))
    assert not any("not shown" in line for line in response_lines(asked(index, r"\d+ per ?cent")))


def test_a_copy_that_the_reader_passed_over_is_found_too(index: Index) -> None:
    response = asked(index, "40 percent of its oil from Baku. But")
    assert places(response) == [["a"]]
    response = asked(index, "40 percent(?= of its oil from Baku. But)")
    assert places(response) == [["a", "b", "c"]]
    quotes = [citation.quote for citation in response.answers[0].also_in]
    # At the same place of a sentence that is the same to the letter, else the sentence whole.
    assert quotes == ["40 percent", "Israel buys 40 per cent of its oil from Baku, the agency said."]


def test_a_span_shows_its_sentence_and_how_the_source_goes_on(index: Index) -> None:
    best = asked(index, "40 percent").answers[0]
    assert best.context == "Israel buys 40 percent of its oil from Baku."
    assert best.continues == ("but", "But the share may fall, ministers said.")


def test_a_sentence_gives_one_answer_but_for_a_list(index: Index) -> None:
    one = asked(index, "LORA|Barak-8|Spike", "What is the missile called?")
    assert [answer.answer for answer in one.answers] == ["LORA", "LORA"]
    several = asked(index, "LORA|Barak-8|Spike", "Which missiles are there?")
    assert [answer.answer for answer in several.answers] == ["LORA", "Barak-8", "Spike", "LORA"]


def test_overlapping_extractions_are_one_answer(index: Index) -> None:
    class Twice(Matches):
        def _of(self, hits: Sequence[Hit]) -> list[Extraction]:
            return [item for found in super()._of(hits) for item in (found, replace(found, end=found.end + 1))]

    found = Assistant(index, reader=Twice("LORA"), calibration=SURE).ask("Which missiles are there?")
    assert [answer.answer for answer in found.answers] == ["LORA", "LORA"]


def test_another_figure_is_shown_though_it_is_less_sure_unless_a_threshold_is_asked_for(index: Index) -> None:
    pattern = r"Israel buys \d+ per ?cent[^.]*\.|In all[^.]*\."
    whole: dict[str, Any] = {"whole": True, "step": 0.7}
    response = asked(index, pattern, **whole)
    assert places(response) == [["a", "b", "c"], ["d"]]
    assert response.answers[1].confidence < SURE.threshold <= response.answers[0].confidence
    assert places(asked(index, pattern, min_confidence=0.4, **whole)) == [["a", "b", "c"]]
    assert places(asked(index, pattern, min_precision=0.6, top_k=1, **whole)) == [["a", "b", "c"]]


def test_a_wanted_precision_sets_the_threshold_of_the_calibration(index: Index) -> None:
    assert asked(index, "40 percent", min_precision=0.9).status == "answered"  # 0.73 reaches 0.5
    refused = asked(index, "40 percent", min_precision=0.95).no_answer
    assert refused is not None
    assert (refused.reason, refused.threshold) == ("low_confidence", 0.9)
    with pytest.raises(EvaluationError, match=r"precision of 0.99 .* the best was 0.970"):
        asked(index, "40 percent", min_precision=0.99)
    with pytest.raises(InvalidSettings, match="Both"):
        asked(index, "40 percent", min_precision=0.9, min_confidence=0.5)
    with pytest.raises(InvalidSettings, match="min_precision"):
        asked(index, "40 percent", min_precision=95)


def test_a_threshold_in_the_call_goes_before_a_precision_in_the_settings(index: Index) -> None:
    settings = Settings(min_precision=0.95)
    assistant = Assistant(index, settings, Matches("40 percent"), SURE)
    assert assistant.ask("What share?").status == "no_answer"
    assert assistant.ask("What share?", min_confidence=0.1).status == "answered"


def test_widening_keeps_the_answer_and_proves_the_wider_context(index: Index) -> None:
    assistant = Assistant(index, reader=Matches("40 percent"), calibration=SURE)
    answer = assistant.ask("What share?").answers[0]
    wider = assistant.widen(answer, before=0, after=1)
    assert wider.context == "Israel buys 40 percent of its oil from Baku. But the share may fall, ministers said."
    assert wider.continues is None
    start, end = wider.context_offset
    assert wider.context[start:end] == wider.answer == answer.answer
    assert assistant.widen(answer, 0, 0) == answer
    assert assistant.widen(wider, 50, 50).context == ARTICLES["a"]


def test_widening_an_answer_of_another_text_raises(index: Index) -> None:
    assistant = Assistant(index, reader=Matches("40 percent"), calibration=SURE)
    answer = assistant.ask("What share?").answers[0]
    other = replace(answer, citation=replace(answer.citation, content_sha256="0" * 64))
    with pytest.raises(VerificationError):
        assistant.widen(other)


def test_every_extraction_is_an_answer_or_is_dropped_with_a_reason(index: Index) -> None:
    assistant = Assistant(index, reader=Matches(r"\w+ (?=\w)", step=0.01), calibration=SURE)
    read = assistant.pipeline()._read(["What is there?"], assistant.settings, DocumentSelection())[0].extractions
    read = read[:MAX_COMPARED_EXTRACTIONS]
    chosen = select(AnswerMaker(index, Settings(), SURE), "What is there?", read, top_k=2)
    answered = [item.answer.citation.span for item in chosen.answers]
    assert sorted([*answered, *(item.span for item in chosen.dropped)]) == sorted(item.span for item in read)
    assert all(read[item.rank - 1].span == item.span and item.reason for item in chosen.dropped)


def test_a_question_that_names_nothing_is_refused_before_anything_is_read(index: Index) -> None:
    for question in ("And when was that?", "What about him?", "Where was she born?"):
        refusal = asked(index, "40 percent", question).no_answer
        assert refusal is not None
        assert (refusal.reason, refusal.closest, refusal.best_confidence) == ("needs_context", (), None)
    # Words to search by are no question: a search takes any.
    assert Assistant(index).search("that share")


def test_explaining_tells_each_stage_and_why_the_rest_went(index: Index) -> None:
    told = asked(index, r"\d+ per ?cent", "What share of its oil does Isreal buy?", explain=True).explain
    assert told is not None
    assert told["question"]["misspelt"] == {"isreal": ["israel"]}
    assert told["question"]["form"] == "number"
    for stage in ("lexical", "dense", "fused"):
        assert [item["rank"] for item in told[stage]] == list(range(1, len(told[stage]) + 1))
        assert set(told["fused"][0]["scores"]) == {"dense", "bm25", "fused"}
    reasons = {(item["document_id"], item["reason"]) for item in told["dropped"] if item["stage"] == "read"}
    assert reasons == {(key, "a copy of answer 1, in its also_in") for key in ("b", "c")}


def test_responses_do_not_depend_on_what_was_asked_before(index: Index, tmp_path: Path) -> None:
    first = Assistant(index, reader=Matches(r"\d+ per ?cent"), calibration=SURE)
    questions = ["What share of its oil does Israel buy?", "Which missiles are there?"]
    forwards = [first.ask(question).to_dict() for question in questions]
    second = Assistant(index, reader=Matches(r"\d+ per ?cent"), calibration=SURE)
    backwards = [second.ask(question).to_dict() for question in reversed(questions)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert {**one, "timings_ms": 0} == {**other, "timings_ms": 0}


def test_mirrors_of_a_passage_take_no_place_of_another(tmp_path: Path, embedder: Embedder) -> None:
    mirrored = "The tower of Arvand is 90 metres tall. It was built by monks."
    texts = {f"mirror{number}": mirrored for number in range(6)}
    texts |= {"other": "The tall tower has 85 metres, some travellers tell of Arvand in books."}
    index = Index.build([Document(key, text) for key, text in texts.items()], tmp_path / "index", embedder=embedder)
    assistant = Assistant(index, Settings(read_passages=2), Matches(r"\d+ metres"), SURE)
    response = assistant.ask("How tall is the tower?", explain=True)
    index.close()
    assert response.explain is not None
    reasons = [item["reason"] for item in response.explain["dropped"] if item["stage"] == "fused"]
    assert reasons.count("repeats passages that were read") == 5
    assert sorted(map(len, places(response))) == [1, 6]
    assert response.agreement["differ"]


def test_passages_far_below_the_best_are_not_read_by_a_model(tmp_path: Path, embedder: Embedder) -> None:
    texts = {f"note{number}": f"Note {number} is about gardens in spring." for number in range(20)}
    texts["tower"] = "The tower of Arvand is 90 metres tall."
    index = Index.build([Document(key, text) for key, text in texts.items()], tmp_path / "index", embedder=embedder)

    def read(settings: Settings) -> list[str]:
        assistant = Assistant(index, settings, Matches(r"\d+"), SURE)
        return [hit.chunk.span.document_id for hit in assistant.pipeline().passages(["How tall is the tower?"])[0]]

    assert len(read(Settings())) == MIN_READ_PASSAGES
    assert read(Settings())[0] == "tower"
    assert len(read(Settings(reader="sentences"))) == Settings().read_passages
    index.close()


def test_a_sentence_in_two_passages_is_quoted_whole(tmp_path: Path, embedder: Embedder) -> None:
    long = "The tower of Arvand " + "and the mill of the old town " * 14 + "are both of stone."
    index = Index.build(
        [Document("d", f"It is told. {long} So it is.")], tmp_path / "i", Settings(chunk_size=200), embedder=embedder
    )
    assert any("tower" in chunk.text and "stone" not in chunk.text for chunk in index.chunks("d"))
    assistant = Assistant(index, None, Matches(r"The tower.*(?=\s)", whole=True), SURE)
    assert assistant.ask("What is the tower of Arvand made of?").answers[0].answer == long
    index.close()


def test_fewer_answers_are_the_first_of_more(index: Index) -> None:
    maker = AnswerMaker(index, Settings(), SURE)
    assistant = Assistant(index, reader=Matches(r"\d+ \w+", step=0.01), calibration=SURE)
    read = assistant.pipeline()._read(["How many?"], assistant.settings, DocumentSelection())[0].extractions
    wide = select(maker, "How many?", read, top_k=5)
    for count in (1, 2, 3):
        narrow = select(maker, "How many?", read, top_k=count)
        assert wide.first(count).answers == narrow.answers
        assert {item.span for item in wide.first(count).dropped} == {item.span for item in narrow.dropped}


def test_a_warm_question_with_two_answers_states_each_once_and_looks_documents_up_twice(
    seeds_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = Assistant(seeds_index)
    question = "How much of its oil does Israel buy from Azerbaijan?"
    first = assistant.ask(question, top_k=2)
    statements: list[object] = []
    looked_up: list[str] = []
    init, document = Statement.__init__, Index.document

    def counted_init(self: Statement, *values: Any, **named: Any) -> None:
        statements.append((values, named))
        init(self, *values, **named)

    def counted_document(self: Index, document_id: str) -> Document | None:
        looked_up.append(document_id)
        return document(self, document_id)

    monkeypatch.setattr(Statement, "__init__", counted_init)
    monkeypatch.setattr(Index, "document", counted_document)
    again = assistant.ask(question, top_k=2)
    assert [answer.answer for answer in again.answers] == [answer.answer for answer in first.answers]
    assert len(again.answers) == 2
    assert 0 < len(statements) <= 60
    assert max(map(looked_up.count, looked_up)) <= 2
