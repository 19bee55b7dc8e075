"""Holds the records of a response and their JSON, the same from Python, shell, REST and MCP.

Invariants raise at construction, so a response that exists is one that may be shown. `rag/response.schema.json`
describes the JSON; missing values are null, pages and lines count from 1.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from rag.core.citations import Citation
from rag.core.errors import InvalidInput, VerificationError
from rag.core.presentation.export import (
    to_bibtex,
    to_csl_json,
    to_markdown,
    to_web_annotation,
    withheld_note,
)
from rag.core.presentation.notebook import answer_for_notebook, response_for_notebook
from rag.core.types import AnswerType, Span

SCHEMA_VERSION = "1.1"
NoAnswerReason = Literal["empty_question", "empty_index", "needs_context", "filtered_out", "no_match", "low_confidence"]
ConfidenceLevel = Literal["very_high", "high", "medium", "low"]
Polarity = Literal["affirms", "denies", "conditional"]
DoubtKind = Literal["low_confidence", "denies", "condition", "outdated", "missing_words", "rival"]
LEVELS: tuple[tuple[float, ConfidenceLevel], ...] = ((0.9, "very_high"), (0.7, "high"), (0.4, "medium"), (0.0, "low"))
"""Lowest confidence of each level."""
NO_AGREEMENT: Mapping[str, Any] = {"groups": [], "differ": False}


@dataclass(frozen=True)
class Doubt:
    """One thing that speaks against an answer, for programs (`kind`) and in words."""

    kind: DoubtKind
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"kind": self.kind, "text": self.text}


@dataclass(frozen=True)
class Remarks:
    """The remarks on a quotation that its reader should know.

    `continues` is (marker, text) if the source goes on with a contrast or a condition. `polarity` says whether the
    sentence affirms the question, denies it, or makes it conditional. `doubts` speak against an unsure answer.
    """

    continues: tuple[str, str] | None = None
    polarity: Polarity = "affirms"
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Answer:
    """One quotation that answers. `score` orders answers; `confidence` is the calibrated probability."""

    rank: int
    answer_type: AnswerType
    score: float
    confidence: float
    context: str
    context_span: Span
    citation: Citation
    scores: Mapping[str, float] = field(default_factory=dict)
    also_in: tuple[Citation, ...] = ()
    remarks: Remarks = field(default_factory=Remarks)

    def __post_init__(self) -> None:
        """Refuse scores that are no numbers, a confidence outside [0, 1] and a context without the answer."""
        if self.answer_type not in get_args(AnswerType) or self.rank < 1:
            raise ValueError(f"answer {self.rank}: unknown type {self.answer_type!r} or rank below 1")
        if not all(map(math.isfinite, (self.score, self.confidence, *self.scores.values()))):
            raise ValueError(f"answer {self.rank}: a score is not a number")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"answer {self.rank}: confidence {self.confidence} is outside [0, 1]")
        start, end = self.context_offset
        if not self.context_span.contains(self.citation.span) or self.context[start:end] != self.answer:
            raise VerificationError(
                f"Answer {self.rank}: the context does not hold the quote.", "Report this as a bug."
            )

    @property
    def answer(self) -> str:
        """Return the quotation."""
        return self.citation.quote

    @property
    def continues(self) -> tuple[str, str] | None:
        """Return (marker, text) if the source goes on with a contrast, a condition or a limit."""
        return self.remarks.continues

    @property
    def polarity(self) -> Polarity:
        """Return whether the sentence affirms the question, denies it, or makes it conditional."""
        return self.remarks.polarity

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Return the doubts about an answer if it is shown as unsure, else none."""
        return self.remarks.doubts

    @property
    def context_offset(self) -> tuple[int, int]:
        """Return the range of the quotation in `context`."""
        start = self.citation.span.start - self.context_span.start
        return start, start + len(self.citation.span)

    @property
    def confidence_level(self) -> ConfidenceLevel:
        """Return the confidence in words; the bounds are in `LEVELS`."""
        return next(level for low, level in LEVELS if self.confidence >= low)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        start, end = self.context_offset
        return {
            "rank": self.rank,
            "answer": self.answer,
            "answer_type": self.answer_type,
            "score": self.score,
            "confidence": self.confidence,
            "confidence_level": self.confidence_level,
            "context": self.context,
            "context_offset": {"start": start, "end": end},
            "citation": self.citation.to_dict(),
            "also_in": [citation.to_dict() for citation in self.also_in],
            "continues": None if self.continues is None else dict(zip(("marker", "text"), self.continues, strict=True)),
            "polarity": self.polarity,
            "doubts": [doubt.to_dict() for doubt in self.doubts],
            "scores": dict(self.scores),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Answer":
        """Return the answer of a JSON object that `to_dict` wrote. Raises KeyError if a key is missing."""
        citation, continues = Citation.from_dict(content["citation"]), content["continues"]
        start = citation.span.start - content["context_offset"]["start"]
        remarks = Remarks(
            None if continues is None else (continues["marker"], continues["text"]),
            content["polarity"],
            tuple(Doubt(doubt["kind"], doubt["text"]) for doubt in content["doubts"]),
        )
        return cls(
            context_span=Span(citation.span.document_id, start, start + len(content["context"])),
            citation=citation,
            scores=dict(content["scores"]),
            also_in=tuple(map(Citation.from_dict, content["also_in"])),
            remarks=remarks,
            **{key: content[key] for key in ("rank", "answer_type", "score", "confidence", "context")},
        )

    def _repr_html_(self) -> str:
        """Return the quotation in its context for a notebook, as HTML without a script."""
        return answer_for_notebook(self.to_dict())


@dataclass(frozen=True)
class NoAnswer:
    """Says that the documents hold no sure answer, and why.

    `possible` are answers shown as unsure, with confidence from `possible_threshold` up to `threshold`. `closest` are
    passages, not answers; the first is the top passage of a search. `missing_terms` are words of the question that no
    document has; `skipped_terms` stand only in masked text, which is not searched.
    """

    reason: NoAnswerReason
    message: str
    threshold: float | None = None
    best_confidence: float | None = None
    closest: tuple[Answer, ...] = ()
    missing_terms: tuple[str, ...] = ()
    possible: tuple[Answer, ...] = ()
    possible_threshold: float | None = None
    skipped_terms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an unknown reason, and possible answers out of order."""
        if self.reason not in get_args(NoAnswerReason):
            raise ValueError(f"unknown reason {self.reason!r}")
        if [answer.rank for answer in self.possible] != list(range(1, len(self.possible) + 1)):
            raise ValueError("possible answers are not in order of rank")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "reason": self.reason,
            "message": self.message,
            "threshold": self.threshold,
            "possible_threshold": self.possible_threshold,
            "best_confidence": self.best_confidence,
            "possible": [answer.to_dict() for answer in self.possible],
            "closest": [answer.to_dict() for answer in self.closest],
            "missing_terms": list(self.missing_terms),
            "skipped_terms": list(self.skipped_terms),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "NoAnswer":
        """Return the no-answer of a JSON object that `to_dict` wrote. Raises KeyError if a key is missing."""
        return cls(
            possible=tuple(map(Answer.from_dict, content["possible"])),
            closest=tuple(map(Answer.from_dict, content["closest"])),
            missing_terms=tuple(content["missing_terms"]),
            skipped_terms=tuple(content["skipped_terms"]),
            threshold=content["threshold"],
            possible_threshold=content["possible_threshold"],
            **{key: content[key] for key in ("reason", "message", "best_confidence")},
        )


@dataclass(frozen=True)
class IndexInfo:
    """The version of the index that was asked."""

    version: int
    fingerprint: str
    documents: int
    chunks: int
    embedding_model: str
    engine: Mapping[str, str] | None = None
    """The server that holds it, and how it finds passages; None if the index is a folder."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object, without `engine` if the index is a folder."""
        return {key: value for key, value in asdict(self).items() if key != "engine" or value is not None}


@dataclass(frozen=True)
class Response:
    """The answer to one question: quotations, or a typed no-answer, never both and never neither."""

    response_id: str
    question: str
    answers: tuple[Answer, ...]
    no_answer: NoAnswer | None
    index: IndexInfo
    agreement: Mapping[str, Any] = field(default_factory=lambda: NO_AGREEMENT)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    explain: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse answers beside a no-answer, a response with neither, and answers out of order."""
        if bool(self.answers) == (self.no_answer is not None):
            raise ValueError("a response holds either answers or a no-answer")
        if [answer.rank for answer in self.answers] != list(range(1, len(self.answers) + 1)):
            raise ValueError("answers are not in order of rank")

    @property
    def status(self) -> Literal["answered", "no_answer"]:
        """Return which of the two it is."""
        return "answered" if self.answers else "no_answer"

    @property
    def withheld_note(self) -> str:
        """Return in words how many answers that differ are not shown, empty if there are none."""
        return withheld_note(self.agreement)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the published schema."""
        return {
            "schema_version": SCHEMA_VERSION,
            "response_id": self.response_id,
            "question": self.question,
            "status": self.status,
            "no_answer": None if self.no_answer is None else self.no_answer.to_dict(),
            "answers": [answer.to_dict() for answer in self.answers],
            "agreement": dict(self.agreement),
            "index": self.index.to_dict(),
            "timings_ms": dict(self.timings_ms),
            "explain": None if self.explain is None else dict(self.explain),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Response":
        """Return the response of a JSON object that `to_dict` wrote: its `to_dict` gives the same object again.

        Nothing is compared with an index; `Assistant.verify` does that. Raises InvalidInput if it is no such object,
        VerificationError if a quotation contradicts its place.
        """
        try:
            refusal = content["no_answer"]
            return cls(
                answers=tuple(map(Answer.from_dict, content["answers"])),
                no_answer=None if refusal is None else NoAnswer.from_dict(refusal),
                index=IndexInfo(**content["index"]),
                **{key: content[key] for key in ("response_id", "question", "agreement", "timings_ms", "explain")},
            )
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            remedy = "Give what to_dict or rag ask --json wrote."
            raise InvalidInput(f"This is no saved response: {what}.", remedy) from None

    def _repr_html_(self) -> str:
        """Return the quotations, or the reason why there are none, for a notebook, as HTML without a script."""
        return response_for_notebook(self.to_dict())

    def to_json(self, indent: int | None = 2) -> str:
        """Return the JSON text; never NaN, never escaped letters."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)

    def to_markdown(self) -> str:
        """Return the quotations as Markdown with their sources (`rag.core.presentation.export`)."""
        return to_markdown(self.to_dict())

    def to_bibtex(self) -> str:
        """Return one BibTeX entry for each quotation (`rag.core.presentation.export`)."""
        return to_bibtex(self.to_dict())

    def to_csl_json(self) -> str:
        """Return a CSL-JSON list with an item for each quotation (`rag.core.presentation.export`)."""
        return to_csl_json(self.to_dict())

    def to_web_annotation(self) -> str:
        """Return a W3C Web Annotation page of the quotations (`rag.core.presentation.export`)."""
        return to_web_annotation(self.to_dict())


def ranked(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Return the answers numbered 1, 2, 3 … in the order given, citations numbered alike."""
    return tuple(
        replace(answer, rank=rank, citation=replace(answer.citation, number=rank))
        for rank, answer in enumerate(answers, start=1)
    )
