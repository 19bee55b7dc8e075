"""Kills, full disks and races at single files: the old content or the new, and nothing beside it."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.core.files import durable_files
from rag.core.files.durable_files import append_line, exclusive, new_file, replace_file

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the process that is killed is forked"),
    # Newer Pythons warn of forking beside threads. The child starts none of the parent's and leaves by _exit.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
CALLS = ("open", "fsync", "replace", "rename", "unlink", "link", "write")


def killed_before_call(step: int, write: Callable[[], object]) -> bool:
    """Run `write` in a child that kills itself before its call number `step` of CALLS; tell whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    calls = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*values: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step + 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*values, **options)

        return call

    try:
        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        write()
    finally:
        os._exit(0)


def states_after_kills(folder: Path, write: Callable[[], object], content: Callable[[], str]) -> list[str]:
    """Return the content after a kill before each call of a write, and at the end that of a write without a kill."""
    old = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    states: list[str] = []
    for step in range(100):
        for file in folder.iterdir():
            file.unlink()
        for name, text in old.items():
            (folder / name).write_bytes(text)
        was_killed = killed_before_call(step, write)
        states.append(content())
        if not was_killed:
            return states
    raise AssertionError("the write never ended")


def test_a_replaced_file_has_the_old_content_or_the_new_after_a_kill_at_any_call(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("old")
    states = states_after_kills(tmp_path, lambda: replace_file(file, b"new"), file.read_text)
    assert len(states) > 4 and set(states[:-1]) == {"old", "new"} and states[-1] == "new"
    assert states == sorted(states, reverse=True), "the new content stays once it is there"


def test_a_half_written_draft_does_not_stop_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".a.json.partial").write_text("ha")
    replace_file(tmp_path / "a.json", b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.json", b"new")]


def test_a_full_disk_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(file, b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "old")]


@pytest.mark.parametrize("torn", [b"", b'{"a": 1}\n{"b', b"\n", b"x"])
def test_a_line_does_not_continue_a_torn_one(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(torn)
    append_line(file, '{"c": 3}')
    append_line(file, "é")
    lines = file.read_bytes().split(b"\n")
    assert lines[-3:] == [b'{"c": 3}', "é".encode(), b""] and file.read_bytes().startswith(torn)


def test_a_killed_export_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"

    def export() -> None:
        with new_file(file) as stream:
            stream.write(b"some")
            os.write(stream.fileno(), b"more")

    states = states_after_kills(tmp_path, export, lambda: ",".join(sorted(path.name for path in tmp_path.iterdir())))
    if durable_files._unnamed_file(tmp_path) is not None:
        assert set(states) == {"", "a.zip"} and states[-1] == "a.zip"


@pytest.mark.parametrize("unnamed", [True, False])
def test_a_new_file_appears_whole_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    if not unnamed:
        monkeypatch.setattr(durable_files, "_unnamed_file", lambda folder: None)
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "a.zip") as stream:
        stream.write(b"half" * (1 // 0))
    assert not list(tmp_path.iterdir())
    with new_file(tmp_path / "a.zip") as stream:
        stream.write(b"whole")
    with pytest.raises(FileExistsError), new_file(tmp_path / "a.zip") as stream:
        stream.write(b"other")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.zip", b"whole")]


def _count_up(file: Path, times: int) -> None:
    for _ in range(times):
        with exclusive(file):
            replace_file(file, json.dumps(json.loads(file.read_text()) + 1).encode())


def test_processes_that_change_one_file_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "count.json"
    file.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count_up, args=(file, 20)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4 and json.loads(file.read_text()) == 80


def test_no_folder_is_made_for_a_file_that_has_none(tmp_path: Path) -> None:
    file = tmp_path / "milvus:" / "news" / "feedback.jsonl"
    with pytest.raises(FileNotFoundError):
        append_line(file, "a line")
    with pytest.raises(FileNotFoundError), exclusive(file):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_the_disk_does_not_confirm_is_an_error_and_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, sync = tmp_path / "a.json", os.fsync
    file.write_bytes(b"old")
    calls: list[int] = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError("the disk did not answer")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="did not answer"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]
