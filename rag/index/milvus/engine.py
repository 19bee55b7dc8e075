"""Opens and writes the index at an address: what `rag.index.index.Index` asks in place of a folder."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexNotFound, IndexProblem
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.milvus.address import address_of
from rag.index.milvus.claim import Claim, claimed
from rag.index.milvus.collections import builds_of, load, meta_name
from rag.index.milvus.connection import Connection, connected
from rag.index.milvus.held import Held, drop_builds, read
from rag.index.storage.manifest import Manifest

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, LexicalStore, VectorStore
    from rag.index.writing.build import Job

log = logging.getLogger(__name__)
_told: set[str] = set()


class Engine:
    """The index at one address."""

    def __init__(self, path: str | Path) -> None:
        """Connect. Raises InvalidInput, IndexUnreachable."""
        self.address = address_of(path)
        self.connection: Connection = connected(self.address)
        self._held: Held | None = None
        self._load_manifest()

    def manifest(self, newest: bool = True) -> Manifest:
        """Return the manifest of the version that is there now. Raises IndexNotFound and other IndexProblems."""
        self._held = read(self.connection, newest)
        return self._held.manifest

    def exists(self) -> bool:
        """Tell whether there is an index."""
        try:
            self.manifest()
        except IndexNotFound:
            return False
        return True

    def parts(self, manifest: Manifest, stemmer: str) -> "tuple[DocumentStore, VectorStore, LexicalStore]":
        """Return documents, vectors and words of the version that `manifest` was read of."""
        held = self._held
        if held is None or held.manifest != manifest:
            raise ValueError("the manifest was not read here")
        held.prepare()
        self._tell(held)
        return held.documents, held.vectors, held.words(stemmer)

    @property
    def said(self) -> dict[str, str]:
        """Return what a response says of the server: its version, and how it finds passages."""
        lexical = self._held is not None and self._held.has_words
        return {
            "name": "milvus",
            "version": self.connection.version,
            "consistency": "the version named here or later",
            "candidates": "dense and lexical" if lexical else "dense only",
        }

    @contextmanager
    def writing(self) -> Iterator[Claim]:
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

    def write(
        self, base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, job: "Job", claim: Claim
    ) -> IndexReport:
        """Commit the next version, made from `base`, or from nothing. Call it while `writing`."""
        from rag.index.milvus.writing import write

        held = read(self.connection) if base else None
        return write(self.connection, held, self.next_version(), embedder, settings, job, claim)

    def next_version(self) -> int:
        """Return a number above every version that is or was there, also where the manifest cannot be read."""
        try:
            current = read(self.connection).manifest.version
        except IndexProblem:
            current = 0
        return max([current, *builds_of(self.connection)]) + 1

    def _tell(self, held: Held) -> None:
        if held.has_words or self.address.shown in _told:
            return
        _told.add(self.address.shown)
        if self.connection.has_full_text:
            why = "was built on a server without full text search: build it again to have it"
        else:
            why = f"is on Milvus {self.connection.version}, which has no full text search (servers have it from 2.5)"
        log.warning("%s %s. Passages are found by their vectors alone.", self.address.shown, why)

    def _load_manifest(self) -> None:
        name = meta_name(self.address)
        if self.connection("has_collection", name):
            load(self.connection, name)
