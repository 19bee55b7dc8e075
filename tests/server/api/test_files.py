"""Files of any format are sent as a form, and a job tells what became of each."""

import io
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from docx import Document as Docx
from jsonschema import Draft202012Validator
from reportlab.pdfgen.canvas import Canvas
from starlette.testclient import TestClient

from rag.core.errors import IndexLocked
from rag.index.index import Index
from rag.index.writing.commit import writing
from rag.loading.sources import UPLOADS
from rag.server.api import TOKENS, Tokens
from rag.server.api.rest import file_jobs as file_jobs_module
from rag.server.api.rest.file_form import MAX_FILES_OF_REQUEST
from rag.server.api.rest.file_jobs import MAX_WAITING_JOBS
from rag.server.api.rest.handlers import Handlers
from tests.server.api.test_rest import problem
from tests.server.api.test_security import bearing
from tests.server.conftest import Serving

LAMP = "The lamp of Marrowick burned 30 litres of oil a night."


def pdf(text: str) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.drawString(72, 700, text)
    canvas.save()
    return stream.getvalue()


def docx(text: str) -> bytes:
    stream, document = io.BytesIO(), Docx()
    document.add_paragraph(text)
    document.save(stream)
    return stream.getvalue()


def archive(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return stream.getvalue()


def sent(client: TestClient, files: Sequence[tuple[str, bytes]], **options: Any) -> Any:
    return client.post("/v1/files", files=[("files", file) for file in files], **options)


def followed(client: TestClient, location: str, **options: Any) -> dict[str, Any]:
    """Return the job when it has ended."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(location, **options).json()
        if job["finished_at"]:
            return job
        time.sleep(0.02)
    raise TimeoutError(location)


def test_each_file_of_a_form_is_followed_to_its_documents(client: TestClient, index: Path) -> None:
    files = [("lamp.pdf", pdf(LAMP)), ("ferry.docx", docx("The ferry leaves at noon.")), ("bad.pdf", b"%PDF-1.4 cut"),
             ("two.zip", archive({"bell.txt": "The bell was cast in 1655.", "x.bin": "?"}))]  # fmt: skip
    answer = sent(client, files)
    described = client.get("/v1/openapi.json").json()
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    job = followed(client, answer.headers["location"])
    for content in (answer.json(), job):
        Draft202012Validator({**described, "$ref": "#/components/schemas/Job"}).validate(content)
    outcomes = {item["name"]: (item["outcome"], item["document_ids"]) for item in job["files"]}
    assert outcomes == {"lamp.pdf": ("added", ["lamp.pdf"]), "ferry.docx": ("added", ["ferry.docx"]),
                        "bad.pdf": ("failed", []), "two.zip": ("added", ["two.zip/bell.txt"])}  # fmt: skip
    (reason,) = job["files"][2]["problems"]
    assert reason["source"] == "bad.pdf" and str(index) not in reason["reason"]
    assert (job["status"], job["problem"], job["report"]["removed"]) == ("done", None, [])
    asked = client.post("/v1/ask", json={"question": "How much oil did the lamp of Marrowick burn?"}).json()
    assert "30 litres" in asked["answers"][0]["context"] and asked["answers"][0]["citation"]["page_number"] == 1
    again = followed(client, sent(client, files[:1]).headers["location"])
    assert [item["outcome"] for item in again["files"]] == ["unchanged"]
    assert client.delete("/v1/documents/lamp.pdf").json()["removed"] == ["lamp.pdf"]
    assert "lamp.pdf" not in [path.name for path in (index / UPLOADS).iterdir()]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"--b--\r\n", "multipart/form-data", 415),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b"nothing of the kind", "multipart/form-data; boundary=b", 422),
        (b'--b\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nIt rained',
         "multipart/form-data; boundary=b", 422),
        (b'--b\r\ncontent-disposition: form-data; name="path"\r\n\r\n/etc/passwd\r\n--b--\r\n',
         "multipart/form-data; boundary=b", 422),
        (b'--b\r\ncontent-disposition: form-data; name="files"\r\n\r\nIt rained\r\n--b--\r\n',
         "multipart/form-data; boundary=b", 422),
        (b"--b\r\nx: " + b"y" * 9_000, "multipart/form-data; boundary=b", 422),
        (b'--b\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nIt rained\r\n--b--\r\n'
         + b"\r\n" * 500_001, "multipart/form-data; boundary=b", 413),
    ],
)  # fmt: skip
def test_what_is_no_form_with_files_is_refused(client: TestClient, content: bytes, kind: str, status: int) -> None:
    found = problem(client, "POST", "/v1/files", content=content, headers={"content-type": kind})
    assert found["status"] == status


def test_the_bounds_of_files_hold_and_nothing_refused_is_kept(serving: Serving) -> None:
    client = serving(upload_limit=1, upload_space=8, rate_limit=1_000)
    many = [(f"{number}.txt", b"It rained.") for number in range(MAX_FILES_OF_REQUEST + 1)]
    assert sent(client, [("long.txt", b"x" * 1_000_001)]).status_code == 413
    assert sent(client, many).status_code == 413
    # Two of the eight megabytes may wait for one client.
    assert sent(client, [(f"{number}.txt", b"x" * 900_000) for number in range(3)]).status_code == 413
    job = followed(client, sent(client, [("a.txt", b"It rained.")]).headers["location"])
    assert job["status"] == "done"


def test_only_who_may_write_sends_files_and_only_the_sender_sees_the_job(serving: Serving, index: Path) -> None:
    tokens = Tokens(index / TOKENS)
    secrets = {name: tokens.add(name, scope) for name, scope in
               (("ann", "write"), ("bob", "write"), ("eve", "read"), ("boss", "admin"))}  # fmt: skip
    client = serving(rate_limit=1_000)
    files = [("a.txt", b"It rained.")]
    assert sent(client, files).status_code == 401
    assert sent(client, files, headers=bearing(secrets["eve"])).status_code == 403
    location = sent(client, files, headers=bearing(secrets["ann"])).headers["location"]
    assert followed(client, location, headers=bearing(secrets["ann"]))["status"] == "done"
    seen = {name: client.get(location, headers=bearing(secret)).status_code for name, secret in secrets.items()}
    assert seen == {"ann": 200, "bob": 404, "eve": 404, "boss": 200}
    readonly = serving(readonly=True)
    assert sent(readonly, files, headers=bearing(secrets["boss"])).status_code == 403


def test_a_job_waits_for_another_writer_and_too_many_jobs_are_refused(
    client: TestClient, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_jobs_module, "MAX_WAITING_JOBS", 2)
    with writing(index):
        answers = [sent(client, [(f"{number}.txt", b"It rained.")]) for number in range(3)]
        waiting = client.get(answers[0].headers["location"]).json()
    assert [answer.status_code for answer in answers] == [202, 202, 429] and MAX_WAITING_JOBS > 2
    assert (waiting["status"], waiting["report"]) == ("running", None) or waiting["status"] == "waiting"
    jobs = [followed(client, answer.headers["location"]) for answer in answers[:2]]
    assert [job["files"][0]["outcome"] for job in jobs] == ["added", "added"]


def test_a_job_that_cannot_write_says_why(client: TestClient, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_jobs_module, "MAX_LOCKED_SECONDS", 0)
    with writing(index):
        job = followed(client, sent(client, [("a.txt", b"It rained.")]).headers["location"])
    assert (job["status"], job["problem"]["error"]) == ("failed", IndexLocked.__name__)
    assert [item["outcome"] for item in job["files"]] == ["failed"]
    opened = Index.open(index)
    assert opened.document("a.txt") is None
    opened.close()


def test_a_fault_of_the_program_ends_the_job_and_its_place_is_in_the_log(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Handlers, "add_files", lambda handlers, files, tell: 1 // 0)
    job = followed(client, sent(client, [("a.txt", b"It rained.")]).headers["location"])
    assert (job["status"], job["problem"]["status"]) == ("failed", 500)
    assert "ZeroDivisionError at <lambda>" in caplog.text and "It rained" not in caplog.text
