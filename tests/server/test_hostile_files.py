"""Hostile files are handed in by page and REST while others ask: the server answers, and each file gets its line."""

import io
import shutil
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
    }


def page_call(client: httpx.Client, part: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of one call of the page."""
    components = client.get("/config").json()["components"]
    number = next(one["id"] for one in components if one["props"].get("elem_id") == part)
    body = {"data": arguments, "component_id": number, "fn_name": name, "session_hash": "x"}
    result: dict[str, Any] = client.post("/gradio_api/component_server/", json=body).json()
    return result


class Asker(threading.Thread):
    """Asks the server for its health and a question until it is stopped."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self.stopped, self.statuses = address, threading.Event(), list[int]()

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.stopped.wait(0.1):
                self.statuses.append(client.get("/healthz").status_code)
                self.statuses.append(client.post("/v1/ask", json={"question": COLLAPSE}).status_code)


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


def test_hostile_files_get_a_line_each_while_others_are_answered(seeds_index: Index, tmp_path: Path) -> None:
    files = hostile()
    index = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))
    with served(index, "--rate-limit", "100000") as running:
        asker = Asker(running.address)
        asker.start()
        try:
            report = hand_in(running, files)
        finally:
            asker.stopped.set()
            asker.join(120)
        assert asker.statuses and set(asker.statuses) == {200}
        for name in files:
            assert name in report, name
