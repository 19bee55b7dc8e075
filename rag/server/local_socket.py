"""Lets a running `rag serve` answer `rag ask` of the same user over a local socket, so that no model is loaded again.

The socket lies in a folder that no other user can enter, never in the index and never on the network. Where there is
none, or the server is busy, of another make or was started with other settings, the shell answers for itself: the
words are the same.
"""

import contextlib
import hashlib
import json
import logging
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.core.configuration import changes_of
from rag.core.errors import RagError
from rag.core.files.safe_json import json_value
from rag.core.text.plain_text import printable, response_lines
from rag.index.filters import from_pairs
from rag.index.location import folder_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fastapi import FastAPI

    from rag.answering.assistant import Assistant
    from rag.core.response import Response
    from rag.core.settings import Options
    from rag.server.files.incoming_files import IncomingFiles
    from rag.server.shared_assistant import SharedAssistant
    from rag.server.web import Attach

FORM = 2
"""Version of the messages over the socket; part of its name."""
MAX_SOCKET_SECONDS = 10
"""Then the shell starts on its own."""
MAX_REQUEST_BYTES = 1_000_000
"""Bytes."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShellQuestion:
    """What `rag ask` was given, but for the index."""

    question: str
    top_k: int | None = None
    filters: list[str] | None = None
    min_confidence: float | None = None
    min_precision: float | None = None
    explain: bool = False
    form: str | None = None
    settings: list[str] | None = None
    quiet: bool = False

    def output(self, assistant: "Assistant") -> "ShellOutput":
        """Return what `rag ask` prints. Raises what `Assistant.ask` does."""
        filters = from_pairs(self.filters or ())
        response = assistant.ask(
            self.question, self.top_k, filters, self.min_confidence, self.explain, self.min_precision
        )
        return ShellOutput(self._printed(response), response.no_answer is None)

    def _printed(self, response: "Response") -> str:
        if self.form is not None:
            from rag.core.presentation.export import export

            return export(response.to_dict(), self.form)
        if self.quiet:
            return "\n".join(printable(answer.answer) for answer in response.answers)
        return "\n".join(response_lines(response))


@dataclass(frozen=True)
class ShellOutput:
    """The text that `rag ask` prints, and whether it holds an answer."""

    printed: str
    answered: bool


def asked_of_server(index: Path, question: ShellQuestion) -> ShellOutput | None:
    """Return the output of a running server of this index for a question, None if the shell has to answer.

    Raises RagError if the server does.
    """
    path = _socket_path(index)
    if path is None or not path.exists():
        return None
    import socket

    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(MAX_SOCKET_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps(asdict(question)).encode())
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                reply: dict[str, Any] = json_value(stream.read())
    except (OSError, ValueError):
        return None
    if "problem" in reply:
        raise RagError(*reply["problem"])
    return ShellOutput(reply["printed"], reply["answered"]) if reply else None


def also_answering(index: Path, attach: "Attach") -> "Attach":
    """Wrap `attach` so that the server also answers the local socket."""

    def both(app: "FastAPI", assistant: "SharedAssistant", options: "Options", incoming: "IncomingFiles") -> None:
        attach(app, assistant, options, incoming)
        before = app.router.lifespan_context

        @contextlib.asynccontextmanager
        async def lifespan(application: Any) -> "AsyncIterator[Any]":
            with answering_shell(index, assistant):
                async with before(application) as state:
                    yield state

        app.router.lifespan_context = lifespan

    return both


@contextlib.contextmanager
def answering_shell(index: Path, assistant: "SharedAssistant") -> "Iterator[None]":
    """Answer questions of the shell from a thread of its own meanwhile.

    Does nothing if the system has no such sockets, or another server of this index answers already.
    """
    import socketserver
    import threading

    class Handler(socketserver.StreamRequestHandler):
        timeout = MAX_SOCKET_SECONDS

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # who asked may be gone
                self.wfile.write(json.dumps(_reply(assistant, self.rfile.read(MAX_REQUEST_BYTES))).encode())

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    path = _socket_path(index, made=True)
    if path is None or _answers(path):
        yield
        return
    try:
        path.unlink(missing_ok=True)  # of a server that was killed
        server = Server(str(path), Handler)
    except OSError as error:
        log.warning("the shell cannot ask this server: %s", error)
        yield
        return
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def _reply(assistant: "SharedAssistant", request: bytes) -> dict[str, Any]:
    """Return the output or the problem, and nothing if the shell would answer otherwise."""
    try:
        question = ShellQuestion(**json_value(request))
    except (ValueError, TypeError):
        return {}  # another version of the shell, or a server that looks whether there is one
    try:
        with assistant.ready() as ready_assistant:
            if ready_assistant.index.settings.updated(changes_of(question.settings)) != ready_assistant.settings:
                return {}
            return asdict(question.output(ready_assistant))
    except RagError as error:
        return {"problem": [error.message, error.remedy]}
    except Exception:
        log.exception("a question of the shell failed")
        return {}


def _socket_path(index: Path, made: bool = False) -> Path | None:
    """Return the path of the socket of an index, None if the system has none or others could have made it."""
    if not hasattr(os, "getuid"):
        return None
    runtime_folder = os.environ.get("XDG_RUNTIME_DIR")
    if runtime_folder:
        folder = Path(runtime_folder, "pincite")
    else:
        import tempfile

        folder = Path(tempfile.gettempdir(), f"pincite-{os.getuid()}")
    try:
        if made:
            folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        return None
    index_folder = folder_of(index)
    name = hashlib.sha256(os.fsencode(index if index_folder is None else index_folder.resolve())).hexdigest()[:24]
    return folder / f"{name}.{FORM}"


def _answers(path: Path) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
