"""Journey 2: a question to quotations, each proven, or to a no-answer that says why."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rag.answering.confidence import Calibration
from rag.answering.pipeline import QuestionPipeline, Trace
from rag.core.response import Answer, Response
from rag.core.settings import Settings
from rag.index.index import Index

if TYPE_CHECKING:
    from rag.answering.recheck import Recheck
    from rag.core.protocols import Reader

log = logging.getLogger(__name__)


class Assistant:
    """Answers questions over one index with verbatim, verified passages. Several threads may use one Assistant.

    Each call uses the version that `index` shows when the call begins, from start to end.
    """

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
        self._preparing = Lock()
        self._pipeline = QuestionPipeline(index.snapshot(), self.settings, *self._given)

    @classmethod
    def open(cls, path: str | Path, settings: Settings | None = None) -> "Assistant":
        """Open the index at `path`.

        Raises the errors of `Index.open`, InvalidSettings if its own calibration was fitted with another reader.
        """
        return cls(Index.open(path, runtime=(settings or Settings()).embedding_runtime), settings)

    @property
    def calibration(self) -> Calibration:
        """Return the calibration in use."""
        return self.pipeline().calibration

    def pipeline(self) -> QuestionPipeline:
        """Return the stages over the version that `index` shows now, prepared once for each version."""
        pipeline = self._pipeline
        if pipeline.index.shows_version_of(self.index):
            return pipeline
        with self._preparing:
            snapshot = self.index.snapshot()
            if not self._pipeline.index.shows_version_of(snapshot):
                self._pipeline = QuestionPipeline(snapshot, self.settings, *self._given)
            return self._pipeline

    def ask(
        self,
        question: str,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        min_confidence: float | None = None,
        explain: bool = False,
        min_precision: float | None = None,
    ) -> Response:
        """Return the best quotations, or a no-answer with its reason.

        `top_k`, `min_confidence` and `min_precision` override the settings. With `min_precision=0.95` an answer is
        shown only if 95 of 100 such answers were right on the questions of the calibration. `filters`
        (`rag.index.filters`) chooses the documents that are asked. Raises InvalidQuestion if the question is too long
        or no text, InvalidFilter, InvalidSettings if a value is out of range, EvaluationError if the calibration never
        reached the precision. A blank question gives a no-answer.
        """
        response = self.pipeline().ask(question, top_k, filters, min_confidence, explain, min_precision)
        log.debug("%s: %s in %.0f ms", response.response_id, response.status, response.timings_ms.get("total", 0.0))
        return response

    def ask_many(
        self,
        questions: Sequence[str],
        top_k: int | None = None,
        min_confidence: float | None = None,
        min_precision: float | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[Response]:
        """Return the response of each question, the same as asked one by one; every processor is used."""
        return self.pipeline().ask_many(questions, top_k, min_confidence, min_precision, filters)

    def search(self, query: str, top_k: int | None = None, filters: Mapping[str, Any] | None = None) -> list[Answer]:
        """Return the passages that fit best, as quotations of type `passage`; they claim no answer."""
        return self.pipeline().search(query, top_k, filters)

    def trace_many(
        self, questions: Sequence[str], depth: int = 100, without: Sequence[Collection[str] | None] | None = None
    ) -> list[Trace]:
        """Return the results of every stage for each question, for evaluation.

        `without` gives for a question the documents that are treated as not in the index.
        """
        return self.pipeline().trace_many(questions, depth, without)

    def verify(self, saved: Response | Mapping[str, Any]) -> "list[Recheck]":
        """Re-check every citation of a saved response against the index as it is now."""
        return self.pipeline().verify(saved)

    def widen(self, answer: Answer, before: int = 1, after: int = 1) -> Answer:
        """Return the answer with up to `before` and `after` more sentences of its document as context, verified.

        A heading or a masked part ends the context. Raises VerificationError if the document is not the cited one any
        more.
        """
        return self.pipeline().widen(answer, before, after)

    def warm(self) -> None:
        """Load the models, as the first question would. Raises if weights are missing or not the ones needed."""
        self.pipeline().warm()

    def refresh(self) -> bool:
        """Use the current version of the index if another process has written one; tell whether it has."""
        before = self._pipeline
        self.index.refresh()
        return self.pipeline() is not before

    def close(self) -> None:
        """Close the files of the index."""
        self.index.close()

    def __enter__(self) -> Self:
        """Return the assistant itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        self.close()
