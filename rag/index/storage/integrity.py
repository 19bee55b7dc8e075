"""Checks the files of an index. Large files are checked once, before their first use, so that opening stays quick.

FAISS, SQLite and tantivy do not notice a flipped bit. A question reads every vector and pages from all over the other
files. So checks by piece would save little, and a whole file needs only the hash that the manifest has. The check costs
0.65 CPU seconds a gigabyte, with the files in parallel. Damage that occurs while the index is open is noticed at the
next opening.
"""

import hashlib
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO, Any

from rag.core.errors import IndexCorrupt
from rag.core.files.hashing import file_sha256
from rag.index.storage.manifest import Manifest
from rag.index.storage.remedies import REPAIR_OR_BUILD

MAX_OPENING_HASH_BYTES = 64_000_000
"""Files up to this size are hashed at every opening (about 0.7 s a gigabyte); larger ones before their first use."""
END_BYTES = 1_000_000
"""Both ends of a larger file are hashed at every opening, because the tables of its contents are there."""


class DeferredChecks:
    """The large files of a version. Opening compared only their ends, so the rest is checked before the first use.

    They stay open until then, because a writer may remove the version in the meantime.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Open the files. Raises IndexCorrupt if one does not exist."""
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
        """Check the files once. Raises IndexCorrupt, each time, if one has changed since it was written."""
        if self._damaged is None:
            with self._checking:
                if self._damaged is None:
                    self._damaged = self._damaged_files()
        if self._damaged:
            raise IndexCorrupt(f"{self._damaged[0]} is not what was written (its hash differs).", REPAIR_OR_BUILD)

    def _damaged_files(self) -> list[Path]:
        with ThreadPoolExecutor(max_workers=max(1, len(self._streams))) as pool:
            hashes = dict(zip(self._streams, pool.map(_sha256, self._streams.values()), strict=True))
        self.close()
        return [file for file, sha256 in hashes.items() if sha256 != self._expected[file]]


def _sha256(stream: IO[bytes]) -> str | None:
    try:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError:
        return None  # the disk cannot read the file


def _close(streams: Mapping[Path, IO[bytes]]) -> None:
    for stream in streams.values():
        stream.close()


def file_faults(path: Path, manifest: Manifest, wholly: bool) -> list[str]:
    """Return a line for each file of a version that is missing or has changed since it was written.

    Unless `wholly`, only the size and both ends of files above `MAX_OPENING_HASH_BYTES` are compared.
    """
    faults = []
    for name, expected in manifest.files.items():
        file = path / manifest.folder / name
        try:
            size = file.stat().st_size
            if size != expected["bytes"]:
                faults.append(f"{file} has {size} bytes, expected {expected['bytes']}")
            elif not _is_whole(file, expected, wholly):
                faults.append(f"{file} is not what was written (its hash differs)")
        except FileNotFoundError:
            faults.append(f"{file} is missing")
        except OSError as error:
            faults.append(f"{file} cannot be read: {error.strerror}")
    return faults


def large_files(path: Path, manifest: Manifest) -> dict[Path, str]:
    """Return the sha256 of each file of a version that `file_faults` does not hash unless `wholly`."""
    return {
        path / manifest.folder / name: expected["sha256"]
        for name, expected in manifest.files.items()
        if expected["bytes"] > MAX_OPENING_HASH_BYTES
    }


def hash_of_ends(file: Path) -> str:
    """Return the sha256 of the first and the last END_BYTES of a file."""
    with file.open("rb") as stream:
        head = stream.read(END_BYTES)
        stream.seek(max(stream.tell(), file.stat().st_size - END_BYTES))
        return hashlib.sha256(head + stream.read()).hexdigest()


def _is_whole(file: Path, expected: Mapping[str, Any], wholly: bool) -> bool:
    if wholly or expected["bytes"] <= MAX_OPENING_HASH_BYTES:
        return bool(file_sha256(file) == expected["sha256"])
    return bool(hash_of_ends(file) == expected["ends_sha256"])
