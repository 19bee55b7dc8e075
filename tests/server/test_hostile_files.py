"""Hostile files are handed in by page and REST while others ask: the server answers, and each file gets its line."""

import io
import shutil
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.index.index import Index
from tests.server.running_service import COLLAPSE, Served, served

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000
QUESTIONS, MAX_SERVER_MEGABYTES = 200, 1_500


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def bomb() -> bytes:
    """Return a document whose entities grow to a billion characters."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">{entities}]><a>&e9;</a>'.encode()


def hostile() -> dict[str, bytes]:
    """Return files that once froze, filled or ended a server, or are made to."""
    return {
        "spaces.html": b"<p>a" + b" " * 60_000 + b"b</p>",
        "declarations.html": b"<?xml " * 20_000,
        "attributes.html": b"<p " + b" ".join(b"a%d=1" % number for number in range(20_000)) + b">It rained.</p>",
        "nested.html": b"<div>" * 20_000 + b"It rained.",
        "info.rtf": b"{\\rtf1 " + b"{\\info " * 20_000 + b"}",
        "pages.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 999999>>endobj",
        "bomb.xml.docx": zipped("word/document.xml", bomb()),
        "bomb.zip": zipped("zeros.txt", b"\0" * 40 * MEGABYTE),
        "nested.zip": zipped("a.zip", zipped("b.zip", zipped("c.txt", b"It rained."))),
        "brackets.json": b"[" * 200_000,
        "empty.xlsx": zipped("xl/workbook.xml", b""),
        "line.txt": b"a" * 5 * MEGABYTE,
        "words.txt": b"It rained. " * 50_000,
        "word.pdf": pdf(b"BT /F1 12 Tf (" + b"a" * 40_000 + b") Tj ET"),
        "zeros.docx": zipped("word/document.xml", b"\0" * 1_000 * MEGABYTE),
        "quote.csv": b'a,b\n"' + b"It rained,\n" * 50_000,
        "quotes.md": b">" * 60_000 + b" It rained.",
        "cells.html": b"<table><tr>" + b'<td colspan="1000" rowspan="1000">a</td>' * 1_000 + b"</table>",
        "parts.eml": b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number) for number in range(2_000)
        ),
        "nested.ipynb": b'{"cells": ' + b'[{"source": ' * 50_000,
    }


def pdf(content: bytes) -> bytes:
    """Return a file of one page, without the table of its objects."""
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj "
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font"
        b"/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj 4 0 obj<</Length %d>>stream\n%b\nendstream endobj"
    ) % (len(content), content)


def page_call(client: httpx.Client, part: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of one call of the page."""
    components = client.get("/config").json()["components"]
    number = next(one["id"] for one in components if one["props"].get("elem_id") == part)
    body = {"data": arguments, "component_id": number, "fn_name": name, "session_hash": "x"}
    result: dict[str, Any] = client.post("/gradio_api/component_server/", json=body).json()
    return result


class Asker(threading.Thread):
    """Asks the server again and again for its health, and now and then a question, and notes how long each took."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self.stopped = address, threading.Event()
        self.seconds: dict[str, list[float]] = {"/healthz": [], "/v1/ask": []}

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.stopped.wait(0.02):
                self._send(client, "GET", "/healthz")
                if len(self.seconds["/healthz"]) % 5 == 0:
                    self._send(client, "POST", "/v1/ask", {"question": COLLAPSE})

    def _send(self, client: httpx.Client, method: str, path: str, body: dict[str, str] | None = None) -> None:
        began = time.monotonic()
        assert client.request(method, path, json=body).status_code == 200
        self.seconds[path].append(time.monotonic() - began)


def add_by_page(client: httpx.Client, files: dict[str, bytes]) -> str:
    """Add files as the page does; return the HTML of the report."""
    keys = []
    for name, content in files.items():
        answer = client.post("/pincite/files", headers={"x-file-name": name}, content=content)
        assert answer.status_code == 200, (name, answer.text)
        keys.append(answer.json()["key"])
    job = page_call(client, "pc-report", "add", {"keys": keys, "refused": []})
    while not (news := page_call(client, "pc-report", "news", job))["done"]:
        time.sleep(0.5)
    return str(news["html"])


def hand_in(running: Served, files: dict[str, bytes]) -> str:
    with httpx.Client(base_url=running.address, timeout=120) as client:
        text = files["spaces.html"].decode()
        assert client.post("/v1/documents", json={"documents": [{"id": "spaces", "text": text}]}).status_code == 200
        return add_by_page(client, files)


def high_water(running: Served) -> int:
    """Return the most megabytes that the server has held in memory."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return next(int(line.split()[1]) // 1_000 for line in status.splitlines() if line.startswith("VmHWM"))


def test_hostile_files_get_a_line_each_while_others_are_answered(
    seeds_index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = hostile()
    index = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))
    with served(index, "--rate-limit", "100000") as running:
        asker = Asker(running.address)
        asker.start()
        try:
            report = hand_in(running, files)
            while asker.is_alive() and len(asker.seconds["/v1/ask"]) < QUESTIONS:
                time.sleep(0.1)
        finally:
            asker.stopped.set()
            asker.join(120)
        megabytes = high_water(running)
    with capsys.disabled():
        for path, seconds in asker.seconds.items():
            p99 = sorted(seconds)[len(seconds) * 99 // 100]
            sys.stdout.write(f"\n{path}: {len(seconds)} answers, p99 {p99:.2f} s")
        sys.stdout.write(f"; at most {megabytes} MB\n")
    assert len(asker.seconds["/v1/ask"]) >= QUESTIONS
    assert megabytes < MAX_SERVER_MEGABYTES
    for name in files:
        assert name in report, name
