"""Changes single files so that a kill, a full disk or another process leaves the old content or the new one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

MAX_LOCK_SECONDS = 30
"""How long a process waits for another one that changes the same file."""


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Let one process and one thread at a time change `file`.

    Raises OSError if the lock is not free in time, FileNotFoundError if there is no folder to hold the file.
    """
    from filelock import FileLock

    # The lock would create the folder, so what is written would lie where nobody looks for it.
    if not file.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file.parent))
    with FileLock(file.with_name(f".{file.name}.lock"), timeout=MAX_LOCK_SECONDS):
        yield


def replace_file(file: Path, content: bytes, mode: int = 0o666) -> None:
    """Give `file` a new content by a rename. Call it in `exclusive`.

    Raises OSError. The old content then stays, unless the disk only did not confirm the rename: readers then see the
    new content, and a crash of the machine may bring the old one back.
    """
    draft = file.with_name(f".{file.name}.partial")
    try:
        draft.unlink(missing_ok=True)
        # The mode counts from the first moment on, so that nobody else can open a secret before a `chmod`.
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def append_line(file: Path, line: str) -> None:
    """Append a line to a file, which is created if it does not exist. Raises OSError.

    If a killed process left half a line at the end, the new line does not continue it.
    """
    with exclusive(file), file.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
        is_torn = bool(size) and stream.read(1) != b"\n"
        stream.write(b"\n" * is_torn + line.encode("utf-8") + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def new_file(file: Path) -> Iterator[IO[bytes]]:
    """Give a stream whose content becomes `file` if the context ends without an error.

    Where the system has files without a name, a killed process leaves nothing. Raises FileExistsError, OSError.
    """
    unnamed = _unnamed_file(file.parent)
    if unnamed is None:
        yield from _named_draft(file)
        return
    with os.fdopen(unnamed, "w+b") as stream:
        yield stream
        stream.flush()
        os.fsync(unnamed)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            # Only with a folder does Python call linkat, which follows the link to the file without a name.
            os.link(f"/proc/self/fd/{unnamed}", file.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    if os.name == "nt":
        return  # Windows cannot open a folder, and keeps its entries durable by itself.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unnamed_file(folder: Path) -> int | None:
    """Open a file without a name in `folder`; None if the system or the disk has none."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, flag | os.O_RDWR, 0o666)
    except OSError:
        return None


def _named_draft(file: Path) -> Iterator[IO[bytes]]:
    draft = file.with_name(f".{file.name}.partial")
    try:
        with draft.open("w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if file.exists():
            raise FileExistsError(f"{file} already exists")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(file.parent)
