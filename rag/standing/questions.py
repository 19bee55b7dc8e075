"""Adds, lists, removes and checks the standing questions of an index.

A check asks a question again only if a change can touch it: if the passages that would be read for it now are not those
that were read last time, or if a document that it quotes has changed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.core.errors import InvalidInput
from rag.core.response import Response
from rag.core.types import Hit
from rag.index.location import require_folder
from rag.standing.changes import Finding, Reasked
from rag.standing.records import Event, Quotation, StandingQuestion, quotation_of, with_events
from rag.standing.standing_file import StandingState, change_standing, read_standing, without_question

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.answering.pipeline import QuestionPipeline

MAX_STANDING_QUESTIONS = 10_000
HASH_DIGITS = 16
"""Digits of a hash that tell passages, and texts of documents, apart."""


@dataclass(frozen=True)
class StandingReport:
    """The result of a check: the number of questions, how many were asked again, and what happened to which."""

    questions: int
    asked: int
    events: tuple[tuple[StandingQuestion, Event], ...]

    def alarms(self) -> list[tuple[StandingQuestion, Event]]:
        """Return the events that a user must know."""
        return [(question, event) for question, event in self.events if event.is_alarm]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        events = [
            {"question_id": question.id, "question": question.text, **asdict(event)} for question, event in self.events
        ]
        return {"questions": self.questions, "asked": self.asked, "alarms": len(self.alarms()), "events": events}


class StandingQuestions:
    """The standing questions of one index, kept in `standing.json` in its folder. Several processes may use them."""

    def __init__(self, assistant: "Assistant", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Raise InvalidInput if the index is on a server, because there is no folder."""
        self.folder = require_folder(assistant.index.path, "Standing questions")
        self._assistant, self._clock = assistant, clock

    def state(self) -> StandingState:
        """Return the questions and what the last check saw. Raises IndexCorrupt."""
        return read_standing(self.folder)

    def add(self, question: str, filters: Mapping[str, Any] | None = None) -> StandingQuestion:
        """Ask a question and keep it. If it is kept already, return it as it is. Raises as `add_many` does."""
        return self.add_many([question], filters)[0]

    def add_many(
        self, questions: Sequence[str], filters: Mapping[str, Any] | None = None
    ) -> tuple[StandingQuestion, ...]:
        """Ask questions, keep those that are new, and return all, in order.

        Raises what `Assistant.ask_many` does, and InvalidInput if a question is blank.
        """
        if not all(question.strip() for question in questions):
            raise InvalidInput("The question is empty.", "Give one in quotes: rag standing add 'Who …?'")
        pipeline = self._pipeline()
        new = {item.id: item for item in self._asked(pipeline, questions, filters)}

        def with_new(state: StandingState) -> StandingState:
            kept = {item.id: item for item in state.questions}
            if not kept:
                state = replace(state, documents=_documents(pipeline), asked_with=_asked_with(pipeline))
            if len(kept | new) > MAX_STANDING_QUESTIONS:
                raise InvalidInput(f"There may be {MAX_STANDING_QUESTIONS:,} standing questions.", "Remove some first.")
            return replace(state, questions=tuple((new | kept)[key] for key in {**kept, **new}))

        kept = {item.id: item for item in change_standing(self.folder, with_new).questions}
        return tuple(kept[_id_of(question, filters)] for question in questions)

    def _asked(
        self, pipeline: "QuestionPipeline", questions: Sequence[str], filters: Mapping[str, Any] | None
    ) -> Iterator[StandingQuestion]:
        now, kept_filters = self._now(), dict(filters) if filters else None
        responses = pipeline.ask_many(questions, filters=filters)
        passages = pipeline.passages(questions, filters)
        for question, response, hits in zip(questions, responses, passages, strict=True):
            answers = _quotations(pipeline, response)
            seen = tuple(_event(now, Finding("first_seen", None, answer), pipeline) for answer in answers[:1])
            question_id = _id_of(question, filters)
            yield StandingQuestion(question_id, question, kept_filters, now, now, answers, _hashes(hits), seen)

    def remove(self, question_id: str) -> None:
        """Remove a question and its history. Raises InvalidInput if there is none of this id."""
        without_question(self.folder, question_id)

    def check(self) -> StandingReport:
        """Ask again the questions that changes of documents can touch, and keep what became of their answers."""
        state, pipeline, now = self.state(), self._pipeline(), self._now()
        documents, asked_with = _documents(pipeline), _asked_with(pipeline)
        changed = {key for key in {*documents, *state.documents} if documents.get(key) != state.documents.get(key)}
        everything = asked_with != state.asked_with
        if not state.questions or not (changed or everything):
            return StandingReport(len(state.questions), 0, ())
        updated: dict[str, StandingQuestion] = {}
        events: list[tuple[StandingQuestion, Event]] = []
        for question, read, response in _asked_again(pipeline, state.questions, None if everything else changed):
            answers = _quotations(pipeline, response)
            findings = Reasked(question, answers, pipeline.index, changed).findings()
            found = tuple(_event(now, finding, pipeline) for finding in findings)
            kept = answers or _still_standing(question, findings)
            history = with_events(question.history, found)
            new = replace(question, confirmed_at=now, answers=kept, read=read, history=history)
            updated[question.id] = new
            events += [(new, event) for event in found]

        def checked(current: StandingState) -> StandingState:
            if current.checked_at != state.checked_at:  # another process has checked meanwhile
                return current
            return replace(current.with_questions(updated), documents=documents, asked_with=asked_with, checked_at=now)

        change_standing(self.folder, checked)
        return StandingReport(len(state.questions), len(updated), tuple(events))

    def _pipeline(self) -> "QuestionPipeline":
        self._assistant.refresh()
        return self._assistant.pipeline()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")


def _asked_again(
    pipeline: "QuestionPipeline", questions: Sequence[StandingQuestion], changed: set[str] | None
) -> Iterator[tuple[StandingQuestion, tuple[str, ...], Response]]:
    """Yield the questions that a change can touch, with the passages read now and the new response.

    If `changed` is None, all are asked.
    """
    groups: dict[str, list[StandingQuestion]] = {}
    for question in questions:
        groups.setdefault(json.dumps(question.filters, sort_keys=True), []).append(question)
    for group in groups.values():
        filters = group[0].filters
        read = [_hashes(hits) for hits in pipeline.passages([question.text for question in group], filters)]
        touched = [
            i
            for i, question in enumerate(group)
            if changed is None or read[i] != question.read or changed & {item.document_id for item in question.answers}
        ]
        responses = pipeline.ask_many([group[i].text for i in touched], filters=filters)
        yield from ((group[i], read[i], response) for i, response in zip(touched, responses, strict=True))


def _still_standing(question: StandingQuestion, findings: Sequence[Finding]) -> tuple[Quotation, ...]:
    """Return the earlier answers that still stand in the text though they are not answers now, to be watched on."""
    afters = {finding.before: finding.after for finding in findings if finding.kind == "moved"}
    lost = {finding.before for finding in findings if finding.kind in ("changed", "withdrawn")}
    return tuple(afters.get(item) or item for item in question.answers if item not in lost)


def _quotations(pipeline: "QuestionPipeline", response: Response) -> tuple[Quotation, ...]:
    documents = {answer.citation.span.document_id for answer in response.answers}
    by_id = {document_id: pipeline.index.document(document_id) for document_id in documents}
    return tuple(
        quotation_of(answer, document)
        for answer in response.answers
        if (document := by_id[answer.citation.span.document_id]) is not None
    )


def _hashes(hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return the sorted hashes of passages: of their document and their words."""
    texts = (f"{hit.chunk.span.document_id}\0{hit.chunk.text}" for hit in hits)
    return tuple(sorted(_digits(text) for text in texts))


def _documents(pipeline: "QuestionPipeline") -> dict[str, str]:
    return {document_id: sha256[:HASH_DIGITS] for document_id, sha256 in pipeline.index.store.hashes()}


def _asked_with(pipeline: "QuestionPipeline") -> str:
    """Return the hash of what decides an answer beside the documents: settings, models, calibration and program."""
    embedder = dict(pipeline.index.manifest.embedder)
    facts = [asdict(pipeline.settings), asdict(pipeline.calibration), embedder, __version__]
    return _digits(json.dumps(facts, sort_keys=True, default=dict))


def _event(now: str, finding: Finding, pipeline: "QuestionPipeline") -> Event:
    info = pipeline.index.info
    return Event(now, finding.kind, finding.before, finding.after, info.version, info.fingerprint)


def _id_of(question: str, filters: Mapping[str, Any] | None) -> str:
    return f"s_{_digits(json.dumps([question, filters or None], sort_keys=True))}"


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:HASH_DIGITS]
