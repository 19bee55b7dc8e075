"""Takes questions through all stages over one version of an index, from the words of the question to the response."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from rag.answering.answers import AnswerMaker, cited_documents, widen
from rag.answering.citation import verify_answers
from rag.answering.confidence import Calibration, calibration_of
from rag.answering.explanation import explanation
from rag.answering.no_answer import MaskedWords, Refusal, Thresholds, refused_unread
from rag.answering.selection import Selection, StatedAnswer, select, with_copies
from rag.core.response import NO_AGREEMENT, Answer, NoAnswer, Response, ranked
from rag.core.runtime import StageTimer, batches
from rag.core.settings import NO_RERANKER, WITHOUT_MODEL, Settings
from rag.core.types import Extraction, Hit
from rag.embedding.embedder import QueryVectors
from rag.index.filters import DocumentSelection
from rag.index.index import Index
from rag.reading.reader_model import span_model
from rag.reading.sentence_reader import SentenceReader
from rag.retrieval.candidates import Candidates, hits, reranked, retrieve, to_read
from rag.retrieval.question_types import checked, checked_all

if TYPE_CHECKING:
    from rag.answering.recheck import Recheck
    from rag.core.protocols import Reader
    from rag.reading.reader_model import PassageReader

MAX_COPY_PASSAGES = 40
"""Best passages that are searched for copies of an answer."""


@dataclass(frozen=True)
class Trace:
    """The results of every stage for one question; rankings best first, extractions before the threshold."""

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
    documents: DocumentSelection


class QuestionPipeline:
    """The stages of an answer over one version of an index. Nothing in it is replaced after `__init__`.

    So a question that is under way uses one version from start to end, whatever others write or refresh.
    """

    def __init__(
        self, index: Index, settings: Settings, reader: "Reader | None" = None, calibration: Calibration | None = None
    ) -> None:
        """Prepare the stages. Raises InvalidSettings, EmbedderMismatch if the index was built with other settings."""
        index.require(settings)
        self.index, self.settings = index, settings
        self.calibration = calibration or calibration_of(index.path, settings.reader)
        # Once, not for each question: the curve alone has hundreds of figures.
        self._calibrated = _sha256_of(asdict(self.calibration))
        self._masked_words = MaskedWords(index)
        self._vectors = QueryVectors(lambda: index.embedder)
        self._load_model = None if reader else _model(settings.reader)
        self._reader: Reader = reader or SentenceReader(
            self._vectors, index.sentence_vectors, index.words, model=self._load_model
        )

    def ask(
        self,
        question: str,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        min_confidence: float | None = None,
        explain: bool = False,
        min_precision: float | None = None,
    ) -> Response:
        """Answer one question; see `Assistant.ask`."""
        settings, documents = self._settings(top_k, min_confidence, min_precision), self.index.selection(filters)
        question = checked(question, settings.max_question_length)
        early = self._refused_unread(question, settings, documents)
        return early or self._respond(self._read([question], settings, documents)[0], settings, explain)

    def ask_many(
        self,
        questions: Sequence[str],
        top_k: int | None = None,
        min_confidence: float | None = None,
        min_precision: float | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[Response]:
        """Answer many questions in batches; see `Assistant.ask_many`."""
        settings, documents = self._settings(top_k, min_confidence, min_precision), self.index.selection(filters)
        texts = checked_all(questions, settings.max_question_length)
        early = [self._refused_unread(text, settings, documents) for text in texts]
        to_answer = [text for text, response in zip(texts, early, strict=True) if response is None]
        read = chain.from_iterable(self._read(batch, settings, documents) for batch in batches(to_answer))
        return [response or self._respond(next(read), settings) for response in early]

    def search(self, query: str, top_k: int | None = None, filters: Mapping[str, Any] | None = None) -> list[Answer]:
        """Return the best passages; see `Assistant.search`."""
        settings, documents = self._settings(top_k), self.index.selection(filters)
        query = checked(query, settings.max_question_length)
        if refused_unread(query, self.index, documents, is_question=False):
            return []
        candidates = retrieve(self.index, query, self._vectors([query])[0], settings, among=documents.rows)
        best_hits = hits(self.index, candidates.fused[: settings.top_k], candidates.scores)
        maker = AnswerMaker(self.index, settings, self.calibration)
        answers = ranked([maker.passage(hit) for hit in best_hits])
        verify_answers(answers, cited_documents(self.index, answers))
        return list(answers)

    def passages(self, questions: Sequence[str], filters: Mapping[str, Any] | None = None) -> list[list[Hit]]:
        """Return for each question the passages that would be read for an answer; none is read."""
        rows, settings = self.index.selection(filters).rows, self.settings
        return [
            to_read(
                self.index,
                self._reranked(text, retrieve(self.index, text, vector, settings, among=rows)),
                settings,
                text,
            )
            for text, vector in zip(questions, self._vectors(questions), strict=True)
        ]

    def trace_many(
        self, questions: Sequence[str], depth: int = 100, without: Sequence[Collection[str] | None] | None = None
    ) -> list[Trace]:
        """Return the result of every stage for each question; see `Assistant.trace_many`."""
        settings = replace(self.settings, candidates=max(depth, self.settings.candidates))
        texts = [checked(text, settings.max_question_length) for text in questions]
        excluded = [set(ids or ()) for ids in without or [None] * len(texts)]
        early = [self._refused_unread(text, settings, DocumentSelection()) for text in texts]
        to_answer = [i for i, response in enumerate(early) if response is None]
        read = chain.from_iterable(
            self._read([texts[i] for i in batch], settings, DocumentSelection(), [excluded[i] for i in batch])
            for batch in batches(to_answer)
        )
        return [
            Trace(text, (), (), (), (), 0.0, response) if response else self._trace(next(read), settings, depth)
            for text, response in zip(texts, early, strict=True)
        ]

    def verify(self, saved: Response | Mapping[str, Any]) -> "list[Recheck]":
        """Check the citations of a saved response; see `Assistant.verify`."""
        from rag.answering.recheck import recheck  # answering does not need it

        content = saved.to_dict() if isinstance(saved, Response) else saved
        return [
            recheck(citation, self.index.document(citation["document_id"]))
            for answer in content["answers"]
            for citation in (answer["citation"], *answer.get("also_in", []))
        ]

    def widen(self, answer: Answer, before: int = 1, after: int = 1) -> Answer:
        """Return an answer with more context; see `Assistant.widen`."""
        verify_answers([answer], cited_documents(self.index, [answer]))
        wider = widen(self.index, answer, before, after)
        verify_answers([wider], cited_documents(self.index, [wider]))
        return wider

    def warm(self) -> None:
        """Load the models; see `Assistant.warm`."""
        self._vectors(["What is this?"])
        if self._load_model:
            self._load_model()

    def _settings(
        self,
        top_k: int | None,
        min_confidence: float | None = None,
        min_precision: float | None = None,
    ) -> Settings:
        changes: dict[str, Any] = {} if top_k is None else {"top_k": top_k}
        if min_confidence is not None or min_precision is not None:
            changes |= {"min_confidence": min_confidence, "min_precision": min_precision}
        settings = self.settings.updated(changes)
        self.calibration.threshold_of(settings)  # a precision out of reach is an error before anything is read
        return settings

    def _refused_unread(self, question: str, settings: Settings, documents: DocumentSelection) -> Response | None:
        no_answer = refused_unread(question, self.index, documents)
        return None if no_answer is None else self._response(question, settings, documents, (), no_answer)

    def _read(
        self,
        questions: Sequence[str],
        settings: Settings,
        documents: DocumentSelection,
        without: Sequence[Collection[str]] | None = None,
    ) -> list[_Reading]:
        """Return each question read; the times of a batch are shared out evenly among its questions."""
        timer = StageTimer(len(questions))
        vectors = self._vectors(questions)
        timer.stop("embed")
        candidates = [
            self._reranked(text, retrieve(self.index, text, vector, settings, excluded, documents.rows))
            for text, vector, excluded in zip(questions, vectors, without or [()] * len(questions), strict=True)
        ]
        passages = [to_read(self.index, item, settings, text) for text, item in zip(questions, candidates, strict=True)]
        timer.stop("retrieve")
        extractions = self._reader.read(questions, passages)
        timer.stop("read")
        return [
            _Reading(text, item, tuple(read), timer.timings, documents)
            for text, item, read in zip(questions, candidates, extractions, strict=True)
        ]

    def _reranked(self, question: str, candidates: Candidates) -> Candidates:
        if self.settings.reranker == NO_RERANKER:
            return candidates
        from rag.reading.hub_reader import hub_reranker

        reranker = hub_reranker(self.settings.reranker)
        return reranked(self.index, candidates, lambda texts: reranker.score(question, texts))

    def _respond(self, reading: _Reading, settings: Settings, explain: bool = False) -> Response:
        threshold = self.calibration.threshold_of(settings)
        maker = AnswerMaker(self.index, settings, self.calibration)
        usual = replace(settings, top_k=max(settings.top_k, Settings().top_k), min_confidence=None, min_precision=None)
        wide = select(maker, reading.question, reading.extractions, usual.top_k)
        selection = wide.first(settings.top_k)
        sure = selection.shown(settings, threshold)
        stated_answers = self._with_copies(maker, reading, sure)
        read = ranked([item.answer for item in selection.answers])
        answers = ranked([item.answer for item in stated_answers])
        no_answer = None if stated_answers else self._no_answer(maker, reading, selection, settings)
        unsure = (*no_answer.possible, *no_answer.closest) if no_answer else ()
        verify_answers((*read, *answers, *unsure), cited_documents(self.index, (*read, *answers, *unsure)))
        agreement = selection.agreement(stated_answers)
        if stated_answers and usual != settings:
            withheld = selection.differing(stated_answers, wide.shown(usual, self.calibration.threshold))
            agreement |= {"withheld_differ": withheld} if withheld else {}
        response = self._response(reading.question, settings, reading.documents, answers, no_answer, agreement)
        explained = self._explained(reading, selection, answers, settings) if explain else None
        return replace(response, timings_ms=reading.timings, explain=explained)

    def _no_answer(self, maker: AnswerMaker, reading: _Reading, selection: Selection, settings: Settings) -> NoAnswer:
        thresholds = Thresholds(
            self.calibration.threshold_of(settings), self.calibration.possible_threshold_of(settings)
        )
        candidates = reading.candidates
        best_hits = hits(self.index, candidates.fused[:1], candidates.scores)
        reads_english = settings.reader == "shipped"
        refusal = Refusal(self.index, maker, reading.question, self._masked_words, reads_english)
        best_hit = next(iter(best_hits), None)
        return refusal.no_answer(selection.answers, thresholds, best_hit, reading.extractions)

    def _with_copies(
        self, maker: AnswerMaker, reading: _Reading, answers: Sequence[StatedAnswer]
    ) -> Sequence[StatedAnswer]:
        if not answers:
            return ()
        candidates = reading.candidates
        return with_copies(
            maker, reading.question, answers, hits(self.index, candidates.fused[:MAX_COPY_PASSAGES], candidates.scores)
        )

    def _explained(
        self, reading: _Reading, selection: Selection, shown: Sequence[Answer], settings: Settings
    ) -> Mapping[str, Any]:
        threshold = self.calibration.threshold_of(settings)
        return explanation(
            self.index, reading.question, reading.candidates, reading.extractions, selection, shown, settings, threshold
        )

    def _trace(self, reading: _Reading, settings: Settings, depth: int) -> Trace:
        rankings = reading.candidates
        best = self.calibration.probability(reading.extractions[0].features) if reading.extractions else 0.0
        lexical, dense, fused = (
            tuple(hits(self.index, ranking[:depth], rankings.scores))
            for ranking in (rankings.lexical, rankings.dense, rankings.fused)
        )
        response = self._respond(reading, settings)
        return Trace(reading.question, lexical, dense, fused, reading.extractions, best, response)

    def _response(
        self,
        question: str,
        settings: Settings,
        documents: DocumentSelection,
        answers: tuple[Answer, ...],
        no_answer: NoAnswer | None,
        agreement: Mapping[str, Any] = NO_AGREEMENT,
    ) -> Response:
        facts = [question, self.index.fingerprint, asdict(settings), self._calibrated, documents.conditions]
        return Response(f"r_{_sha256_of(facts)[:16]}", question, answers, no_answer, self.index.info, agreement)


def _sha256_of(facts: object) -> str:
    """Return the hash of JSON values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _model(reader: str) -> "Callable[[], PassageReader] | None":
    """Return the loader of the reader model, None if there is none. Only a hub model imports heavy libraries."""
    if reader == WITHOUT_MODEL:
        return None
    if reader == "shipped":
        return span_model
    from rag.reading.hub_reader import hub_reader

    return partial(hub_reader, reader)
