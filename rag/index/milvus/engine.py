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
from rag.index.milvus.claim import Claim, claimed
from rag.index.milvus.collections import builds_of, load, meta_name
from rag.index.milvus.connection import Connection, connected
from rag.index.milvus.held import Held, drop_builds, read
from rag.index.storage.integrity import DeferredChecks
from rag.index.storage.manifest import Manifest

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder
    from rag.index.writing.build import WriteRequest

log = logging.getLogger(__name__)
_told: set[str] = set()


class MilvusVersion:
    """One committed version on a server."""

    def __init__(self, held: Held) -> None:
        """Open nothing yet."""
        self.held, self.manifest = held, held.manifest

    def documents(self) -> "DocumentStore":
        """Return the documents alone."""
        return self.held.documents

    def open(self, stemmer: str) -> VersionParts:
        """Return all stores once the collections are loaded. Raises IndexVersionMismatch, IndexUnreachable."""
        held = self.held
        held.prepare()
        _warn_without_words(held)
        checks = DeferredChecks(Path(), held.manifest)  # the manifest of a server's version names no files
        return VersionParts(held.documents, held.vectors, held.words(stemmer), checks, self._facts())

    def _facts(self) -> dict[str, str]:
        return {
            "name": "milvus",
            "version": self.held.connection.version,
            "consistency": "the version named here or later",
            "candidates": "dense and lexical" if self.held.has_words else "dense only",
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
        return MilvusVersion(read(self.connection, newest))

    def exists(self) -> bool:
        """Tell whether there is an index."""
        try:
            self.latest()
        except IndexNotFound:
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[WriteVersion]:
        """Hold the claim of the one writer and give the function that writes. Raises IndexLocked."""
        from rag.index.milvus.writing import write

        with self.claimed() as claim:

            def write_version(
                base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, job: "WriteRequest"
            ) -> IndexReport:
                held = read(self.connection) if base else None
                return write(self.connection, held, self.next_version(), embedder, settings, job, claim)

            yield write_version

    @contextmanager
    def claimed(self) -> Iterator[Claim]:
        """Hold the place of the one writer, with what a killed one left undone. Raises IndexLocked."""
        with claimed(self.connection) as claim:
            try:
                held = read(self.connection)
            except IndexNotFound:
                drop_builds(self.connection)
            except IndexProblem:
                pass  # a build may take its place; what is left of it stays
            else:
                drop_builds(self.connection, held.layout)
                for rows in held.layout.rows(self.connection):
                    load(self.connection, rows.collection)
                    rows.undo(held.manifest.version)
            yield claim

    def next_version(self) -> int:
        """Return a number above every version that is or was there, also where the manifest cannot be read."""
        try:
            current = read(self.connection).manifest.version
        except IndexProblem:
            current = 0
        return max([current, *builds_of(self.connection)]) + 1

    def _load_manifest(self) -> None:
        name = meta_name(self.address)
        if self.connection("has_collection", name):
            load(self.connection, name)


def _warn_without_words(held: Held) -> None:
    shown = held.connection.address.shown
    if held.has_words or shown in _told:
        return
    _told.add(shown)
    if held.connection.has_full_text:
        why = "was built on a server without full text search: build it again to have it"
    else:
        why = f"is on Milvus {held.connection.version}, which has no full text search (servers have it from 2.5)"
    log.warning("%s %s. Passages are found by their vectors alone.", shown, why)
