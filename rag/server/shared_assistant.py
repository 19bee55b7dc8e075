"""Holds the one Assistant that all visitors of the page share, loaded in the background, used by one at a time."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.answering.assistant import Assistant
from rag.answering.confidence import Calibration
from rag.core.errors import InvalidInput, RagError
from rag.core.reports import IndexReport
from rag.core.response import Answer, IndexInfo, Response
from rag.core.settings import Settings
from rag.core.types import Chunk, Document, DocumentSummary, Mask
from rag.index.index import Index
from rag.loading.pages.pdf_originals import PdfOriginals
from rag.server.locked_embedder import LockedEmbedder

if TYPE_CHECKING:
    from rag.evaluation.datasets import Question
    from rag.evaluation.observation import Observation

KEPT_RESPONSES = 500
"""Responses whose sources can still be shown, over all visitors, the latest."""
DOCUMENT_CHANGED = "The document has changed since it was quoted, or was removed."
ASK_AGAIN = "Ask the question again."
log = logging.getLogger(__name__)


class SharedAssistant:
    """One Assistant behind a lock. A question asked while it loads waits; one asked after a failure loads again."""

    def __init__(self, open_assistant: Callable[[], Assistant]) -> None:
        """Open nothing yet."""
        self._open = open_assistant
        self._lock = threading.Lock()
        self._assistant: Assistant | None = None
        self._responses: OrderedDict[str, Response] = OrderedDict()
        self.originals = PdfOriginals()
        self.problem: Exception | None = None

    @property
    def info(self) -> IndexInfo | None:
        """Return the facts of the index, None before it and its model are loaded."""
        return self._assistant.index.info if self._assistant else None

    @property
    def path(self) -> Path:
        """Return the folder of the index."""
        with self.ready() as assistant:
            return assistant.index.path

    @property
    def folder(self) -> Path | None:
        """Return the folder of the index, None before it is open."""
        return self._assistant.index.path.resolve() if self._assistant else None

    def load(self) -> None:
        """Open the index and load the model, so that the first question is answered at once. Raises nothing."""
        try:
            with self.ready():
                pass
        except Exception as error:
            if not isinstance(error, RagError):
                log.exception("loading failed")
            self.problem = error

    def ask(
        self,
        question: str,
        min_confidence: float | None = None,
        explain: bool = True,
        filters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Return the response to a question; keep it if it is explained. Raises what `Assistant.open` and `ask` do."""
        with self.ready() as assistant:
            response = assistant.ask(question, filters=filters, min_confidence=min_confidence, explain=explain)
            if not explain:
                return response
            self._responses[response.response_id] = response
            self._responses.move_to_end(response.response_id)
            while len(self._responses) > KEPT_RESPONSES:
                self._responses.popitem(last=False)
            return response

    def response(self, response_id: str) -> Response:
        """Return a response that was given lately. Raises InvalidInput if it is not at hand any more."""
        response = self._responses.get(response_id)
        if response is None:
            raise InvalidInput("This answer is no longer at hand.", ASK_AGAIN)
        return response

    def observe(self, questions: "Sequence[Question]") -> "list[Observation]":
        """Return what became of questions with known answers, for evaluation."""
        from rag.evaluation.observation import observe

        with self.ready() as assistant:
            traces = assistant.trace_many([question.text for question in questions])
            return [
                observe(question, trace, assistant.index, assistant.settings)
                for question, trace in zip(questions, traces, strict=True)
            ]

    def settings(self) -> Settings:
        """Return the settings of asking."""
        with self.ready() as assistant:
            return assistant.settings

    def widened(self, answer: Answer, by: int) -> tuple[str, str]:
        """Return the text before and after a quotation, `by` sentences more on each side than its context holds.

        Raises InvalidInput if the document is not the one quoted any more.
        """
        with self.ready() as assistant:
            citation = answer.citation
            document = assistant.index.document(citation.span.document_id)
            if document is None or document.text_sha256 != citation.content_sha256:
                raise InvalidInput(DOCUMENT_CHANGED, ASK_AGAIN)
            wider = assistant.widen(answer, by, by)
        start, end = wider.context_offset
        return wider.context[:start], wider.context[end:]

    def calibration(self) -> Calibration:
        """Return the confidence in use, with its curve."""
        with self.ready() as assistant:
            return assistant.calibration

    def threshold(self) -> float:
        """Return the threshold that holds if a visitor chooses none."""
        with self.ready() as assistant:
            return assistant.calibration.threshold_of(assistant.settings)

    def documents(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        with self.ready() as assistant:
            return assistant.index.documents()

    def document(self, document_id: str) -> tuple[Document | None, list[Mask]]:
        """Return a document, None if it is gone, and its masked parts."""
        with self.ready() as assistant:
            return assistant.index.document(document_id), assistant.index.masks(document_id)

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document, in order of place."""
        with self.ready() as assistant:
            return assistant.index.chunks(document_id)

    def first_chunks(self, count: int) -> list[Chunk]:
        """Return the first chunks of the index, in order."""
        with self.ready() as assistant:
            store = assistant.index.store
            return store.chunks(store.rows()[:count])

    def change(self, write: Callable[[Index], IndexReport]) -> IndexReport:
        """Write to the index and return the report; questions are answered meanwhile, from the version before.

        The model is handed to and fro: a question waits for one batch of passages at most.
        """
        with self.ready() as assistant:
            path, embedder = assistant.index.path, assistant.index.embedder
        # Files are read in a process of their own here, even if the settings turn it off: none may stop the server.
        index = Index.open(path, LockedEmbedder(embedder, self._lock), isolated_reading=True)
        try:
            return write(index)
        finally:
            index.close()
            with self.ready():
                pass

    def texts(self) -> list[Document]:
        """Return all documents with their texts."""
        with self.ready() as assistant:
            documents = (assistant.index.document(summary.id) for summary in assistant.index.documents())
            return [document for document in documents if document is not None]

    @contextmanager
    def ready(self) -> Iterator[Assistant]:
        """Give the assistant alone to the caller, opened if need be and at the current version of the index."""
        with self._lock:
            if self._assistant is None:
                assistant = self._open()
                assistant.warm()
                self._assistant = assistant
            else:
                self._assistant.refresh()
            self.problem = None
            yield self._assistant
