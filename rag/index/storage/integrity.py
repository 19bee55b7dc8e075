"""Checks the large files of an index once, before the first thing is read of them, so that opening stays quick.

FAISS takes a flipped bit for what was written and ranks by it; so do SQLite and tantivy. A question reads every vector
and pages from all over the other files: checks by piece would save little, and a whole file needs no hash but the one
that the manifest has. It costs 0.65 CPU seconds a gigabyte, the files side by side. What turns bad on the disk while
the index is open is found at the next opening.
"""

import hashlib
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO, Any

from rag.core.errors import (
    IndexCorrupt,
)
from rag.core.hashing import file_sha256
from rag.index.storage.manifest import Manifest
from rag.index.storage.remedies import REPAIR_OR_BUILD

WHOLLY_CHECKED_BYTES = 64_000_000
"""Files up to this size are hashed at every opening (about 0.7 s a gigabyte); larger ones before they are used."""
END_BYTES = 1_000_000
"""Of larger files both ends are hashed at every opening: there stand the tables that all else is read by."""


class LargeFiles:
    """The files of a version that were judged by their ends when it was opened.

    They are held open until they are checked: by then a writer may have dropped the version.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Open the files. Raises IndexCorrupt for one that is gone."""
        self._expected = large_files(path, manifest)
        self._streams: dict[Path, IO[bytes]] = {}
        self.close = weakref.finalize(self, _close, self._streams)
        self._damaged: list[Path] | None = None if self._expected else []
        self._checking = Lock()
        try:
            for file in self._expected:
                self._streams[file] = file.open("rb")
        except OSError as error:
            raise IndexCorrupt(f"{error.filename} cannot be read: {error.strerror}.", REPAIR_OR_BUILD) from error

    def require_whole(self) -> None:
        """Check the files, once; raise IndexCorrupt, each time, where one is not what was written."""
        if self._damaged is None:
            with self._checking:
                if self._damaged is None:
                    self._damaged = self._checked()
        if self._damaged:
            raise IndexCorrupt(f"{self._damaged[0]} is not what was written (its hash differs).", REPAIR_OR_BUILD)

    def _checked(self) -> list[Path]:
        with ThreadPoolExecutor(max_workers=max(1, len(self._streams))) as pool:
            hashes = dict(zip(self._streams, pool.map(_sha256, self._streams.values()), strict=True))
        self.close()
        return [file for file, sha256 in hashes.items() if sha256 != self._expected[file]]


def _sha256(stream: IO[bytes]) -> str | None:
    try:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError:
        return None  # the disk cannot read what was written


def _close(streams: Mapping[Path, IO[bytes]]) -> None:
    for stream in streams.values():
        stream.close()


def damages(path: Path, manifest: Manifest, wholly: bool) -> list[str]:
    """Return the files of a version that are missing or not what was written, with what is wrong; empty if none.

    Unless `wholly`, files above `WHOLLY_CHECKED_BYTES` are judged by their size and their two ends.
    """
    found = []
    for name, expected in manifest.files.items():
        file = path / manifest.folder / name
        try:
            size = file.stat().st_size
            if size != expected["bytes"]:
                found.append(f"{file} has {size} bytes, expected {expected['bytes']}")
            elif not _is_whole(file, expected, wholly):
                found.append(f"{file} is not what was written (its hash differs)")
        except FileNotFoundError:
            found.append(f"{file} is missing")
        except OSError as error:
            found.append(f"{file} cannot be read: {error.strerror}")
    return found


def large_files(path: Path, manifest: Manifest) -> dict[Path, str]:
    """Return the files of a version that `damages` did not judge wholly, with their sha256."""
    return {
        path / manifest.folder / name: expected["sha256"]
        for name, expected in manifest.files.items()
        if expected["bytes"] > WHOLLY_CHECKED_BYTES
    }


def hash_of_ends(file: Path) -> str:
    """Return the sha256 of both ends of a file, of END_BYTES each."""
    with file.open("rb") as stream:
        head = stream.read(END_BYTES)
        stream.seek(max(stream.tell(), file.stat().st_size - END_BYTES))
        return hashlib.sha256(head + stream.read()).hexdigest()


def _is_whole(file: Path, expected: Mapping[str, Any], wholly: bool) -> bool:
    if wholly or expected["bytes"] <= WHOLLY_CHECKED_BYTES:
        return bool(file_sha256(file) == expected["sha256"])
    return bool(hash_of_ends(file) == expected["ends_sha256"])
