"""LangChain's own tests of retrievers."""

from typing import Any

import pytest

from rag.adapters.langchain import PinciteRetriever
from rag.answering.assistant import Assistant
from rag.index.index import Index

retrievers = pytest.importorskip("langchain_tests.integration_tests.retrievers", reason="langchain-tests is not there")


# Anyio's plugin runs the test that awaits; pytest-asyncio, which langchain-tests brings, is not loaded.
@pytest.mark.anyio
class TestPinciteRetriever(retrievers.RetrieversIntegrationTests):  # type: ignore[misc, name-defined]
    @pytest.fixture(autouse=True)
    def of_the_seeds(self, seeds_index: Index) -> None:
        self.assistant = Assistant(seeds_index)

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @property
    def retriever_constructor(self) -> type[PinciteRetriever]:
        return PinciteRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"assistant": self.assistant}

    @property
    def retriever_query_example(self) -> str:
        return "Why did Armenia recall its ambassador to Israel?"
