"""Reads files in a process of its own, so that no file can stop, fill or end the process that asked.

The process lives on from file to file. If a file takes too long, too much memory, or ends it, the file becomes an
error and the next one gets a new process. Systems without `fork` read in the process itself.
"""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import IO, Any

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading import Source, load
from rag.loading.isolation.messages import LENGTH_BYTES, MAX_MESSAGE_BYTES, item_of, message_bytes, message_of
from rag.loading.isolation.worker import FOLDER_PREFIX

MIN_SECONDS = 60.0
"""Seconds that every file gets until its first document, and from each document to the next."""
SECONDS_PER_MEGABYTE = 20.0
"""Time that each megabyte of a file adds: the slowest format takes about 2 seconds for it."""
MAX_PATIENCE_SECONDS = 600.0
"""Time that a part of a file may take at most, if its loader says that it takes long."""
MAX_RESTARTS = 20
"""Members of one archive that may end the process."""
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from rag.loading.isolation.worker import main; main()"
)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each thread of a mathematics library would reserve address space, which is limited."""


def load_apart(source: Source) -> Iterator[Document | LoadError]:
    """Yield what `rag.loading.load` yields, read in another process within limits of time and memory. Never raises."""
    if not is_possible():
        yield from load(source)
        return
    with lent_process() as process:
        yield from _load(process, source)


class ReadingProcess:
    """A process that reads files; it is started when the first is asked for, and again after its end."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None
        self._owner = os.getpid()

    def __enter__(self) -> "ReadingProcess":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def start(self) -> None:
        """Start the process unless it is running; it gets ready while the caller does something else."""
        if self._owner == os.getpid() and self._child is not None and self._child.poll() is None:
            return
        self.close()
        self._owner = os.getpid()
        # TemporaryDirectory would delete the folder in a fork of this process too.
        self._folder = tempfile.mkdtemp(prefix=FOLDER_PREFIX)
        self._child = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps([os.path.abspath(path) for path in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD, "TMPDIR": self._folder},
            start_new_session=True,  # Ctrl-C is for the process of the index, which ends this one
        )

    def close(self) -> None:
        """End the process and delete its folder."""
        child, self._child = self._child, None
        if child is not None and os.getpid() == self._owner:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout) if child is not None else ():
            if pipe is not None:
                with suppress(OSError):  # the rest of a request that the process did not read
                    pipe.close()
        if self._folder is not None and os.getpid() == self._owner:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def messages(self, source: Source, skipped: list[int], seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the answers to the request to read a file without the members of these numbers.

        Raises what `answers` does.
        """
        names = [field.name for field in fields(source)]
        request = {
            "source": {**{name: getattr(source, name) for name in names}, "path": os.fspath(source.path)},
            "folder": os.getcwd(),
            "skipped": skipped,
        }
        return self.answers(request, seconds)

    def answers(self, request: Mapping[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the answers to a request.

        Raises TimeoutError if the next answer takes longer than `seconds`, or than the last one says. Raises EOFError
        if the process ends before the last, ValueError for an answer that is none.
        """
        self.start()
        assert self._child is not None and self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(message_bytes({**request, "seconds": seconds}))
            self._child.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        patience = seconds
        while not (message := _received(self._child.stdout, patience)).get("end"):
            patience = min(max(seconds, float(message.get("patience", 0.0))), MAX_PATIENCE_SECONDS)
            yield message
        if message.get("worn"):
            self.close()

    def ending(self) -> str:
        """End the process, and say how it ended if it did so by itself."""
        child = self._child
        try:
            status = child.wait(timeout=5) if child is not None else 0
        except subprocess.TimeoutExpired:
            status = 0
        self.close()
        return f" ({signal.Signals(-status).name})" if status < 0 else f" (status {status})" if status else ""


def _received(pipe: IO[bytes], seconds: float) -> dict[str, Any]:
    until = time.monotonic() + seconds
    length = int.from_bytes(_bytes(pipe, LENGTH_BYTES, until), "big")
    if length > MAX_MESSAGE_BYTES:
        raise ValueError("a message that is too long")
    return message_of(_bytes(pipe, length, until))


def _bytes(pipe: IO[bytes], count: int, until: float) -> bytes:
    """Return so many bytes. Raises TimeoutError at the deadline, and EOFError."""
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    data = bytearray()
    while len(data) < count:
        if not ready.poll(max(0.0, until - time.monotonic()) * 1_000):
            raise TimeoutError
        piece = os.read(pipe.fileno(), min(count - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def _load(process: ReadingProcess, source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a file. If a member of an archive ends the process, the next try skips it."""
    seconds, skipped = _allowed_seconds(source), list[int]()
    yielded = Counter[int]()  # items since each member began; 0 stands for the file itself
    while True:
        member, name, count = 0, source.name, 0
        try:
            for message in process.messages(source, skipped, seconds):
                if "patience" in message:
                    continue
                if "member" in message:
                    member, name, count = int(message["member"]), str(message["name"]), 0
                    continue
                item, count = item_of(message), count + 1
                if count > yielded[member]:
                    yielded[member] = count
                    yield item
            return
        except TimeoutError:
            process.close()
            what = f"{name}: reading it was stopped after {seconds:.0f} seconds."
        except (EOFError, OSError, LookupError, AttributeError, TypeError, ValueError, OverflowError):
            what = f"{name}: reading it ended the process that reads files{process.ending()}."
        except BaseException:
            process.close()  # its answers to this request would be taken for those to the next
            raise
        is_last = not member or member in skipped or len(skipped) == MAX_RESTARTS
        if member and is_last:
            what += f" The files behind it in {source.name} were not read."
        yield UnreadableSource(what, "Save or export it again, or leave it out.")
        if is_last:
            return
        skipped.append(member)
        yielded[member] = 0  # the next try skips this member


def _allowed_seconds(source: Source) -> float:
    try:
        size = source.path.stat().st_size
    except (OSError, ValueError):
        size = 0
    return MIN_SECONDS + SECONDS_PER_MEGABYTE * size / 1_000_000


_SHARED = ReadingProcess()
"""The process that is kept for the next file."""
_SHARED_LOCK = threading.Lock()
atexit.register(_SHARED.close)


def get_ready() -> None:
    """Start the process in advance: it gets ready while the caller does something else."""
    if is_possible():
        with lent_process() as process:
            process.start()


@contextmanager
def lent_process() -> Iterator[ReadingProcess]:
    """Give the shared process, or one that ends afterwards if the shared one is at work for another thread."""
    if not _SHARED_LOCK.acquire(blocking=False):
        with ReadingProcess() as process:
            yield process
        return
    try:
        yield _SHARED
    finally:
        _SHARED_LOCK.release()


def is_possible() -> bool:
    """Tell if the system can read files in another process."""
    return hasattr(select, "poll") and bool(sys.executable)
