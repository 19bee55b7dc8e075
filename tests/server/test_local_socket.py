"""`rag ask` beside a running `rag serve`: the server answers, with the same words, or the shell does it alone."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidFilter, RagError
from rag.core.protocols import Embedder
from rag.index.index import Index
from rag.server.local_socket import ShellQuestion, answering_shell, asked_of_server
from rag.server.shared_assistant import SharedAssistant
from tests import ROOT
from tests.server.running_service import ABSURD, RECALL, Served, served

ALONE = """
import sys
from rag.cli.main import main
try:
    main()
finally:
    print("onnxruntime" in sys.modules, file=sys.stderr)
"""
"""The command line, which tells at last whether it had to load a model."""


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the folder that holds sockets in place of the user's own."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder / "pincite"


@pytest.fixture(scope="module")
def index(seeds_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an index of the seeds, one for all these tests."""
    return Path(shutil.copytree(seeds_index.path, tmp_path_factory.mktemp("shared") / "index"))


@pytest.fixture(scope="module")
def running(sockets: Path, index: Path) -> Iterator[Served]:
    with served(index, "--auth", "ann:secret", "--rate-limit", "1") as found:
        yield found
    assert list(sockets.iterdir()) == []


def shell(*given: str | Path) -> tuple[int, str, str, bool]:
    """Return exit status, output, errors, and whether a model was loaded in that process."""
    done = subprocess.run([sys.executable, "-c", ALONE, *map(str, given)], cwd=ROOT, capture_output=True, text=True)
    *errors, loaded = done.stderr.splitlines()
    return done.returncode, done.stdout, "\n".join(errors), loaded == "True"


@pytest.mark.parametrize(
    ("question", "form"),
    [(RECALL, ()), (ABSURD, ()), (RECALL, ("--json", "--explain")), (RECALL, ("--format", "markdown", "--top-k", "1"))],
)
def test_the_server_prints_what_the_shell_would(
    running: Served, index: Path, question: str, form: tuple[str, ...]
) -> None:
    asked: list[str | Path] = ["ask", question, "--index", index, *form]
    code, told, _, loaded = shell(*asked)
    alone_code, alone, _, alone_loaded = shell(*asked, "--no-server")
    assert (code, loaded, alone_code, alone_loaded) == (0, False, 0, True)
    if "--json" not in form:
        assert told == alone
        return
    found, other = json.loads(told), json.loads(alone)
    assert found.pop("timings_ms").keys() == other.pop("timings_ms").keys()
    assert found["explain"] is not None
    assert found == other


def test_a_mistake_is_told_by_the_server_in_the_same_words(running: Served, index: Path) -> None:
    asked = ("ask", RECALL, "--index", index, "--filter", "nothing=here")
    code, told, errors, loaded = shell(*asked)
    assert (code, told, loaded) == (2, "", False)
    assert errors == shell(*asked, "--no-server")[2]
    with pytest.raises(RagError, match="nothing") as caught:
        asked_of_server(index, ShellQuestion(RECALL, filters=["nothing=here"]))
    assert not isinstance(caught.value, InvalidFilter)  # its kind stays in the server, its words do not


def test_with_other_settings_the_shell_answers_for_itself(running: Served, index: Path) -> None:
    assert asked_of_server(index, ShellQuestion(RECALL, settings=["min_confidence=0.99"])) is None
    code, told, _, loaded = shell("ask", RECALL, "--index", index, "--set", "min_confidence=0.99")
    assert (code, loaded) == (0, True)
    assert told.startswith("No answer")


def test_what_was_added_since_is_answered(running: Served, index: Path, tmp_path: Path) -> None:
    question = "How heavy is the bell of Eskmere?"
    note = tmp_path / "eskmere.txt"
    note.write_text("The bell of Eskmere is nine tons heavy.", encoding="utf-8")
    before = asked_of_server(index, ShellQuestion(question))
    with closing(Index.open(index)) as opened:
        added = opened.add([note]).added
    try:
        after = asked_of_server(index, ShellQuestion(question))
    finally:
        with closing(Index.open(index)) as opened:
            opened.remove(*added)
    assert before is not None
    assert after is not None
    assert "nine tons" not in before.printed
    assert after.answered and "nine tons" in after.printed


def test_the_socket_is_no_one_elses(running: Served, sockets: Path, index: Path) -> None:
    (path,) = sockets.iterdir()
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert not path.is_relative_to(index)
    sockets.chmod(0o755)  # others could have put a socket there
    try:
        assert asked_of_server(index, ShellQuestion(RECALL)) is None
    finally:
        sockets.chmod(0o700)
    assert asked_of_server(index, ShellQuestion(RECALL)) is not None


@pytest.mark.parametrize("sent", [b"", b"[]", b"\xff", b'{"other": "x"}', b"{" * 100_000])
def test_nonsense_is_answered_with_nothing(running: Served, sockets: Path, index: Path, sent: bytes) -> None:
    (path,) = sockets.iterdir()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as reply:
            assert reply.read() == b"{}"
    assert asked_of_server(index, ShellQuestion(RECALL)) is not None


def test_a_server_that_was_killed_leaves_nothing_in_the_way(
    index: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    shared = SharedAssistant(lambda: Assistant(Index.open(index, embedder)))
    with answering_shell(index, shared):
        (path,) = (tmp_path / "pincite").iterdir()
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert asked_of_server(index, ShellQuestion(RECALL)) is None
    with answering_shell(index, shared):
        assert asked_of_server(index, ShellQuestion(RECALL)) is not None
        with answering_shell(index, shared):  # the first goes on
            assert asked_of_server(index, ShellQuestion(RECALL)) is not None
        assert asked_of_server(index, ShellQuestion(RECALL)) is not None
