"""A retriever for LlamaIndex, and quotations as its nodes (the extra `llamaindex`)."""

import asyncio
from collections.abc import Iterable
from typing import Any

from rag.answering.assistant import Assistant
from rag.core.errors import ExtraNotInstalled
from rag.core.extras import install_command
from rag.core.response import Answer

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode
except ModuleNotFoundError as error:
    raise ExtraNotInstalled(
        "This adapter needs llama_index, which is not installed.", install_command("llamaindex")
    ) from error

MODEL_METADATA = ("title", "author", "published_at", "line_start", "page_number")
"""The metadata that a language model sees with a quotation; the rest is for programs."""


class PinciteRetriever(BaseRetriever):
    """Retrieves passages. If `answers_only` is true, it returns answers instead, or nothing for a no-answer.

    LlamaIndex recognises a retriever by its base class, hence the inheritance.
    """

    def __init__(
        self,
        assistant: Assistant,
        top_k: int | None = None,
        filters: dict[str, Any] | None = None,
        answers_only: bool = False,
    ) -> None:
        """Retrieve with `assistant`; `filters` have the forms of `rag.index.filters`."""
        super().__init__()
        self._assistant, self._top_k, self._filters, self._answers_only = assistant, top_k, filters, answers_only

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = query_bundle.query_str
        if self._answers_only:
            return to_nodes(self._assistant.ask(query, self._top_k, self._filters).answers)
        return to_nodes(self._assistant.search(query, self._top_k, self._filters))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        # The event loop goes on meanwhile.
        return await asyncio.to_thread(self._retrieve, query_bundle)


def to_nodes(answers: Iterable[Answer]) -> list[NodeWithScore]:
    """Return each quotation as a node with its offsets, the id `document:start-end` and its document as source.

    Hash and place are in the metadata, as `Citation.to_dict` names them.
    """
    return [NodeWithScore(node=_node(answer), score=answer.score) for answer in answers]


def _node(answer: Answer) -> TextNode:
    span = answer.citation.span
    metadata = {**answer.citation.to_dict(), "confidence": answer.confidence}
    hidden = [key for key in metadata if key not in MODEL_METADATA or metadata[key] is None]
    return TextNode(
        text=answer.answer,
        id_=f"{span.document_id}:{span.start}-{span.end}",
        metadata=metadata,
        start_char_idx=span.start,
        end_char_idx=span.end,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=list(metadata),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=span.document_id)},
    )
