"""Holds the one Assistant that all visitors of the page share, loaded in the background, used by one at a time."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.assistant import Assistant
from rag.errors import RagError
from rag.response import IndexInfo, Response
from rag.types import Chunk, Document, Mask

log = logging.getLogger(__name__)


class SharedAssistant:
    """One Assistant behind a lock. A question asked while it loads waits; one asked after a failure loads again."""

    def __init__(self, open_assistant: Callable[[], Assistant]) -> None:
        """Open nothing yet."""
        self._open = open_assistant
        self._lock = threading.Lock()
        self._assistant: Assistant | None = None
        self.problem: Exception | None = None

    @property
    def info(self) -> IndexInfo | None:
        """Return what is held of the index, None before it and its model are loaded."""
        return self._assistant.index.info if self._assistant else None

    def load(self) -> None:
        """Open the index and load the model, so that the first question is answered at once. Raises nothing."""
        try:
            with self._ready():
                pass
        except Exception as error:
            if not isinstance(error, RagError):
                log.exception("loading failed")
            self.problem = error

    def ask(self, question: str) -> Response:
        """Return the response to a question. Raises the errors of `Assistant.open` and `ask`."""
        with self._ready() as assistant:
            return assistant.ask(question)

    def document(self, document_id: str) -> tuple[Document | None, list[Mask]]:
        """Return a document, None where it is not held any more, and what is masked in it."""
        with self._ready() as assistant:
            return assistant.index.document(document_id), assistant.index.masks(document_id)

    def first_chunks(self, count: int) -> list[Chunk]:
        """Return the first chunks of the index, in order."""
        with self._ready() as assistant:
            store = assistant.index.store
            return store.chunks(store.rows()[:count])

    @contextmanager
    def _ready(self) -> Iterator[Assistant]:
        with self._lock:
            if self._assistant is None:
                self._assistant = _warmed(self._open())
            else:
                self._assistant.refresh()
            self.problem = None
            yield self._assistant


def _warmed(assistant: Assistant) -> Assistant:
    # The first use of a model costs seconds, and shows weights that are missing or other than the index needs.
    assistant.index.embedder.embed_queries(["What is this?"])
    return assistant
