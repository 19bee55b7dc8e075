"""What becomes of the files that a visitor sent once the page asks to add them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidInput
from rag.core.settings import Options
from rag.index.index import Index
from rag.server.files.incoming_files import FORGOTTEN_SECONDS, IncomingFiles
from rag.server.page.documents import Documents
from rag.server.page.jobs import MAX_RUNNING, Jobs
from rag.server.shared_assistant import SharedAssistant
from tests.server.clock import Clock

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def sent(files: IncomingFiles, name: str, content: bytes) -> str:
    key = files.begin("198.51.100.7", name, len(content))
    files.append(key, content)
    return key


def waiting(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def report_of(jobs: Jobs, started: dict[str, Any]) -> str:
    while not (news := jobs.news(started))["done"]:
        time.sleep(0.05)
    return str(news["html"])


def test_files_of_a_job_that_waits_are_not_forgotten_and_are_gone_after_it(
    index: Path, embedder: "Embedder", temporary: Path
) -> None:
    opened, clock, jobs = threading.Event(), Clock(), Jobs()

    def open_assistant() -> Assistant:
        opened.wait()
        return Assistant(Index.open(index, embedder))

    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE, clock=clock)
    documents = Documents(SharedAssistant(open_assistant), Options(), files, jobs)
    keys = [sent(files, "pier.txt", b"The pier was painted green."), sent(files, "lamp.txt", b"The lamp was lit.")]
    started = documents.add({"keys": keys, "refused": []})
    with pytest.raises(InvalidInput, match="not here any more"):
        documents.add({"keys": keys, "refused": []})
    clock.now += FORGOTTEN_SECONDS + 1
    files.forget_old()
    opened.set()
    report = report_of(jobs, started)
    assert "pier.txt" in report and "lamp.txt" in report and "skipped" not in report
    assert waiting(temporary) == []


def test_files_that_no_job_takes_are_deleted(temporary: Path) -> None:
    ended, jobs = threading.Event(), Jobs()

    def never_opened() -> Assistant:
        raise AssertionError

    def busy() -> Iterator[str]:
        ended.wait()
        yield ""

    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    documents = Documents(SharedAssistant(never_opened), Options(), files, jobs)
    key = sent(files, "pier.txt", b"The pier was painted green.")
    for _ in range(MAX_RUNNING):
        jobs.start(busy)
    try:
        with pytest.raises(InvalidInput, match="busy"):
            documents.add({"keys": [key], "refused": []})
        assert waiting(temporary) == []
    finally:
        ended.set()
