"""Opens one version of an index. An opened version never changes, so threads can share it while others write."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from rag.core.errors import EmbedderMismatch, IndexCorrupt
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.filters import Condition, DocumentSelection, conditions, passing
from rag.index.storage.remedies import REPAIR

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, LexicalStore, VectorStore
    from rag.index.engine import CommittedVersion, IndexEngine, VersionParts
    from rag.index.storage.manifest import Manifest

MAX_REMEMBERED_FILTERS = 8
"""Filters whose passages an opened version remembers."""


class SharedEmbedder:
    """Loads the embedder of an index at its first use; versions built with the same weights share it."""

    def __init__(self, path: Path, manifest: "Manifest", settings: Settings, embedder: "Embedder | None") -> None:
        """Use `embedder` if one is given. Raises EmbedderMismatch if the index was built with other weights."""
        self._path, self._weights, self._settings = path, manifest.embedder, settings
        self._embedder = embedder
        self._loading = Lock()
        if embedder is not None:
            self._require_same_weights(embedder)

    def __call__(self) -> "Embedder":
        """Return the embedder. Raises EmbedderMismatch if its weights have changed since the index was built."""
        with self._loading:
            if self._embedder is None:
                embedder = open_embedder(self._settings)
                self._require_same_weights(embedder)
                self._embedder = embedder
            return self._embedder

    def _require_same_weights(self, embedder: "Embedder") -> None:
        if embedder.fingerprint != self._weights["fingerprint"]:
            raise EmbedderMismatch(
                f"The index at {self._path} was built with {self._weights['name']!r}, whose weights or prompts"
                f" are not those of {embedder.name!r} here.",
                "Ask with the same model, or build the index again: rag index PATH --rebuild",
            )


class OpenedVersion:
    """The open stores of one version, with its manifest and settings. Nothing in it is replaced after `__init__`."""

    def __init__(
        self,
        path: Path,
        version: "CommittedVersion",
        embedder: "Embedder | SharedEmbedder | None" = None,
        runtime: str = "auto",
    ) -> None:
        """Open the stores of `version`. Raises IndexCorrupt, EmbedderMismatch."""
        self.path, self.manifest = path, version.manifest
        self.settings = Settings(embedding_runtime=runtime).updated(version.manifest.settings)
        self._parts: VersionParts = version.open(self.settings.stemmer)
        select = partial(_selection, self._parts.documents)
        self._select: Callable[[tuple[Condition, ...], str], DocumentSelection] = lru_cache(MAX_REMEMBERED_FILTERS)(
            select
        )
        self._require_same_size()
        if not isinstance(embedder, SharedEmbedder):
            embedder = SharedEmbedder(path, self.manifest, self.settings, embedder)
        self.embedder = embedder

    @property
    def documents(self) -> "DocumentStore":
        """Return the documents after the check of large files. Raises IndexCorrupt."""
        return self._checked().documents

    @property
    def vectors(self) -> "VectorStore":
        """Return the vectors after the check of large files. Raises IndexCorrupt."""
        return self._checked().vectors

    @property
    def words(self) -> "LexicalStore":
        """Return the lexical index after the check of large files. Raises IndexCorrupt."""
        return self._checked().words

    @property
    def facts(self) -> Mapping[str, str] | None:
        """Return the facts about the server in a response, None if there is no server."""
        return self._parts.facts

    def selection(self, filters: Mapping[str, Any] | None) -> DocumentSelection:
        """Return the passages that pass a filter. Raises InvalidFilter."""
        all_conditions = conditions(filters)
        if not all_conditions:
            return DocumentSelection()
        self._checked()
        # 1 and 1.0 are equal but not the same condition; their texts tell them apart.
        return self._select(all_conditions, repr(all_conditions))

    def close(self) -> None:
        """Close the files."""
        self._parts.checks.close()
        self._parts.documents.close()

    def _checked(self) -> "VersionParts":
        self._parts.checks.require_whole()
        return self._parts

    def _require_same_size(self) -> None:
        documents, vectors, words = self._parts[:3]
        sizes = {
            "manifest": self.manifest.chunks, "documents": documents.counts()[1], "vectors": len(vectors),
            "words": len(words),
        }  # fmt: skip
        if len(set(sizes.values())) != 1:
            listed = ", ".join(f"{part} {size}" for part, size in sizes.items())
            raise IndexCorrupt(f"The parts of {self.path} disagree on their size: {listed}.", REPAIR)


def open_latest(
    engine: "IndexEngine", embedder: "Embedder | None", runtime: str, before: OpenedVersion | None = None,
    newest: bool = True,
) -> OpenedVersion:  # fmt: skip
    """Open the current version; return `before` itself if it is still the current one.

    The loaded embedder of `before` is used again if the weights are the same.
    """
    version = engine.latest(newest)
    while before is None or version.manifest != before.manifest:
        shared: Embedder | SharedEmbedder | None = embedder
        if before is not None and before.manifest.embedder == version.manifest.embedder:
            shared = before.embedder
        try:
            return OpenedVersion(engine.path, version, shared, runtime)
        except IndexCorrupt:
            # A writer that has committed twice since the manifest was read has removed the files it names.
            current = engine.latest(newest)
            if current.manifest == version.manifest:
                raise
            version = current
    return before


def _selection(store: "DocumentStore", all_conditions: tuple[Condition, ...], _text: str) -> DocumentSelection:
    rows = store.rows_of_keys(passing(all_conditions, store.fields))
    rows.flags.writeable = False  # every caller gets the same array
    return DocumentSelection(all_conditions, rows)
