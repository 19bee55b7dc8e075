import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import ModelNotAvailable
from rag.core.protocols import Embedder
from rag.core.response import Response
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.index import Index
from rag.loading import Source
from rag.server.shared_assistant import SharedAssistant
from tests.responses import INFO, answer, answered

RESPONSE = answered(answer(Document("d", "Yes."), 0, 4))


class OneAtATime:
    """Stands in for an assistant; it notes whether two threads were ever inside it together."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.refreshed = 0
        self.warmed = 0
        self.index = SimpleNamespace(info=INFO)

    def warm(self) -> None:
        self.warmed += 1

    def refresh(self) -> bool:
        self.refreshed += 1
        return False

    def ask(self, question: str, **how: object) -> Response:
        self.inside += 1
        self.most = max(self.most, self.inside)
        threading.Event().wait(0.01)
        self.inside -= 1
        return RESPONSE


def shared(open_assistant: Any) -> SharedAssistant:
    return SharedAssistant(lambda: cast("Assistant", open_assistant()))


def test_a_question_asked_while_the_model_loads_waits_and_is_answered() -> None:
    loaded = threading.Event()

    def slowly() -> OneAtATime:
        assert loaded.wait(10)
        return OneAtATime()

    assistant = shared(slowly)
    found: list[Response] = []
    asking = threading.Thread(target=lambda: found.append(assistant.ask("Who?")))
    asking.start()
    asking.join(0.1)
    assert asking.is_alive() and assistant.info is None
    loaded.set()
    asking.join(10)
    assert found == [RESPONSE]


def test_it_is_loaded_once_its_model_has_been_used() -> None:
    inner = OneAtATime()
    assistant = shared(lambda: inner)
    assistant.load()
    assert inner.warmed == 1
    assert assistant.info is INFO


def test_questions_of_many_visitors_are_read_one_after_the_other() -> None:
    inner = OneAtATime()
    assistant = shared(lambda: inner)
    threads = [threading.Thread(target=assistant.ask, args=("Who?",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert inner.most == 1


def test_every_question_after_the_first_looks_for_a_new_version() -> None:
    inner = OneAtATime()
    assistant = shared(lambda: inner)
    for _ in range(3):
        assistant.ask("Who?")
    assert inner.refreshed == 2


def test_what_failed_to_load_is_kept_as_the_problem_and_tried_again_when_asked() -> None:
    tries = iter([ModelNotAvailable("The weights are missing.", "Install them.")])

    def opened() -> OneAtATime:
        for problem in tries:
            raise problem
        return OneAtATime()

    assistant = shared(opened)
    assistant.load()
    assert isinstance(assistant.problem, ModelNotAvailable)
    assert assistant.ask("Who?") == RESPONSE
    assert assistant.problem is None


def test_an_error_reaches_the_one_who_asked() -> None:
    def fails() -> OneAtATime:
        raise ModelNotAvailable("The weights are missing.", "Install them.")

    with pytest.raises(ModelNotAvailable):
        shared(fails).ask("Who?")


def test_files_are_read_in_a_process_of_their_own_whatever_the_settings_say(
    embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(isolated_reading=False)
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("The bell rang at noon.", encoding="utf-8")
    second.write_text("The ferry left at nine.", encoding="utf-8")
    Index.build(first, tmp_path / "index", settings, embedder=embedder).close()
    served = SharedAssistant(lambda: Assistant(Index.open(tmp_path / "index", embedder), settings))

    def read_here(source: Source) -> Iterator[Document]:
        raise AssertionError("a file was read in the process of the server")

    monkeypatch.setattr("rag.index.writing.ingest.load", read_here)
    assert served.change(lambda index: index.add([second])).added == ("b.txt",)
