"""Files are read in a process of its own: the same documents, and an error for each file that ends it."""

import os
import signal
import subprocess
import sys
import threading
import warnings
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.index.index import Index
from rag.loading import Source, load
from rag.loading.isolation import process, worker
from rag.loading.isolation.messages import item_message, item_of, message_bytes, message_of
from rag.loading.isolation.process import ReadingProcess, load_apart
from tests.loading.formats.made_files import MAKERS, article

HOSTILE = """
import json, os, sys, time
sys.path[:] = json.loads(sys.argv[1])
from rag.loading.isolation import worker
from rag.loading.formats.plain import text
decode = text.decode

def hostile(data, name):
    if b"NICE" in data:
        return decode(str(os.getpriority(os.PRIO_PROCESS, 0)).encode(), name)
    if b"ABORT" in data:
        os.abort()
    if b"SLEEP" in data:
        time.sleep(600)
    if b"HUGE" in data:
        bytearray(2 * worker.MAX_MEMORY_BYTES)
    if b"PRINT" in data:
        os.write(1, b"noise")
    return decode(data, name)

text.decode = hostile
worker.main()
"""
"""The reading process with a text loader that does what its files say, as a library with a fault would."""
FORGED = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from rag.loading.isolation.messages import message_bytes
sys.stdin.buffer.read(8)
sys.stdout.buffer.write(message_bytes({"document": {"layout": []}}))
"""
"""A reading process that answers with a document of the wrong form."""
LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (50, 50))
from rag.loading import Source
from rag.loading.isolation.process import load_apart
print(*(item.text for item in load_apart(Source(Path(sys.argv[1]), "a"))))
"""
"""Reads a file with less processor time than a file may take, as below `ulimit -t 50`."""


def file(path: Path, text: str) -> Source:
    path.write_text(text, encoding="utf-8")
    return Source(path, path.name)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> ReadingProcess:
    shared = ReadingProcess()
    monkeypatch.setattr(process, "_PROGRAM", HOSTILE)
    monkeypatch.setattr(process, "_SHARED", shared)
    return shared


@pytest.mark.thorough
@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_read_apart_is_what_is_read_here(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"made.{kind}"
    MAKERS[kind](path, article(3))
    source = Source(path, path.name)
    assert list(load_apart(source)) == list(load(source)) != []


def test_errors_are_the_same(tmp_path: Path) -> None:
    for source in (file(tmp_path / "a.pdf", "no"), file(tmp_path / "a.bin", "x\0"), Source(tmp_path / "gone.txt", "g")):
        (here,), (apart,) = list(load(source)), list(load_apart(source))
        assert isinstance(here, LoadError) and type(here) is type(apart)
        assert here.args == apart.args if isinstance(apart, LoadError) else False


@pytest.mark.thorough
@pytest.mark.parametrize("word", ["ABORT", "SLEEP", "HUGE"])
def test_a_hostile_file_is_an_error_and_the_next_one_is_read(
    word: str, hostile: ReadingProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        if word == "SLEEP":
            patch.setattr(process, "MIN_SECONDS", 3.0)
        (error,) = load_apart(file(tmp_path / "bad.txt", word))
    assert isinstance(error, UnreadableSource) and "bad.txt" in error.message
    (document,) = load_apart(file(tmp_path / "good.txt", "All is well."))
    assert isinstance(document, Document) and document.text == "All is well."
    hostile.close()


def test_who_hands_in_files_gives_way_to_who_asks(hostile: ReadingProcess, tmp_path: Path) -> None:
    for _ in range(2):
        (document,) = load_apart(file(tmp_path / "a.txt", "NICE"))
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert isinstance(document, Document) and document.text == str(max(own, worker.NICENESS))
    hostile.close()


def test_what_a_library_prints_is_no_answer(hostile: ReadingProcess, tmp_path: Path) -> None:
    (document,) = load_apart(file(tmp_path / "a.txt", "PRINT this"))
    assert isinstance(document, Document) and document.text == "PRINT this"
    hostile.close()


def test_the_other_members_of_an_archive_are_read(hostile: ReadingProcess, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (
            ("1.txt", "one"),
            ("2.txt", "ABORT"),
            ("3.txt", "three"),
            ("4.txt", "ABORT"),
            ("5.txt", "five"),
        ):
            archive.writestr(name, text)
    items = list(load_apart(Source(path, "a.zip")))
    assert [item.text for item in items if isinstance(item, Document)] == ["one", "three", "five"]
    assert [str(item).partition(": ")[0] for item in items if isinstance(item, LoadError)] == [
        f"{path}/2.txt",
        f"{path}/4.txt",
    ]
    hostile.close()


def test_a_member_of_the_same_name_is_read_behind_one_that_ends_the_process(
    hostile: ReadingProcess, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the name
        for name, text in (("1.txt", "one"), ("1.txt", "ABORT"), ("1.txt", "three"), ("2.txt", "two")):
            archive.writestr(name, text)
    items = list(load_apart(Source(path, "a.zip")))
    assert [item.text for item in items if isinstance(item, Document)] == ["one", "three", "two"]
    assert [isinstance(item, LoadError) for item in items] == [False, True, False, False]
    hostile.close()


def test_if_too_many_members_end_the_process_the_last_error_says_that_the_rest_was_not_read(
    hostile: ReadingProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MAX_RESTARTS", 1)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (("1.txt", "ABORT"), ("2.txt", "two"), ("3.txt", "ABORT"), ("4.txt", "four")):
            archive.writestr(name, text)
    first, document, last = load_apart(Source(path, "a.zip"))
    assert isinstance(document, Document) and document.text == "two"
    assert "not read" not in str(first) and f"behind it in {path} were not read" in str(last)
    hostile.close()


def test_an_index_is_built_around_a_hostile_file(hostile: ReadingProcess, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    file(folder / "bad.txt", "ABORT")
    file(folder / "good.txt", "The tug is called Marlin.")
    report = Index.build(folder, tmp_path / "index").report
    assert report.added == ("good.txt",) and report.unreadable == ("bad.txt",)
    hostile.close()


def test_a_reader_that_stops_half_way_does_not_spoil_the_next(tmp_path: Path) -> None:
    rows = file(tmp_path / "a.jsonl", "".join(f'{{"_id": "{n}", "text": "row {n}"}}\n' for n in range(1_000)))
    first = next(load_apart(rows))
    assert isinstance(first, Document) and first.id == "0"
    assert [item.id for item in load_apart(rows) if isinstance(item, Document)] == [str(n) for n in range(1_000)]


def test_an_interrupted_reader_does_not_spoil_the_next(tmp_path: Path) -> None:
    items = load_apart(file(tmp_path / "a.jsonl", "".join(f'{{"_id": "{n}", "text": "row"}}\n' for n in range(1_000))))
    next(items)
    with pytest.raises(KeyboardInterrupt):
        items.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    (document,) = load_apart(file(tmp_path / "b.txt", "All is well."))
    assert isinstance(document, Document) and document.text == "All is well."


def test_a_document_of_the_wrong_form_is_an_error(
    hostile: ReadingProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PROGRAM", FORGED)
    (error,) = load_apart(file(tmp_path / "a.txt", "text"))
    assert isinstance(error, UnreadableSource) and "a.txt" in error.message
    hostile.close()


def test_a_process_that_died_before_it_read_its_request_can_be_closed() -> None:
    with ReadingProcess() as reading:
        reading.start()
        assert reading._child is not None and reading._child.stdin is not None
        reading._child.stdin.write(b"a request")
        reading._child.kill()
        reading._child.wait(timeout=120)


def test_a_fork_leaves_the_process_and_its_folder_alone(tmp_path: Path) -> None:
    with ReadingProcess() as reading:
        reading.start()
        folder = reading._folder
        fork = os.fork()
        if not fork:
            try:
                reading.close()
            finally:
                os._exit(0)
        os.waitpid(fork, 0)
        assert folder is not None and os.path.isdir(folder)
        assert list(reading.messages(file(tmp_path / "a.txt", "text"), [], 300.0))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limits and the counts of Linux")
def test_files_are_read_below_a_hard_limit_of_processor_time(tmp_path: Path) -> None:
    source = file(tmp_path / "a.txt", "All is well.")
    done = subprocess.run([sys.executable, "-c", LIMITED, source.path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "All is well."


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limits and the counts of Linux")
def test_memory_that_was_freed_does_not_count() -> None:
    before = worker._memory_bytes()
    block = bytearray(b"x") * 400_000_000
    assert worker._memory_bytes() > before + 300_000_000
    del block
    assert worker._memory_bytes() < before + 100_000_000


def test_two_threads_read_at_once(tmp_path: Path) -> None:
    sources = [file(tmp_path / f"{n}.txt", f"text {n}") for n in range(8)]
    texts: list[str] = []

    def read(source: Source) -> None:
        texts.extend(item.text for item in load_apart(source) if isinstance(item, Document))

    threads = [threading.Thread(target=read, args=[source]) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == [f"text {n}" for n in range(8)]


def test_the_process_ends_with_the_one_that_asked_and_leaves_no_file(tmp_path: Path) -> None:
    with ReadingProcess() as reading:
        reading.start()
        assert reading._child is not None and reading._folder is not None
        child, folder = reading._child, Path(reading._folder)
        assert child.stdin is not None
        list(reading.messages(file(tmp_path / "a.txt", "text"), [], 300.0))
        child.stdin.close()  # as the system does when the asking process is killed
        assert child.wait(timeout=120) == 0
        assert not folder.exists(), [str(path) for path in folder.rglob("*")]


def test_a_process_whose_answers_nobody_reads_leaves_no_file(tmp_path: Path) -> None:
    with ReadingProcess() as reading:
        reading.start()
        assert reading._child is not None and reading._folder is not None and reading._child.stdout is not None
        child, folder = reading._child, Path(reading._folder)
        rows = file(tmp_path / "a.jsonl", "".join(f'{{"_id": "{n}", "text": "row"}}\n' for n in range(10_000)))
        next(reading.messages(rows, [], 300.0))
        reading._child.stdout.close()  # as the system does when the asking process is killed
        child.wait(timeout=120)
        assert not folder.exists(), [str(path) for path in folder.rglob("*")]


def test_a_killed_process_is_named_by_its_signal(tmp_path: Path) -> None:
    with ReadingProcess() as reading:
        reading.start()
        assert reading._child is not None
        os.kill(reading._child.pid, signal.SIGKILL)
        reading._child.wait(timeout=120)
        assert reading.ending() == " (SIGKILL)"


def test_a_message_carries_every_character_and_every_field() -> None:
    document = Document("ä\n", "a\u2028\0\U0001f600", "t", metadata={"n": 1.5, "deep": {"list": [None, True]}})
    assert item_of(message_of(message_bytes(item_message(document))[8:])) == document


def test_the_setting_holds_for_what_is_added_later(hostile: ReadingProcess, tmp_path: Path) -> None:
    Index.build([file(tmp_path / "a.txt", "All is well.").path], tmp_path / "index").close()
    printing = file(tmp_path / "b.txt", "ABORT is only a word to the reader of this process.").path
    with closing(Index.open(tmp_path / "index")) as apart:
        assert apart.add([printing]).failed
    with closing(Index.open(tmp_path / "index", isolated_reading=False)) as here:
        assert here.add([printing]).added
    hostile.close()
