"""Changes every file of an index under a running server: right answers or clear errors, and no end of the process."""

import itertools
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from rag.index.index import Index
from rag.index.storage.manifest import read_manifest
from tests.server.running_service import RECALL, Served, served

ALL_MAPPED = "from rag.index.storage import stable_files\nstable_files.MAX_PRIVATE_BYTES = 0\n"
Change = Callable[[Path, bytes], object]
CHANGES: dict[str, Change] = {
    "emptied": lambda path, content: os.truncate(path, 0),
    "cut": lambda path, content: os.truncate(path, len(content) // 2),
    "rewritten": lambda path, content: path.write_bytes(random.Random(len(content)).randbytes(len(content))),
    "replaced": lambda path, content: _replace(path),
    "deleted": lambda path, content: path.unlink(),
}


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    other.replace(path)


@pytest.fixture(params=["private", "mapped"])
def running(
    request: pytest.FixtureRequest, seeds_index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Give a server with the files of its index in private memory, or mapped as those of a large index are."""
    index = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))
    if request.param == "mapped":
        (tmp_path / "sitecustomize.py").write_text(ALL_MAPPED, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with served(index, "--rate-limit", "100000") as server:
        yield server


def files(index: Path) -> list[Path]:
    """Return the files of the current version and the manifest."""
    manifest = read_manifest(index)
    paths = [index / "manifest.json", *(index / manifest.folder / name for name in manifest.files)]
    return [path for path in paths if path.stat().st_size]


def reopened(running: Served, number: int) -> None:
    """Let the server open a new version, so that no earlier change counts."""
    document = {"id": "added", "text": f"Text number {number} is about the harbour."}
    assert httpx.post(f"{running.address}/v1/documents", json={"documents": [document]}, timeout=120).is_success


@pytest.mark.slow
def test_200_changes_of_the_files_under_a_running_server_do_not_end_it(running: Served) -> None:
    index, outcomes, numbers = running.log.parent / "index", Counter[str](), itertools.count()
    with httpx.Client(base_url=running.address, timeout=120) as client:

        def ask() -> httpx.Response:
            # Each question differs from all before, so that no response is repeated from memory.
            asked = {"question": RECALL, "min_confidence": next(numbers) / 1_000_000}
            return client.post("/v1/ask", json=asked)

        answer = ask().json()["answers"][0]["answer"]
        for number in range(200):
            paths, kinds = files(index), list(CHANGES)
            path, kind = paths[number % len(paths)], kinds[number // len(paths) % len(kinds)]
            content = path.read_bytes()
            CHANGES[kind](path, content)
            response = ask()
            path.write_bytes(content)
            assert running.process.poll() is None and client.get("/healthz").status_code == 200
            if response.status_code == 200:
                assert response.json()["answers"][0]["answer"] == answer, (path, kind)
            else:
                problem = response.json()
                assert response.status_code == 503 and "rag" in problem["remedy"], problem
            outcomes[f"{kind}: {response.status_code}"] += 1
            if ask().status_code == 503:
                reopened(running, number)
    assert "Traceback" not in running.log.read_text(encoding="utf-8")
    sys.stderr.write(f"\n{dict(outcomes)}\n")
