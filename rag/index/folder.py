"""Stores an index in a folder: the engine that is used unless an address names another one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexCorrupt
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.engine import VersionParts, WriteVersion
from rag.index.storage.documents import Store
from rag.index.storage.integrity import DeferredChecks, file_faults
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.manifest import DOCUMENTS, MANIFEST, WORDS, Manifest, read_manifest
from rag.index.storage.quantised_vectors import open_vectors
from rag.index.storage.remedies import REPAIR_OR_BUILD

if TYPE_CHECKING:
    from rag.core.protocols import Embedder
    from rag.index.writing.build import WriteRequest


@dataclass(frozen=True)
class FolderVersion:
    """One committed version in a folder."""

    path: Path
    manifest: Manifest

    @property
    def folder(self) -> Path:
        """Return the folder of the version's files."""
        return self.path / self.manifest.folder

    def documents(self) -> Store:
        """Open the documents alone; the caller closes them."""
        return Store(self.folder / DOCUMENTS)

    def open(self, stemmer: str) -> VersionParts:
        """Open all stores. Raises IndexCorrupt if a file is missing or differs from its hash.

        Files of more than 64 MB are checked by their size and both ends now, and by their hash before their first use.
        """
        problems = file_faults(self.path, self.manifest, wholly=False)
        if problems:
            raise IndexCorrupt(f"{problems[0]}.", REPAIR_OR_BUILD)
        checks = DeferredChecks(self.path, self.manifest)
        words = TantivyStore.open(self.folder / WORDS, stemmer)
        return VersionParts(self.documents(), open_vectors(self.folder), words, checks)


class FolderEngine:
    """The index in one folder."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path

    def latest(self, newest: bool = True) -> FolderVersion:
        """Read the manifest. Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch."""
        return FolderVersion(self.path, read_manifest(self.path))

    def exists(self) -> bool:
        """Tell whether there is an index."""
        return (self.path / MANIFEST).exists()

    @contextmanager
    def writing(self) -> Iterator[WriteVersion]:
        """Hold the writer's lock and give the function that writes. Raises IndexLocked, IndexWriteFailed."""
        from rag.index.writing.build import write_to_folder  # a question needs none of it
        from rag.index.writing.commit import writing

        def write_version(
            base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, request: "WriteRequest"
        ) -> IndexReport:
            return write_to_folder(self.path, base, embedder, settings, request)

        with writing(self.path):
            yield write_version
