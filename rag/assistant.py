"""Journey 2: a question to quotations, each proven, or to a no-answer that says why."""

import hashlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.answers import cited_documents, passage, to_answers
from rag.citation import verify_answers
from rag.confidence import SHIPPED, Calibration, load
from rag.errors import InvalidFilter, InvalidQuestion
from rag.index import Index
from rag.questions import question_terms
from rag.reading import SentenceReader
from rag.recheck import Recheck, recheck
from rag.response import Answer, NoAnswer, Response, ranked
from rag.retrieval import Candidates, hits, retrieve
from rag.settings import Settings
from rag.types import Extraction, Hit

if TYPE_CHECKING:
    from rag.protocols import Floats1d, Reader

CALIBRATION = "calibration.json"
CACHED_QUESTIONS = 1_000
CLOSEST = 3
MESSAGES = {
    "empty_question": "There is no question to answer.",
    "empty_index": "The index holds no passages.",
    "no_match": "No passage could be read for this question.",
    "low_confidence": "The documents do not seem to answer this: no passage reaches the confidence asked for.",
}


@dataclass(frozen=True)
class Trace:
    """What every stage made of one question; rankings best first, extractions before the threshold."""

    question: str
    lexical: tuple[Hit, ...]
    dense: tuple[Hit, ...]
    fused: tuple[Hit, ...]
    extractions: tuple[Extraction, ...]
    confidence: float
    response: Response


@dataclass(frozen=True)
class _Reading:
    """A question read: its candidates, its extractions best first, and the milliseconds each stage took."""

    question: str
    candidates: Candidates
    extractions: tuple[Extraction, ...]
    timings: Mapping[str, float]


class Assistant:
    """Answers questions over one index with verbatim, verified passages."""

    def __init__(
        self,
        index: Index,
        settings: Settings | None = None,
        reader: "Reader | None" = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Use `open` unless a part is to be swapped."""
        self.index, self.settings = index, settings or index.settings
        self._given = reader, calibration
        self._begin()

    @classmethod
    def open(cls, path: str | Path, settings: Settings | None = None) -> "Assistant":
        """Open the index at `path`. Raises the errors of `Index.open`."""
        return cls(Index.open(path), settings)

    def ask(
        self,
        question: str,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        min_confidence: float | None = None,
        explain: bool = False,
    ) -> Response:
        """Return the best quotations, or a no-answer with its reason.

        `top_k` and `min_confidence` default to the settings. Raises InvalidQuestion for a question that is too long,
        InvalidSettings for a value out of range; a blank question gives a no-answer.
        """
        settings = self._settings(top_k, filters, min_confidence)
        question = self._checked(question, settings)
        early = self._without_reading(question, settings)
        return early or self._respond(self._read(question, settings), settings, explain)

    def ask_many(
        self, questions: Sequence[str], top_k: int | None = None, min_confidence: float | None = None
    ) -> list[Response]:
        """Return the response of each question, the same as asked one by one."""
        return [self.ask(question, top_k, None, min_confidence) for question in questions]

    def search(self, query: str, top_k: int | None = None, filters: Mapping[str, Any] | None = None) -> list[Answer]:
        """Return the passages that fit best, as quotations of type `passage`; they claim no answer."""
        settings = self._settings(top_k, filters, None)
        query = self._checked(query, settings)
        if self._without_reading(query, settings):
            return []
        candidates = retrieve(self.index, query, self._vector(query), settings)
        found = hits(self.index, candidates.fused[: settings.top_k], candidates.scores)
        answers = ranked([passage(self.index, hit) for hit in found])
        verify_answers(answers, cited_documents(self.index, answers))
        return list(answers)

    def trace_many(
        self, questions: Sequence[str], depth: int = 100, without: Sequence[Collection[str] | None] | None = None
    ) -> list[Trace]:
        """Return what every stage made of each question, for evaluation.

        `without` gives for a question the documents that are treated as not in the index.
        """
        settings = replace(self.settings, candidates=max(depth, self.settings.candidates))
        left_out = without or [None] * len(questions)
        return [
            self._trace(self._checked(text, settings), settings, depth, missing or ())
            for text, missing in zip(questions, left_out, strict=True)
        ]

    def verify(self, saved: Response | Mapping[str, Any]) -> list[Recheck]:
        """Re-check every citation of a saved response against the index as it is now."""
        content = saved.to_dict() if isinstance(saved, Response) else saved
        return [
            recheck(citation, self.index.document(citation["document_id"]))
            for answer in content["answers"]
            for citation in (answer["citation"], *answer.get("also_in", []))
        ]

    def refresh(self) -> bool:
        """Use the current version of the index, where another process has made one; tell whether there was one."""
        if not self.index.refresh():
            return False
        self._begin()
        return True

    def _begin(self) -> None:
        self.index.require(self.settings)
        reader, calibration = self._given
        self.calibration = calibration or _calibration(self.index.path)
        self._vector = lru_cache(maxsize=CACHED_QUESTIONS)(self._embed)
        self._reader: Reader = reader or SentenceReader(lambda: self.index.embedder, self._vector, self.index.words)

    def _embed(self, text: str) -> "Floats1d":
        vector: Floats1d = self.index.embedder.embed_queries([text])[0]
        return vector

    def _settings(self, top_k: int | None, filters: Mapping[str, Any] | None, min_confidence: float | None) -> Settings:
        if filters:
            raise InvalidFilter(f"Filters are not supported by this version, got {dict(filters)}.", "Leave them out.")
        given = {"top_k": top_k, "min_confidence": min_confidence}
        return self.settings.updated({key: value for key, value in given.items() if value is not None})

    def _checked(self, question: str, settings: Settings) -> str:
        if len(question) > settings.max_question_length:
            raise InvalidQuestion(
                f"The question has {len(question):,} characters, at most {settings.max_question_length:,} are read.",
                "Ask in fewer words, or raise the setting max_question_length.",
            )
        if any("\ud800" <= character <= "\udfff" for character in question):
            raise InvalidQuestion("The question holds half a character (a lone surrogate).", "Type it again.")
        return question.strip()

    def _without_reading(self, question: str, settings: Settings) -> Response | None:
        if not question:
            return self._refuse(question, settings, NoAnswer("empty_question", MESSAGES["empty_question"]))
        if not self.index.manifest.chunks:
            return self._refuse(question, settings, NoAnswer("empty_index", MESSAGES["empty_index"]))
        return None

    def _read(self, question: str, settings: Settings, without: Collection[str] = ()) -> _Reading:
        clock = _Clock()
        vector = self._vector(question)
        clock.stop("embed")
        candidates = retrieve(self.index, question, vector, settings, without)
        found = hits(self.index, candidates.fused[: settings.read_passages], candidates.scores)
        clock.stop("retrieve")
        extractions = self._reader.read([question], [found])[0]
        clock.stop("read")
        return _Reading(question, candidates, tuple(extractions), clock.timings)

    def _respond(self, reading: _Reading, settings: Settings, explain: bool = False) -> Response:
        threshold = self.calibration.threshold if settings.min_confidence is None else settings.min_confidence
        found = ranked(to_answers(self.index, reading.extractions, settings, self.calibration))
        kept = tuple(answer for answer in found if answer.confidence >= threshold)
        verify_answers(found, cited_documents(self.index, found))
        response = self._response(
            reading.question, settings, kept, None if kept else self._no_answer(reading, found, threshold)
        )
        explained = _explanation(reading, self.index, threshold) if explain else None
        return replace(response, timings_ms=reading.timings, explain=explained)

    def _no_answer(self, reading: _Reading, found: Sequence[Answer], threshold: float) -> NoAnswer:
        missing = question_terms(reading.question, self.index.words).missing()
        if not found:
            return NoAnswer("no_match", MESSAGES["no_match"], threshold, None, (), missing)
        best = max(answer.confidence for answer in found)
        return NoAnswer("low_confidence", MESSAGES["low_confidence"], threshold, best, tuple(found[:CLOSEST]), missing)

    def _trace(self, question: str, settings: Settings, depth: int, without: Collection[str]) -> Trace:
        early = self._without_reading(question, settings)
        if early:
            return Trace(question, (), (), (), (), 0.0, early)
        reading = self._read(question, settings, without)
        rankings = reading.candidates
        best = self.calibration.probability(reading.extractions[0].features) if reading.extractions else 0.0
        lexical, dense, fused = (
            tuple(hits(self.index, ranking[:depth], rankings.scores))
            for ranking in (rankings.lexical, rankings.dense, rankings.fused)
        )
        return Trace(question, lexical, dense, fused, reading.extractions, best, self._respond(reading, settings))

    def _refuse(self, question: str, settings: Settings, reason: NoAnswer) -> Response:
        return self._response(question, settings, (), reason)

    def _response(
        self, question: str, settings: Settings, answers: tuple[Answer, ...], no_answer: NoAnswer | None
    ) -> Response:
        facts = [question, self.index.fingerprint, asdict(settings), asdict(self.calibration)]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return Response(f"r_{digest[:16]}", question, answers, no_answer, self.index.info)


class _Clock:
    """Milliseconds of each stage and of all."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self.timings: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[stage] = round((now - self._last) * 1_000, 1)
        self.timings["total"] = round((now - self._began) * 1_000, 1)
        self._last = now


def _calibration(path: Path) -> Calibration:
    own = path / CALIBRATION
    return load(own) if own.is_file() else load(SHIPPED)


def _explanation(reading: _Reading, index: Index, threshold: float) -> dict[str, Any]:
    """Return for each stage its best candidates with rank and score, and what was read."""
    rankings = reading.candidates
    named = {"lexical": rankings.lexical, "dense": rankings.dense, "fused": rankings.fused}
    explained: dict[str, Any] = {
        stage: [
            {"rank": rank, "chunk_id": hit.chunk.id, "score": round(hit.score, 6)}
            for rank, hit in enumerate(hits(index, ranking[:10], rankings.scores), start=1)
        ]
        for stage, ranking in named.items()
    }
    explained["read"] = [
        {"rank": rank, "chunk_id": item.hit.chunk.id, "start": item.span.start, "end": item.span.end,
         "score": round(item.score, 6), "features": {key: round(value, 6) for key, value in item.features.items()}}
        for rank, item in enumerate(reading.extractions[:10], start=1)
    ]  # fmt: skip
    return {**explained, "threshold": threshold}
