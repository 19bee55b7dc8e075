"""Spans around what is asked: figures without words, and nothing at all without the library."""

from typing import Any

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidQuestion
from rag.server.api import tracing
from rag.server.api.rest.handlers import Handlers
from rag.server.api.rest.requests import AskRequest, SearchRequest
from rag.server.shared_assistant import SharedAssistant
from tests.server.running_service import ABSURD, RECALL

LONG = "secret " * 1_000


@pytest.fixture
def handlers(assistant: Assistant) -> Handlers:
    shared = SharedAssistant(lambda: assistant)
    shared.load()
    return Handlers(shared)


def test_without_the_library_nothing_is_opened(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_tracer", lambda: None)
    assert handlers.ask(AskRequest(RECALL))["status"] == "answered"
    with pytest.raises(InvalidQuestion):
        handlers.ask(AskRequest(LONG))


def test_spans_hold_figures_and_no_words(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk: Any = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra otel is not installed")
    export: Any = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("pincite"))

    response = handlers.ask(AskRequest(RECALL))
    handlers.ask(AskRequest(ABSURD))
    handlers.search(SearchRequest("drones", 3))
    with pytest.raises(InvalidQuestion):
        handlers.ask(AskRequest(LONG))

    answered, refused, searched, failed = memory.get_finished_spans()
    assert [each.name for each in (answered, refused, searched)] == ["pincite.ask", "pincite.ask", "pincite.search"]
    told = dict(answered.attributes)
    assert (told["pincite.status"], told["pincite.answers"]) == ("answered", len(response["answers"]))
    assert refused.attributes["pincite.reason"] == "low_confidence" and "pincite.reason" not in told
    assert searched.attributes["pincite.passages"] == 3
    assert failed.attributes["error.type"] == "InvalidQuestion" and not failed.status.is_ok and not failed.events
    words = " ".join(str(each.to_json()) for each in memory.get_finished_spans())
    assert not any(word in words for word in ("Armenia", "tungsten", "drones", "secret"))
