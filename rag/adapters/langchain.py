"""A retriever for LangChain, and quotations as its documents (the extra `langchain`).

Offsets, hash and place are in the metadata, as `Citation.to_dict` names them. So a program can verify a document
against the index again.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import AliasChoices, ConfigDict, Field

from rag.answering.assistant import Assistant
from rag.core.errors import ExtraNotInstalled
from rag.core.extras import install_command
from rag.core.response import Answer

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ModuleNotFoundError as error:
    raise ExtraNotInstalled(
        "This adapter needs langchain_core, which is not installed.", install_command("langchain")
    ) from error


class PinciteRetriever(BaseRetriever):
    """Retrieves passages. If `answers_only` is true, it returns answers instead, or nothing for a no-answer.

    `k` is another name for `top_k`. `invoke` and `ainvoke` take `k`, `top_k`, `filters` and `answers_only` too, for one
    question; an unknown keyword is an error. LangChain recognises a retriever by its base class, hence the inheritance.
    """

    assistant: Assistant
    top_k: int | None = Field(default=None, validation_alias=AliasChoices("top_k", "k"))
    filters: dict[str, Any] | None = None
    answers_only: bool = False

    model_config: ClassVar[ConfigDict] = {"arbitrary_types_allowed": True, "extra": "forbid", "populate_by_name": True}

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun | None = None,
        k: int | None = None,
        top_k: int | None = None,
        filters: dict[str, Any] | None = None,
        answers_only: bool | None = None,
    ) -> list[Document]:
        count = next((number for number in (k, top_k) if number is not None), self.top_k)
        filters = self.filters if filters is None else filters
        if self.answers_only if answers_only is None else answers_only:
            return to_documents(self.assistant.ask(query, count, filters).answers)
        return to_documents(self.assistant.search(query, count, filters))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        # The event loop goes on meanwhile.
        return await asyncio.to_thread(self._get_relevant_documents, query, **options)


def to_documents(answers: Iterable[Answer]) -> list[Document]:
    """Return each quotation as a document whose content is the quotation and whose id is `document:start-end`."""
    return [
        Document(
            page_content=answer.answer,
            id=f"{answer.citation.span.document_id}:{answer.citation.span.start}-{answer.citation.span.end}",
            metadata={**answer.citation.to_dict(), "score": answer.score, "confidence": answer.confidence},
        )
        for answer in answers
    ]
