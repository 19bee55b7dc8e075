"""Holds the records of standing questions and their JSON: the question, its quotations, and what became of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from rag.answering.relations.statements import Statement
from rag.core.response import Answer
from rag.core.types import Document

EventKind = Literal["first_seen", "confirmed", "moved", "changed", "withdrawn", "contradicted", "new_answer"]
ALARMS: tuple[EventKind, ...] = ("changed", "withdrawn", "contradicted", "new_answer")
"""What a user must know; the other kinds say that an answer still stands."""
MAX_EVENTS = 100
"""Events that a question keeps: the first one and the latest."""
BESIDE_CHARACTERS = 32
"""Characters before and after a sentence that help to find it again."""


@dataclass(frozen=True)
class Quotation:
    """A quoted sentence with its document at that time; `answer_start:answer_end` of it answers."""

    document_id: str
    title: str | None
    published_at: str | None
    text_sha256: str
    sentence: str
    start: int
    answer_start: int
    answer_end: int
    prefix: str
    suffix: str

    @property
    def answer(self) -> str:
        """Return the words that answer."""
        return self.sentence[self.answer_start : self.answer_end]

    @property
    def statement(self) -> Statement:
        """Return the statement, as answers are compared."""
        return Statement(self.sentence, self.answer_start, self.answer_end)

    def citation(self) -> dict[str, Any]:
        """Return the citation of the sentence, as `rag.answering.recheck` takes it."""
        return {
            "document_id": self.document_id,
            "document_offset": {"start": self.start, "end": self.start + len(self.sentence)},
            "selector": [{"exact": self.sentence, "prefix": self.prefix, "suffix": self.suffix}],
            "content_sha256": self.text_sha256,
        }


@dataclass(frozen=True)
class Event:
    """What a check found out about one quotation: the words before and after, and the version of the index."""

    at: str
    kind: EventKind
    before: Quotation | None
    after: Quotation | None
    index_version: int
    index_fingerprint: str

    def __post_init__(self) -> None:
        """Refuse an unknown kind."""
        if self.kind not in get_args(EventKind):
            raise ValueError(f"there is no event {self.kind!r}")

    @property
    def is_alarm(self) -> bool:
        """Tell whether a user must know of it."""
        return self.kind in ALARMS


@dataclass(frozen=True)
class StandingQuestion:
    """A question that is asked again when documents change.

    `answers` are the quotations of the last response, best first. `read` are the hashes of the passages that were read
    for it. `confirmed_at` is the time when it was last asked.
    """

    id: str
    text: str
    filters: Mapping[str, Any] | None
    added_at: str
    confirmed_at: str
    answers: tuple[Quotation, ...]
    read: tuple[str, ...]
    history: tuple[Event, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def quotation_of(answer: Answer, document: Document) -> Quotation:
    """Return an answer as a standing question keeps it: a few words within their sentence, else as they are."""
    span = answer.context_span if answer.answer_type == "span" else answer.citation.span
    return quotation_at(document, span.start, span.end, answer.citation.span.start, answer.citation.span.end)


def quotation_at(document: Document, start: int, end: int, answer_start: int, answer_end: int) -> Quotation:
    """Return the sentence `start:end` of a document as a quotation. All four are offsets of the document."""
    return Quotation(
        document_id=document.id,
        title=document.title or None,
        published_at=document.known("published_at"),
        text_sha256=document.text_sha256,
        sentence=document.text[start:end],
        start=start,
        answer_start=answer_start - start,
        answer_end=answer_end - start,
        prefix=document.text[max(0, start - BESIDE_CHARACTERS) : start],
        suffix=document.text[end : end + BESIDE_CHARACTERS],
    )


def with_events(history: tuple[Event, ...], events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return a history with new events; a run of confirmations keeps its last one."""
    whole = list(history)
    for event in events:
        if whole and event.kind == whole[-1].kind == "confirmed":
            whole.pop()
        whole.append(event)
    return (*whole[:1], *whole[1:][-(MAX_EVENTS - 1) :])


def standing_question(content: Mapping[str, Any]) -> StandingQuestion:
    """Return the question of a JSON object. Raises TypeError, KeyError or ValueError if it is none."""
    return StandingQuestion(
        **{
            **content,
            "answers": tuple(Quotation(**item) for item in content["answers"]),
            "read": tuple(content["read"]),
            "history": tuple(_event(item) for item in content["history"]),
        }
    )


def _event(content: Mapping[str, Any]) -> Event:
    before, after = (None if content[side] is None else Quotation(**content[side]) for side in ("before", "after"))
    return Event(**{**content, "before": before, "after": after})
