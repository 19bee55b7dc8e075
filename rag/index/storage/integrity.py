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
from typing import IO

from rag.core.errors import IndexCorrupt
from rag.index.storage.manifest import Manifest, large_files

REPAIR = "Run `rag check --repair`; if that fails, build the index again."


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
            raise IndexCorrupt(f"{error.filename} cannot be read: {error.strerror}.", REPAIR) from error

    def require_whole(self) -> None:
        """Check the files, once; raise IndexCorrupt, each time, where one is not what was written."""
        if self._damaged is None:
            with self._checking:
                if self._damaged is None:
                    self._damaged = self._checked()
        if self._damaged:
            raise IndexCorrupt(f"{self._damaged[0]} is not what was written (its hash differs).", REPAIR)

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
