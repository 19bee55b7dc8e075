"""The page of a collection, as `rag serve` gives it to a reader and to a writer who have logged in."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rag.core.types import Document
from rag.index.index import Index
from rag.server.rights.rights_file import Rights
from tests import ROOT

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

TEXTS = {
    "handbook": "The ferry of Marrowick leaves at noon on each Sunday.",
    "contracts": "The contract with Bellwether Shipping ends in March 2031.",
}
END = "When does the contract with Bellwether Shipping end?"
WRITING = {"add", "remove", "undo", "refresh", "repair", "judge", "watch", "unwatch", "check"}


@pytest.fixture(scope="module")
def address(embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server of two collections."""
    folder = tmp_path_factory.mktemp("collections")
    for name, text in TEXTS.items():
        Index.build([Document(f"{name}.txt", text)], folder / name, embedder=embedder)
    rights = Rights(folder / "rights.json")
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    rights.add_user("bob", {"contracts": "write"}, "sesame")
    named = [part for name in TEXTS for part in ("--index", f"{name}={folder / name}")]
    command = [sys.executable, "-m", "rag.cli", "serve", "--port", "0", "--rights", str(folder / "rights.json"), *named]
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        shown = next((line for line in process.stdout if "Pincite is at " in line), None)
        assert shown is not None, Path(folder / "log").read_text(encoding="utf-8")
        yield shown.split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=120)


class Visitor:
    """Somebody who has logged in, with the calls that the page of a collection offers."""

    def __init__(self, address: str, name: str, collection: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=60)
        self.client.post("/login", data={"name": name, "password": "sesame"})
        self.page = f"/c/{collection}"
        self.config = self.client.get(f"{self.page}/config").json()
        parts = self.config["components"]
        self.calls = {call: part["id"] for part in parts for call in part["props"].get("server_fns") or ()}

    def call(self, name: str, data: dict[str, Any], page: str = "") -> httpx.Response:
        body = {"component_id": self.calls[name], "fn_name": name, "data": data, "session_hash": "a"}
        return self.client.post(f"{page or self.page}/gradio_api/component_server", json=body)


def test_a_reader_and_a_writer_have_a_page_each_and_see_nothing_of_the_other(address: str) -> None:
    ann, bob = Visitor(address, "ann", "handbook"), Visitor(address, "bob", "contracts")
    with closing(ann.client), closing(bob.client):
        assert ann.config["root"] == f"{address}/c/handbook" and bob.config["root"] == f"{address}/c/contracts"
        assert not WRITING & ann.calls.keys() and bob.calls.keys() > WRITING
        assert "noon" in ann.call("ask", {"question": "When does the ferry of Marrowick leave?"}).json()["html"]
        answered = bob.call("ask", {"question": END}).json()["html"]
        assert "March 2031" in answered
        response_id = answered.partition('data-response="')[2].partition('"')[0]
        pack = f"pincite/evidence.zip?response={response_id}"
        assert bob.client.get(f"/c/contracts/{pack}").status_code == 200
        assert ann.client.get(f"/c/handbook/{pack}").status_code == 422, "no longer at hand, for all that ann can tell"
        assert ann.client.get(f"/c/contracts/{pack}").status_code == 404
        shown = ann.call("show", {"response": response_id, "address": "answers/1/0"}).text
        assert "2031" not in shown and "no longer at hand" in shown
        assert ann.call("ask", {"question": END}, "/c/contracts").status_code == 404
        opened = ann.call("opened", {"open": "contracts.txt"}).json()
        assert opened["error"] == ann.call("opened", {"open": "nowhere..txt"}).json()["error"].replace(
            "nowhere..txt", "contracts.txt"
        )
        listed = ann.call("listed", {"query": "", "facet": "", "page": 0}).json()["html"]
        assert "handbook.txt" in listed and "contracts" not in listed
        assert 'href="./pincite/evidence.zip' in answered, "the address of another collection must not be in the page"
