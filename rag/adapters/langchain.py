"""A retriever for LangChain, and quotations as its documents (the extra `langchain`).

Offsets, hash and place are in the metadata, as `Citation.to_dict` names them. So a program can verify a document
against the index again.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from rag.answering.assistant import Assistant
from rag.core.response import Answer


class PinciteRetriever(BaseRetriever):
    """Retrieves passages. If `answers_only` is true, it returns answers instead, or nothing for a no-answer.

    LangChain recognises a retriever by its base class, hence the inheritance.
    """

    assistant: Assistant
    top_k: int | None = None
    filters: dict[str, Any] | None = None
    answers_only: bool = False

    model_config: ClassVar[ConfigDict] = {"arbitrary_types_allowed": True}

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        if self.answers_only:
            return to_documents(self.assistant.ask(query, self.top_k, self.filters).answers)
        return to_documents(self.assistant.search(query, self.top_k, self.filters))


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
