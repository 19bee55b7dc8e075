"""States what an index engine must do. A folder (`rag.index.folder`) and a Milvus server are the two engines.

`rag.index.index.Index` uses an engine only through these protocols. `rag.index.location` decides which one is used.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.storage.integrity import DeferredChecks
from rag.index.storage.manifest import Manifest

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, LexicalStore, VectorStore
    from rag.index.writing.build import WriteRequest

WriteVersion = Callable[["Manifest | None", "Callable[[], Embedder]", Settings, "WriteRequest"], IndexReport]
"""Commits the next version, made from the version of the manifest, or from nothing if that is None."""


class VersionParts(NamedTuple):
    """The stores of one committed version, open for reading."""

    documents: "DocumentStore"
    vectors: "VectorStore"
    words: "LexicalStore"
    checks: DeferredChecks
    facts: Mapping[str, str] | None = None
    """Facts about the server in a response; None if there is no server."""


class CommittedVersion(Protocol):
    """One committed version, found but not yet opened."""

    @property
    def manifest(self) -> Manifest:
        """The checked manifest."""

    def documents(self) -> "DocumentStore":
        """Open the documents alone; the caller closes them."""

    def open(self, stemmer: str) -> VersionParts:
        """Open all stores. Raises IndexCorrupt, IndexVersionMismatch, IndexUnreachable."""


class IndexEngine(Protocol):
    """Stores the versions of one index. Reads never wait for a write; a new version is seen all at once."""

    @property
    def path(self) -> Path:
        """The folder, or the address as users read it."""

    def latest(self, newest: bool = True) -> CommittedVersion:
        """Find the current version. Unless `newest`, an engine may return the version of a moment ago.

        Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch, IndexUnreachable.
        """

    def exists(self) -> bool:
        """Tell whether there is an index."""

    def writing(self) -> AbstractContextManager[WriteVersion]:
        """Hold the lock of the one writer and give the function that writes. Raises IndexLocked, IndexWriteFailed."""
