"""Receives the files that visitors send to the page, one request each, and keeps them until a write takes them."""

import asyncio
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.server.asgi import Message, Receive, Send
from rag.server.body_limit import announced_bytes
from rag.server.rate_limit import client_key

ADDRESS = "/pincite/files"
PREFIX = "pincite-incoming-"
MAX_FILES_OF_VISITOR = 1_000
"""Files of one visitor that wait for a write."""
SHARE_OF_VISITOR = 0.25
"""Share of all upload space that the waiting files of one visitor may take."""
FORGOTTEN_SECONDS = 3_600
"""A file that no write has taken after this time is deleted."""
SILENT_SECONDS = 30
"""A request that sends nothing for this time is given up."""
MAX_NAME_CHARACTERS = 200


@dataclass
class IncomingFile:
    """A file that has been sent and waits to be added."""

    path: Path
    name: str
    client: str
    size: int
    since: float


class IncomingFiles:
    """The files that wait, in a folder of this process alone; the folder goes when the server stops."""

    def __init__(self, max_file_bytes: int, max_total_bytes: int, stored_bytes: Callable[[], int] = lambda: 0) -> None:
        """Make no folder yet. `stored_bytes` returns what earlier uploads take."""
        self._max_file_bytes, self._max_total_bytes, self._stored_bytes = max_file_bytes, max_total_bytes, stored_bytes
        self._files: dict[str, IncomingFile] = {}
        self._folder: Path | None = None

    def begin(self, client: str, name: str, announced: int) -> str:
        """Return the key of a new, empty file. Raises InvalidInput if there is no space for it."""
        self._forget_old()
        client = client_key(client)
        of_client = [file for file in self._files.values() if file.client == client]
        waiting = sum(file.size for file in self._files.values())
        if len(of_client) >= MAX_FILES_OF_VISITOR or (
            sum(file.size for file in of_client) + announced > self._max_total_bytes * SHARE_OF_VISITOR
        ):
            raise InvalidInput("You have sent more files than can wait.", "Wait until they have been added.")
        if waiting + announced + self._stored_bytes() > self._max_total_bytes:
            raise InvalidInput(
                f"All uploads together may take {self._max_total_bytes // 1_000_000:,} MB.",
                "Remove documents, or serve the page with a larger --upload-space.",
            )
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        key = secrets.token_urlsafe(16)
        path = self._folder / key
        path.touch(0o600)
        self._files[key] = IncomingFile(path, name, client, 0, time.monotonic())
        return key

    def append(self, key: str, data: bytes) -> None:
        """Write more of a file. Raises InvalidInput if it becomes longer than one file may be."""
        file = self._files[key]
        file.size += len(data)
        if file.size > self._max_file_bytes:
            raise InvalidInput(f"The file is larger than {self._max_file_bytes // 1_000_000:,} MB.", "Split it.")
        with file.path.open("ab") as stream:
            stream.write(data)

    def file(self, key: str) -> IncomingFile:
        """Return a file that waits. Raises InvalidInput if there is none of this key."""
        try:
            return self._files[key]
        except KeyError:
            raise InvalidInput("The file is not here any more.", "Send it again.") from None

    def discard(self, keys: Sequence[str]) -> None:
        """Delete files."""
        for key in keys:
            file = self._files.pop(key, None)
            if file is not None:
                file.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete all files that still wait."""
        self._files.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _forget_old(self) -> None:
        limit = time.monotonic() - FORGOTTEN_SECONDS
        self.discard([key for key, file in self._files.items() if file.since < limit])


class UploadEndpoint:
    """ASGI application at `ADDRESS`: the body of a request is one file, its name is in the header `x-file-name`.

    The answer is JSON: {"key": "…"}, or {"error": "what is wrong and what to do"}.
    """

    def __init__(self, files: IncomingFiles, admitted: Callable[[Message], bool], writable: bool) -> None:
        """Store in `files` the body of each client that is `admitted`."""
        self._files, self._admitted, self._writable = files, admitted, writable

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Receive one file."""
        if scope["method"] != "POST":
            await _reply(send, 405, {"error": "Send the file by POST."})
        elif not self._admitted(scope):
            await _reply(send, 401, {"error": "Log in first."})
        elif not self._writable:
            await _reply(send, 403, {"error": "This page is for reading only."})
        else:
            await self._receive(scope, receive, send)

    async def _receive(self, scope: Message, receive: Receive, send: Send) -> None:
        name = unquote(dict(scope["headers"]).get(b"x-file-name", b"").decode("latin-1"))
        client, key = str((scope.get("client") or ("",))[0]), ""
        try:
            key = self._files.begin(client, _base_name(name), announced_bytes(scope))
            await self._write(key, receive)
        except (InvalidInput, IndexWriteFailed) as error:
            self._files.discard([key])
            await _reply(send, 413, {"error": str(error)})
        except (TimeoutError, ConnectionError):
            self._files.discard([key])
            await _reply(send, 408, {"error": "The file did not arrive whole. Send it again."})
        else:
            await _reply(send, 200, {"key": key})

    async def _write(self, key: str, receive: Receive) -> None:
        while True:
            message = await asyncio.wait_for(receive(), SILENT_SECONDS)
            if message["type"] == "http.disconnect":
                raise ConnectionError
            try:
                self._files.append(key, message.get("body", b""))
            except OSError as error:
                raise IndexWriteFailed(f"The file could not be stored: {error.strerror}.", "Free disk space.") from None
            if not message.get("more_body", False):
                return


def _base_name(name: str) -> str:
    """Return the last part of a name, without what no file system takes."""
    base = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    base = base.strip(". ") or "file"
    stem, dot, suffix = base.rpartition(".")
    room = MAX_NAME_CHARACTERS - len(suffix) - 1
    return base if len(base) <= MAX_NAME_CHARACTERS else f"{stem[:room]}{dot}{suffix[:20]}"


async def _reply(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [] if status == 200 else [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
