"""Opens and writes the index at an address of a Milvus server: the engine behind `milvus://`."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexNotFound, IndexProblem
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.engine import VersionParts, WriteVersion
from rag.index.milvus.address import address_of
from rag.index.milvus.collections import builds_of, load_collection, meta_name
from rag.index.milvus.connection import Connection, connected
from rag.index.milvus.snapshot import Snapshot, drop_builds, read_snapshot
from rag.index.milvus.writer_lock import WriterLock, writer_lock
from rag.index.storage.integrity import DeferredChecks
from rag.index.storage.manifest import Manifest

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder
    from rag.index.writing.build import WriteRequest

log = logging.getLogger(__name__)
_warned: set[str] = set()


class MilvusVersion:
    """One committed version on a server."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Open nothing yet."""
        self.snapshot, self.manifest = snapshot, snapshot.manifest

    def documents(self) -> "DocumentStore":
        """Return the documents alone."""
        return self.snapshot.documents

    def open(self, stemmer: str) -> VersionParts:
        """Return all stores once the collections are loaded. Raises IndexVersionMismatch, IndexUnreachable."""
        snapshot = self.snapshot
        snapshot.prepare()
        _warn_without_words(snapshot)
        checks = DeferredChecks(Path(), snapshot.manifest)  # the manifest of a server's version names no files
        return VersionParts(snapshot.documents, snapshot.vectors, snapshot.words(stemmer), checks, self._facts())

    def _facts(self) -> dict[str, str]:
        return {
            "name": "milvus",
            "version": self.snapshot.connection.version,
            "consistency": "the version named here or later",
            "candidates": "dense and lexical" if self.snapshot.has_words else "dense only",
        }


class MilvusEngine:
    """The index at one address."""

    def __init__(self, location: str | Path) -> None:
        """Connect. Raises InvalidInput, IndexUnreachable."""
        self.address = address_of(location)
        self.path = Path(self.address.shown)
        self.connection: Connection = connected(self.address)
        self._load_manifest()

    def latest(self, newest: bool = True) -> MilvusVersion:
        """Read the manifest of the current version. Raises IndexNotFound and other IndexProblems."""
        return MilvusVersion(read_snapshot(self.connection, newest))

    def exists(self) -> bool:
        """Tell whether there is an index."""
        try:
            self.latest()
        except IndexNotFound:
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[WriteVersion]:
        """Hold the lock of the only writer, and give the function that writes. Raises IndexLocked."""
        from rag.index.milvus.writing import write_to_server

        with self.locked() as lock:

            def write_version(
                base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, request: "WriteRequest"
            ) -> IndexReport:
                snapshot = read_snapshot(self.connection) if base else None
                return write_to_server(
                    self.connection, snapshot, self.next_version(), embedder, settings, request, lock
                )

            yield write_version

    @contextmanager
    def locked(self) -> Iterator[WriterLock]:
        """Hold the lock of the only writer, and undo the writes of a killed one. Raises IndexLocked."""
        with writer_lock(self.connection) as lock:
            try:
                snapshot = read_snapshot(self.connection)
            except IndexNotFound:
                drop_builds(self.connection)
            except IndexProblem:
                pass  # a build may replace the index; its data stay until then
            else:
                drop_builds(self.connection, snapshot.layout)
                for rows in snapshot.layout.rows(self.connection):
                    load_collection(self.connection, rows.collection)
                    rows.undo(snapshot.manifest.version)
            yield lock

    def next_version(self) -> int:
        """Return a number above every version so far, even if the manifest cannot be read."""
        try:
            current = read_snapshot(self.connection).manifest.version
        except IndexProblem:
            current = 0
        return max([current, *builds_of(self.connection)]) + 1

    def _load_manifest(self) -> None:
        name = meta_name(self.address)
        if self.connection("has_collection", name):
            load_collection(self.connection, name)


def _warn_without_words(snapshot: Snapshot) -> None:
    shown = snapshot.connection.address.shown
    if snapshot.has_words or shown in _warned:
        return
    _warned.add(shown)
    if snapshot.connection.has_full_text:
        why = "was built on a server without full text search: build it again to have it"
    else:
        why = f"is on Milvus {snapshot.connection.version}, which has no full text search (servers have it from 2.5)"
    log.warning("%s %s. Passages are found by their vectors alone.", shown, why)
