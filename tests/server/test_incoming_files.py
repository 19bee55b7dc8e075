"""What becomes of files that visitors send: stored within limits, deleted once they are added or nobody wants them."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.routing import Route
from starlette.testclient import TestClient

from rag.core.errors import InvalidInput
from rag.server.asgi import Message
from rag.server.files import incoming_files
from rag.server.files.incoming_files import (
    FORGOTTEN_SECONDS,
    GRACE_SECONDS,
    MAX_NAME_BYTES,
    MIN_BYTES_A_SECOND,
    IncomingFiles,
    UploadEndpoint,
)
from rag.server.web import deleting
from tests.server.clock import Clock

MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary folders are made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def client(files: IncomingFiles, writable: bool = True) -> TestClient:
    app = FastAPI()
    app.router.routes.append(Route("/files", endpoint=UploadEndpoint(files, lambda scope: True, writable)))
    return TestClient(app, client=("198.51.100.7", 50_000))


def test_a_file_waits_until_it_is_added_and_is_gone_then(temporary: Path) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    answer = client(files).post("/files", headers={"x-file-name": "..%2F..%2Fpier%20%C3%A9.txt"}, content=b"It rained.")
    key = answer.json()["key"]
    assert (files.file(key).name, files.file(key).path.read_bytes()) == ("pier é.txt", b"It rained.")
    files.discard([key])
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    with pytest.raises(InvalidInput, match="not here any more"):
        files.file(key)


def test_no_file_outlives_the_server(temporary: Path) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    client(files).post("/files", headers={"x-file-name": "a.txt"}, content=b"It rained.")
    assert list(temporary.iterdir())
    files.close()
    assert list(temporary.iterdir()) == []


def test_a_file_that_nobody_adds_is_deleted_after_an_hour(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    key = files.begin("a", "a.txt", 1)
    path = files.file(key).path
    monkeypatch.setattr(incoming_files, "FORGOTTEN_SECONDS", -1)
    files.begin("a", "b.txt", 1)
    assert not path.exists()


def test_a_file_that_is_too_long_is_refused_and_leaves_nothing(temporary: Path) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    answer = client(files).post("/files", headers={"x-file-name": "a.txt"}, content=b"x" * (MEGABYTE + 1))
    assert answer.status_code == 413 and "larger than 1 MB" in answer.json()["error"]
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_one_visitor_can_fill_a_quarter_of_the_space_and_all_together_the_whole() -> None:
    earlier = 0
    files = IncomingFiles(10 * MEGABYTE, 8 * MEGABYTE, lambda: earlier)
    for visitor in ("198.51.100.1", "198.51.100.2", "198.51.100.3"):
        files.append(files.begin(visitor, "a.txt", 2 * MEGABYTE), b"x" * 2 * MEGABYTE)
        with pytest.raises(InvalidInput, match="more files than can wait"):
            files.begin(visitor, "b.txt", 1)
    files.begin("198.51.100.4", "a.txt", 2 * MEGABYTE)
    earlier = 3 * MEGABYTE
    with pytest.raises(InvalidInput, match="All uploads together may take 8 MB"):
        files.begin("198.51.100.5", "a.txt", 1)


def test_the_spellings_of_this_machine_are_one_visitor() -> None:
    files = IncomingFiles(10 * MEGABYTE, 8 * MEGABYTE)
    files.append(files.begin("localhost", "a.txt", 0), b"x" * 2 * MEGABYTE)
    for spelling in ("::1", "127.0.0.1", "::ffff:127.0.0.1"):
        with pytest.raises(InvalidInput):
            files.begin(spelling, "b.txt", 1)


def test_a_page_for_reading_takes_no_file(temporary: Path) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    assert client(files, writable=False).post("/files", content=b"x").status_code == 403
    assert list(temporary.iterdir()) == []


def test_files_that_are_sent_at_the_same_time_count_with_what_they_announce() -> None:
    files = IncomingFiles(10 * MEGABYTE, 8 * MEGABYTE)
    files.begin("198.51.100.1", "a.txt", 1_500_000)
    with pytest.raises(InvalidInput, match="more files than can wait"):
        files.begin("198.51.100.1", "b.txt", 1_500_000)
    for number in range(2, 5):
        files.begin(f"198.51.100.{number}", "a.txt", 2 * MEGABYTE)
    with pytest.raises(InvalidInput, match="All uploads together may take 8 MB"):
        files.begin("198.51.100.5", "a.txt", MEGABYTE)


def sent_in_pieces(files: IncomingFiles, pieces: Iterator[bytes]) -> tuple[int, str]:
    """Send a body whose length no head announces; return status and text of the answer."""
    answer: list[Message] = []

    async def receive() -> Message:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None:
        answer.append(message)

    scope = {"type": "http", "method": "POST", "headers": [], "client": ("198.51.100.7", 50_000)}
    asyncio.run(UploadEndpoint(files, lambda scope: True, True)(scope, receive, send))
    return answer[0]["status"], answer[1]["body"].decode()


def pieces_of(megabytes: int) -> Iterator[bytes]:
    return iter([b"x" * (MEGABYTE // 10)] * 10 * megabytes)


def test_a_file_that_announces_no_length_gets_no_more_space_than_another(temporary: Path) -> None:
    files = IncomingFiles(10 * MEGABYTE, 8 * MEGABYTE)
    status, said = sent_in_pieces(files, pieces_of(3))
    assert status == 413 and "more files than can wait" in said
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    assert sent_in_pieces(files, pieces_of(2))[0] == 200
    full = IncomingFiles(10 * MEGABYTE, 8 * MEGABYTE, lambda: 7 * MEGABYTE)
    status, said = sent_in_pieces(full, pieces_of(2))
    assert status == 413 and "All uploads together may take 8 MB" in said


def test_a_file_that_comes_slowly_is_given_up_and_leaves_nothing(temporary: Path) -> None:
    clock = Clock()
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE, clock=clock)

    def dripping(seconds: float) -> Iterator[bytes]:
        for _ in range(10):
            clock.now += seconds / 10
            yield b"x" * (MIN_BYTES_A_SECOND * 10)

    # Ten times 10 seconds' worth of bytes, in the time that the limit allows and in twice that time.
    allowed = 100 + GRACE_SECONDS
    assert sent_in_pieces(files, dripping(allowed))[0] == 200
    files.close()
    assert sent_in_pieces(files, dripping(2 * allowed))[0] == 408
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_a_file_that_is_being_sent_is_not_forgotten() -> None:
    clock = Clock()
    files = IncomingFiles(100 * MEGABYTE, 1_000 * MEGABYTE, clock=clock)
    key = files.begin("a", "a.txt", 8 * MEGABYTE)
    for _ in range(4):
        clock.now += FORGOTTEN_SECONDS // 2
        files.append(key, b"x" * 2 * MEGABYTE)
        files.forget_old()
    assert files.file(key).path.stat().st_size == 8 * MEGABYTE
    clock.now += FORGOTTEN_SECONDS + 1
    files.forget_old()
    with pytest.raises(InvalidInput, match="not here any more"):
        files.file(key)


def test_files_that_a_write_has_taken_are_its_own_until_it_discards_them() -> None:
    clock = Clock()
    files = IncomingFiles(MEGABYTE, 4 * MEGABYTE, clock=clock)
    keys = [files.begin("a", name, MEGABYTE // 2) for name in ("a.txt", "b.txt")]
    with pytest.raises(InvalidInput):
        files.take([*keys, "another"])
    taken = files.take([*keys, keys[0]])
    assert [file.name for file in taken] == ["a.txt", "b.txt"]
    with pytest.raises(InvalidInput):
        files.take(keys[:1])
    clock.now += FORGOTTEN_SECONDS + 1
    files.forget_old()
    assert all(file.path.exists() for file in taken)
    with pytest.raises(InvalidInput, match="more files than can wait"):
        files.begin("a", "c.txt", MEGABYTE // 2)
    files.discard(keys)
    assert not any(file.path.exists() for file in taken)
    files.begin("a", "c.txt", MEGABYTE // 2)


def test_a_running_server_deletes_old_files_though_nobody_sends_another(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming_files, "FORGET_EVERY_SECONDS", 0.01)
    clock = Clock()
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE, clock=clock)
    app = FastAPI(lifespan=deleting(files))
    app.router.routes.append(Route("/files", endpoint=UploadEndpoint(files, lambda scope: True, True)))
    with TestClient(app) as running:
        key = running.post("/files", content=b"It rained.").json()["key"]
        path = files.file(key).path
        clock.now += FORGOTTEN_SECONDS + 1
        until = time.monotonic() + 60
        while path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not path.exists()


def test_a_folder_that_was_tidied_away_is_made_again_and_a_disk_that_refuses_is_told(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    first = files.file(files.begin("a", "a.txt", 1)).path
    shutil.rmtree(first.parent)
    assert client(files).post("/files", content=b"It rained.").status_code == 200
    files.close()
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "gone"))
    answer = client(files).post("/files", content=b"It rained.")
    assert answer.status_code == 413 and "could not be stored: No such file or directory." in answer.json()["error"]
    assert str(temporary) not in answer.text


def test_files_come_and_go_in_several_threads() -> None:
    files = IncomingFiles(MEGABYTE, 100 * MEGABYTE)
    problems: list[Exception] = []

    def come_and_go(visitor: int) -> None:
        try:
            for _ in range(200):
                keys = [files.begin(str(visitor), "a.txt", 1) for _ in range(3)]
                files.append(keys[0], b"x")
                files.take(keys)
                files.discard(keys)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=come_and_go, args=(visitor,)) for visitor in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u6f22", "\U0001f600"])
def test_a_long_name_is_cut_to_what_a_file_system_takes(letter: str, temporary: Path) -> None:
    files = IncomingFiles(MEGABYTE, 10 * MEGABYTE)
    for suffix, rest in ((".docx", ".docx"), ("", ""), ("." + letter * 150, None)):
        headers = {"x-file-name": quote(letter * 150 + suffix)}
        name = files.file(client(files).post("/files", headers=headers, content=b"x").json()["key"]).name
        assert 150 <= len(name.encode()) <= MAX_NAME_BYTES
        assert rest is None or name.endswith(rest)
        (temporary / f".{name} (100).partial").touch()
