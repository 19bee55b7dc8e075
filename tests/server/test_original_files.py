"""Pictures of pages and original files go to visitors of the page alone, while the file is the one that was indexed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reportlab.pdfgen.canvas import Canvas
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from rag.answering.assistant import Assistant
from rag.evidence.check_pack import check
from rag.index.index import Index
from rag.server.files.original_files import EVIDENCE_ADDRESS, FILE_ADDRESS, PICTURE_ADDRESS, OriginalEndpoint
from rag.server.page.html.answers.cards import response_html
from rag.server.shared_assistant import SharedAssistant

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "lamp.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "The lamp was lit in May.")
    canvas.save()
    return path


ADDRESSES = (PICTURE_ADDRESS, FILE_ADDRESS, EVIDENCE_ADDRESS)


def client_of(index: Path, embedder: "Embedder", admitted: bool = True) -> TestClient:
    return client_over(SharedAssistant(lambda: Assistant(Index.open(index, embedder))), admitted)


def client_over(shared: SharedAssistant, admitted: bool = True) -> TestClient:
    endpoint = OriginalEndpoint(shared, lambda _: admitted)
    return TestClient(Starlette(routes=[Route(address, endpoint) for address in ADDRESSES]))


def test_a_picture_and_the_file_are_sent_as_long_as_the_file_is_the_same(book: Path, embedder: "Embedder") -> None:
    index = book.parent / "index"
    Index.build(book, index, embedder=embedder).close()
    opened = Index.open(index, embedder)
    document = opened.document("lamp.pdf")
    opened.close()
    assert document is not None
    client, content = client_of(index, embedder), book.read_bytes()
    query: dict[str, Any] = {"document": "lamp.pdf", "file": document.source_sha256}
    picture = client.get(PICTURE_ADDRESS, params={**query, "page": 1, "width": 200})
    assert picture.content.startswith(b"\x89PNG") and "private" in picture.headers["cache-control"]
    file = client.get(FILE_ADDRESS, params=query)
    assert file.content == content and file.headers["content-type"] == "application/pdf"
    assert file.headers["content-disposition"].startswith("inline")

    refusals = {
        "page": {**query, "width": 200, "page": "1e9"},
        "There is no page 9.": {**query, "width": 200, "page": 9},
        "changed since it was quoted": {**query, "width": 200, "page": 1, "file": "0" * 64},
        "There is no document": {**query, "width": 200, "page": 1, "document": "../lamp.pdf"},
    }
    for words, params in refusals.items():
        refused = client.get(PICTURE_ADDRESS, params=params)
        assert refused.status_code in (404, 422) and words in refused.json()["detail"]
    assert client.post(PICTURE_ADDRESS).status_code == 405
    assert client_of(index, embedder, admitted=False).get(FILE_ADDRESS, params=query).status_code == 401

    book.write_bytes(content + b" ")
    for address in (FILE_ADDRESS, PICTURE_ADDRESS):
        refused = client.get(address, params={**query, "page": 1, "width": 200})
        assert "lamp.pdf has changed since it was indexed." in refused.json()["detail"]
    book.unlink()
    assert "not where it was" in client.get(FILE_ADDRESS, params=query).json()["detail"]


def test_an_answer_is_sent_with_its_proof_and_the_boxed_page(book: Path, embedder: "Embedder") -> None:
    index = book.parent / "index"
    Index.build(book, index, embedder=embedder).close()
    shared = SharedAssistant(lambda: Assistant(Index.open(index, embedder)))
    response = shared.ask("When was the lamp lit?")
    client, query = client_over(shared), {"response": response.response_id}
    pack = client.get(EVIDENCE_ADDRESS, params=query)
    assert pack.headers["content-disposition"].startswith("attachment") and check(pack.content) == ([], None)
    assert f"{EVIDENCE_ADDRESS}?response={response.response_id}" in response_html(response)
    assert b"data:image/png;base64," in pack.content
    assert client.get(EVIDENCE_ADDRESS, params={"response": "r_0"}).status_code == 422
    assert client_over(shared, admitted=False).get(EVIDENCE_ADDRESS, params=query).status_code == 401
