"""What becomes of files that visitors send: stored within limits, deleted once they are added or nobody wants them."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Route
from starlette.testclient import TestClient

from rag.core.errors import InvalidInput
from rag.server import incoming_files
from rag.server.incoming_files import IncomingFiles, UploadEndpoint

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
