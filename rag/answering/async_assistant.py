"""Asks from programs that run an event loop: each call computes in a thread, so that the loop goes on."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rag.answering.assistant import Assistant

if TYPE_CHECKING:
    from rag.answering.recheck import Recheck
    from rag.core.response import Answer, Response
    from rag.core.settings import Settings


class AsyncAssistant:
    """Answers like `Assistant`, with methods to be awaited; several tasks may ask at once.

    >>> async def first_answer(question: str) -> str:
    ...     async with await AsyncAssistant.open("index/") as assistant:
    ...         return (await assistant.ask(question)).answers[0].answer
    """

    def __init__(self, assistant: Assistant) -> None:
        """Use an assistant that is open already."""
        self.assistant = assistant

    @classmethod
    async def open(cls, path: str | Path, settings: "Settings | None" = None) -> "AsyncAssistant":
        """Open the index at `path`. Raises what `Assistant.open` does."""
        return cls(await asyncio.to_thread(Assistant.open, path, settings))

    async def ask(
        self,
        question: str,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        min_confidence: float | None = None,
        explain: bool = False,
        min_precision: float | None = None,
    ) -> "Response":
        """Return the best quotations, or a no-answer with its reason: what `Assistant.ask` returns and raises."""
        return await asyncio.to_thread(
            self.assistant.ask, question, top_k, filters, min_confidence, explain, min_precision
        )

    async def ask_many(
        self,
        questions: Sequence[str],
        top_k: int | None = None,
        min_confidence: float | None = None,
        min_precision: float | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> "list[Response]":
        """Return the response of each question, in order: what `Assistant.ask_many` returns and raises."""
        return await asyncio.to_thread(
            self.assistant.ask_many, questions, top_k, min_confidence, min_precision, filters
        )

    async def search(
        self, query: str, top_k: int | None = None, filters: Mapping[str, Any] | None = None
    ) -> "list[Answer]":
        """Return the passages that fit best; they claim no answer."""
        return await asyncio.to_thread(self.assistant.search, query, top_k, filters)

    async def verify(self, saved: "Response | Mapping[str, Any]") -> "list[Recheck]":
        """Re-check every citation of a saved response against the index as it is now."""
        return await asyncio.to_thread(self.assistant.verify, saved)

    async def close(self) -> None:
        """Close the files of the index."""
        await asyncio.to_thread(self.assistant.close)

    async def __aenter__(self) -> Self:
        """Return the assistant itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files of the index."""
        await self.close()
