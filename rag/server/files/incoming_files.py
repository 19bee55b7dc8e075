"""Receives the files that visitors send to the page, one request each, and keeps them until a write takes them."""

import asyncio
import json
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.server.asgi import Message, Receive, Send
from rag.server.limits.body_limit import announced_bytes
from rag.server.limits.rate_limit import client_key

ADDRESS = "/pincite/files"
INCOMING_PREFIX = "pincite-incoming-"
MAX_FILES_OF_VISITOR = 1_000
"""Files of one visitor that wait for a write."""
SHARE_OF_VISITOR = 0.25
"""Share of all upload space that the waiting files of one visitor may take."""
FORGOTTEN_SECONDS = 3_600
"""A file that no write has taken after this time is deleted."""
FORGET_EVERY_SECONDS = 60
SILENT_SECONDS = 30
"""A request that sends nothing for this time is given up."""
MIN_BYTES_A_SECOND = 1_000
"""A file that comes more slowly is given up, so that a byte now and then does not hold a connection."""
GRACE_SECONDS = 60
"""Before this time no file is too slow."""
SPACE_STEP_BYTES = 1_000_000
"""A file whose length is not announced reserves its space in such steps."""
MAX_NAME_BYTES = 200
"""File systems take 255; the rest is for what the page adds to a name."""
MAX_SUFFIX_BYTES = 20


@dataclass
class IncomingFile:
    """A file that is being sent, waits to be added, or was taken by a write."""

    path: Path
    name: str
    client: str
    space: int
    begun: float
    since: float
    size: int = 0
    taken: bool = False


class IncomingFiles:
    """The files that wait, in a folder of this process alone; the folder goes when the server stops.

    The event loop and the threads of writes use it at the same time.
    """

    def __init__(
        self,
        max_file_bytes: int,
        max_total_bytes: int,
        stored_bytes: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no folder yet. `stored_bytes` returns what earlier uploads take."""
        self._max_file_bytes, self._max_total_bytes, self._stored_bytes = max_file_bytes, max_total_bytes, stored_bytes
        self._clock, self._lock = clock, threading.RLock()
        self._files: dict[str, IncomingFile] = {}
        self._folder: Path | None = None

    def begin(self, client: str, name: str, announced: int) -> str:
        """Return the key of a new, empty file, and reserve the space that it announces.

        Raises InvalidInput if there is no space for it, IndexWriteFailed if the disk refuses it.
        """
        with self._lock:
            self.forget_old()
            client = client_key(client)
            if sum(file.client == client for file in self._files.values()) >= MAX_FILES_OF_VISITOR:
                raise _too_many_files()
            space = min(announced, self._max_file_bytes)  # beyond, `append` refuses the file
            self._require_space(client, space)
            key, now = secrets.token_urlsafe(16), self._clock()
            try:
                path = self._usable_folder() / key
                path.touch(0o600)
            except OSError as error:
                raise _not_stored(error) from None
            self._files[key] = IncomingFile(path, name, client, space, now, now)
            return key

    def append(self, key: str, data: bytes) -> None:
        """Write more of a file.

        Raises InvalidInput if it becomes longer than allowed, TimeoutError if it comes too slowly, IndexWriteFailed if
        the disk refuses it.
        """
        with self._lock:
            file = self.file(key)
            file.size, file.since = file.size + len(data), self._clock()
            if file.size > self._max_file_bytes:
                raise InvalidInput(f"The file is larger than {self._max_file_bytes // 1_000_000:,} MB.", "Split it.")
            if file.since - file.begun > GRACE_SECONDS + file.size / MIN_BYTES_A_SECOND:
                raise TimeoutError
            if file.size > file.space:
                space = -(-file.size // SPACE_STEP_BYTES) * SPACE_STEP_BYTES
                self._require_space(file.client, space - file.space)
                file.space = space
        try:
            with file.path.open("ab") as stream:
                stream.write(data)
        except OSError as error:
            raise _not_stored(error) from None

    def file(self, key: str) -> IncomingFile:
        """Return a file that waits. Raises InvalidInput if there is none of this key."""
        with self._lock:
            file = self._files.get(key)
            if file is None or file.taken:
                raise InvalidInput("The file is not here any more.", "Send it again.")
            return file

    def take(self, keys: Sequence[str]) -> list[IncomingFile]:
        """Return files that wait, for the caller alone, who discards them in the end.

        Their space stays in use until then. Raises InvalidInput, and takes none, if one of them is not there.
        """
        with self._lock:
            files = [self.file(key) for key in dict.fromkeys(keys)]
            for file in files:
                file.taken = True
            return files

    def file_taken(self, key: str) -> Path:
        """Return where a file lies that was taken. Raises InvalidInput if it was discarded."""
        with self._lock:
            if key not in self._files:
                raise InvalidInput("The file is not here any more.", "Send it again.")
            return self._files[key].path

    def discard(self, keys: Sequence[str]) -> None:
        """Delete files."""
        for key in keys:
            with self._lock:
                file = self._files.pop(key, None)
            if file is not None:
                file.path.unlink(missing_ok=True)

    def forget_old(self) -> None:
        """Delete the files that no write has taken for too long."""
        with self._lock:
            limit = self._clock() - FORGOTTEN_SECONDS
            self.discard([key for key, file in self._files.items() if file.since < limit and not file.taken])

    async def forget_regularly(self) -> None:
        """Delete such files every minute, until the task is cancelled."""
        while True:
            await asyncio.sleep(FORGET_EVERY_SECONDS)
            self.forget_old()

    def close(self) -> None:
        """Delete all files that still wait."""
        with self._lock:
            self._files.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _require_space(self, client: str, more: int) -> None:
        """Raise InvalidInput if a visitor, or all together, would use more space than they may."""
        of_client = sum(file.space for file in self._files.values() if file.client == client)
        if of_client + more > self._max_total_bytes * SHARE_OF_VISITOR:
            raise _too_many_files()
        waiting = sum(file.space for file in self._files.values())
        if waiting + more + self._stored_bytes() > self._max_total_bytes:
            raise InvalidInput(
                f"All uploads together may take {self._max_total_bytes // 1_000_000:,} MB.",
                "Remove documents, or serve the page with a larger --upload-space.",
            )

    def _usable_folder(self) -> Path:
        # A machine that tidies its temporary files may have removed it.
        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(tempfile.mkdtemp(prefix=INCOMING_PREFIX))
        return self._folder


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
            key = self._files.begin(client, file_name(name), announced_bytes(scope))
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
            self._files.append(key, message.get("body", b""))
            if not message.get("more_body", False):
                return


def file_name(name: str) -> str:
    """Return the last part of a name, without what no file system takes."""
    base = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    base = base.strip(". ") or "file"
    if len(base.encode()) <= MAX_NAME_BYTES:
        return base
    suffix = _cut(Path(base).suffix, MAX_SUFFIX_BYTES)
    return _cut(Path(base).stem, MAX_NAME_BYTES - len(suffix.encode())) + suffix


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


def _too_many_files() -> InvalidInput:
    return InvalidInput("You have sent more files than can wait.", "Wait until they have been added.")


def _not_stored(error: OSError) -> IndexWriteFailed:
    return IndexWriteFailed(f"The file could not be stored: {error.strerror}.", "Free disk space.")


async def _reply(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [] if status == 200 else [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
