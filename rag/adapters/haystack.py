"""A component for Haystack, and quotations as its documents (the extra `haystack`)."""

import asyncio
from collections.abc import Iterable
from typing import Any

from rag.answering.assistant import Assistant
from rag.core.errors import ExtraNotInstalled
from rag.core.extras import install_command
from rag.core.response import Answer

try:
    from haystack import Document, component
except ModuleNotFoundError as error:
    raise ExtraNotInstalled(
        "This adapter needs haystack, which is not installed.", install_command("haystack")
    ) from error


@component
class PinciteRetriever:
    """Retrieves passages. If `answers_only` is true, it returns answers instead, or nothing for a no-answer.

    Its parameters are a folder and plain values, so that a pipeline with it can be saved. The index is opened by
    `warm_up` or by the first question. Haystack loads it only if you trust this module:
    `Pipeline.loads(text, allowed_modules=["rag.adapters.haystack"])`.
    """

    def __init__(
        self,
        index: str,
        top_k: int | None = None,
        filters: dict[str, Any] | None = None,
        answers_only: bool = False,
    ) -> None:
        """Store the parameters. `filters` have the forms of `rag.index.filters`, not those of Haystack."""
        self.index, self.top_k, self.filters, self.answers_only = index, top_k, filters, answers_only
        self._assistant: Assistant | None = None

    def warm_up(self) -> None:
        """Open the index and its model. Raises the errors of `Assistant.open`."""
        if self._assistant is None:
            self._assistant = Assistant.open(self.index)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """Return the documents for a question. `top_k` and `filters` override those of the constructor."""
        self.warm_up()
        assert self._assistant is not None
        top_k, filters = top_k or self.top_k, self.filters if filters is None else filters
        if self.answers_only:
            return {"documents": to_documents(self._assistant.ask(query, top_k, filters).answers)}
        return {"documents": to_documents(self._assistant.search(query, top_k, filters))}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """Return what `run` does; the event loop goes on meanwhile."""
        return await asyncio.to_thread(self.run, query, top_k, filters)


def to_documents(answers: Iterable[Answer]) -> list[Document]:
    """Return each quotation as a document whose content is the quotation and whose id is `document:start-end`.

    Offsets, hash and place are in `meta`, as `Citation.to_dict` names them.
    """
    return [
        Document(
            content=answer.answer,
            id=f"{answer.citation.span.document_id}:{answer.citation.span.start}-{answer.citation.span.end}",
            meta={**answer.citation.to_dict(), "confidence": answer.confidence},
            score=answer.score,
        )
        for answer in answers
    ]
