"""Shared parts of the service tests: the service over a copy of the seeds, in this process and as users run it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from rag.answering.assistant import Assistant
from rag.core.settings import Options
from rag.index.index import Index
from rag.server.api import TOKENS, Tokens
from rag.server.api.application import put_before
from rag.server.files.incoming_files import IncomingFiles
from rag.server.shared_assistant import SharedAssistant
from tests.server.running_service import Served, served

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


@pytest.fixture
def index(seeds_index: Index, tmp_path: Path) -> Path:
    """Return the folder of an index of the seeds that a test may change."""
    return Path(shutil.copytree(seeds_index.path, tmp_path / "index"))


@pytest.fixture
def assistant(seeds_index: Index, embedder: "Embedder") -> Assistant:
    """Return an assistant over the seeds, as Python has it."""
    return Assistant(Index.open(seeds_index.path, embedder))


Serving = Callable[..., TestClient]


@pytest.fixture
def serving(index: Path, embedder: "Embedder") -> Iterator[Serving]:
    """Give what starts the service in this process, loaded, with the options given."""
    clients: list[TestClient] = []

    def start(**options: Any) -> TestClient:
        shared = SharedAssistant(lambda: Assistant(Index.open(index, embedder)))
        shared.load()
        app = FastAPI()
        made = Options(**options)
        incoming = IncomingFiles(made.upload_limit * 1_000_000, made.upload_space * 1_000_000)
        put_before(app, shared, made, incoming, Tokens(index / TOKENS))
        client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serving: Serving) -> TestClient:
    """Give the service as it is without options."""
    return serving(rate_limit=10_000)


@pytest.fixture(scope="module")
def running(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a server over the seeds, without options."""
    copy = shutil.copytree(seeds_index.path, tmp_path_factory.mktemp("served") / "index")
    with served(Path(copy)) as found:
        yield found
