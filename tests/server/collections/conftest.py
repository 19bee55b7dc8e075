"""Shared parts of the tests of collections: two of them and a third one, three users, and who may see what."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from rag.answering.assistant import Assistant
from rag.core.settings import Options
from rag.core.types import Document
from rag.index.index import Index
from rag.server.api.request_queue import RequestQueue
from rag.server.collections.collection import Collection
from rag.server.collections.serving import build_collections, build_site
from rag.server.limits.headers import SecurityHeaders
from rag.server.rights.rights_file import Rights

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

TEXTS = {
    "handbook": "The ferry of Marrowick leaves at noon on each Sunday. The harbour master is Ada Quill.",
    "contracts": "The contract with Bellwether Shipping ends in March 2031. Its price is 48,000 pounds a year.",
}
QUESTIONS = {
    "handbook": "When does the ferry of Marrowick leave?",
    "contracts": "When does the contract with Bellwether Shipping end?",
}
SECRETS = {"handbook": "noon", "contracts": "2031"}
"""A word of each collection that neither the other nor a question holds."""
ROLES: dict[str, dict[str, str]] = {
    "ann": {"handbook": "read"},
    "bob": {"contracts": "write"},
    "eve": {"handbook": "admin", "contracts": "admin"},
    "nil": {"elsewhere": "admin"},
}


class User:
    """A client that shows who it is with every request."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self._client, self._headers = client, headers

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        return self._client.request(method, path, headers={**self._headers, **(headers or {})}, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, content: object = None, **options: Any) -> Any:
        return self.request("POST", path, **(options if content is None else {**options, "json": content}))


@dataclass
class Site:
    """The server, and a client for each user; `client` shows nothing of who it is."""

    collections: dict[str, Collection]
    rights: Rights
    users: dict[str, User]
    client: TestClient


Opening = Callable[[Path], Callable[[], Assistant]]


@pytest.fixture(scope="package")
def indexes(embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an index of one document for each collection."""
    folder = tmp_path_factory.mktemp("collections")
    for name, text in TEXTS.items():
        document = Document(f"{name}.txt", text, title=f"The {name}")
        Index.build([document], folder / name, embedder=embedder)
    return {name: folder / name for name in TEXTS}


@pytest.fixture(scope="package")
def opening(embedder: "Embedder") -> Opening:
    """Return what opens assistants over the embedder of all tests."""
    return lambda folder: lambda: Assistant(Index.open(folder, embedder))


@pytest.fixture(scope="package")
def site(indexes: dict[str, Path], opening: Opening, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a server of both collections, open, with a token for each user."""
    rights = Rights(tmp_path_factory.mktemp("rights") / "rights.json")
    secrets = {name: rights.add_token(name, roles) for name, roles in ROLES.items()}
    options = Options(rate_limit=10_000)
    queue = RequestQueue(options.rate_limit)
    collections = build_collections(indexes, opening, options, queue)
    for collection in collections.values():
        collection.assistant.load()
    with client_of(SecurityHeaders(build_site(collections, options, rights, queue))) as client:
        users = {name: User(client, {"authorization": f"Bearer {secret}"}) for name, secret in secrets.items()}
        yield Site(collections, rights, users, client)


def client_of(app: Any, address: str = "127.0.0.1") -> TestClient:
    """Return a client that asks from an address."""
    return TestClient(app, base_url="http://127.0.0.1", client=(address, 50_000), follow_redirects=False)


VISIT, NO_VISIT = {"accept": "text/html,*/*"}, {"accept": "*/*"}
"""What a browser sends that opens a page, and what a script sends."""
