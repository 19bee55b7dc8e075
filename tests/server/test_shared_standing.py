"""Watched questions are checked by the server itself when documents have changed, and once for each change."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.answering.assistant import Assistant
from rag.core.types import Document
from rag.index.index import Index
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTION = "When does the ferry of Marrowick leave?"


def ferry(time: str) -> Document:
    return Document("ferry", f"The ferry of Marrowick leaves at {time} on each Sunday.")


@pytest.fixture
def shared(index: Path, embedder: "Embedder") -> SharedAssistant:
    Index.open(index, embedder).add([ferry("noon")])
    assistant = SharedAssistant(lambda: Assistant(Index.open(index, embedder)))
    assistant.load()
    return assistant


def wait_for_checks() -> None:
    """Wait for the threads that check."""
    for thread in threading.enumerate():
        if "_check_quietly" in thread.name:
            thread.join()


def test_a_change_of_a_watched_answer_is_found_without_being_asked_for(shared: SharedAssistant) -> None:
    standing = SharedStanding(shared)
    standing.add(QUESTION)
    assert standing.watches(QUESTION, None) and not standing.watches(QUESTION, {"language": "en"})
    standing.check_if_changed()
    wait_for_checks()
    shared.change(lambda index: index.add([ferry("nine")]))
    standing.check_if_changed()
    wait_for_checks()
    (item,) = standing.state().questions
    assert [event.kind for event in item.history] == ["first_seen", "changed"]
    before, after = item.history[-1].before, item.history[-1].after
    assert (
        before is not None
        and after is not None
        and ("noon" in before.sentence, "nine" in after.sentence) == (True, True)
    )
    standing.remove(item.id)
    assert not standing.watches(QUESTION, None)


def test_nothing_is_checked_twice_for_one_version(shared: SharedAssistant) -> None:
    standing = SharedStanding(shared)
    standing.add(QUESTION)
    report, not_told = standing.check()
    assert (report.questions, report.asked, not_told) == (1, 0, [])
    before = {thread.name for thread in threading.enumerate()}
    standing.check_if_changed()
    assert {thread.name for thread in threading.enumerate()} == before and not standing.is_checking
