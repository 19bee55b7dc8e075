"""Journey 1: files to an index that can be asked. Builds, adds, updates, removes, syncs, opens.

Modules for writing are imported when a write begins, so that a question is answered sooner.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rag.core.errors import EmbedderMismatch, IndexCorrupt, InvalidSettings
from rag.core.reports import IndexReport, Progress
from rag.core.response import IndexInfo
from rag.core.settings import INDEX_SETTINGS, OPTIONAL_INDEX_SETTINGS, Settings
from rag.core.types import Chunk, Document, DocumentSummary, Mask, Value
from rag.embedding.embedder import open_embedder
from rag.index.filters import DocumentSelection, counts
from rag.index.location import engine_at
from rag.index.opened import OpenedVersion, open_latest
from rag.index.storage.manifest import Manifest
from rag.index.storage.remedies import BUILD_AGAIN
from rag.index.storage.sentence_vectors import unpacked

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, Floats2d, LexicalStore, VectorStore
    from rag.index.engine import IndexEngine
    from rag.index.writing.build import WriteRequest
    from rag.index.writing.sources import Paths

log = logging.getLogger(__name__)


class Index:
    """An index at one of its versions. It answers from that version while others write; see `refresh`."""

    def __init__(
        self,
        engine: "IndexEngine",
        version: OpenedVersion,
        embedder: "Embedder | None" = None,
        isolated_reading: bool = True,
    ) -> None:
        """Show `version`. Use `open` or `build`."""
        self.report = IndexReport()
        self._engine, self._own_embedder = engine, embedder
        self._isolated_reading = isolated_reading
        # The only thing that changes: one reference, replaced by `refresh`.
        self._version = version
        self._refreshing = Lock()

    @classmethod
    def open(
        cls,
        path: str | Path,
        embedder: "Embedder | None" = None,
        runtime: str = "auto",
        isolated_reading: bool = True,
    ) -> "Index":
        """Open the current version.

        Files of up to 64 MB are checked against their hash now. Larger ones are checked at the first use of `store`,
        `vectors` or `words`, which then raise IndexCorrupt: nothing is answered from a file that has changed.

        Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch; EmbedderMismatch if `embedder` is not the one that
        the index was built with. The embedder is loaded at its first use, to run by `runtime` (the setting
        `embedding_runtime`); `isolated_reading` is the setting of that name. `path` may be the address of
        an index on a server (`rag.index.milvus.address`).
        """
        engine = engine_at(path)
        return cls(engine, open_latest(engine, embedder, runtime), embedder, isolated_reading)

    @classmethod
    def build(
        cls,
        sources: "Paths | Iterable[str | Path | Document]",
        path: str | Path,
        settings: Settings | None = None,
        progress: Callable[[Progress], None] | None = None,
        embedder: "Embedder | None" = None,
    ) -> "Index":
        """Build an index of exactly these sources. An existing index is replaced by one step at the end.

        `sources` are paths of files and folders, or Documents. All are listed before the first is read. If Documents do
        not fit in memory, write them to a JSON Lines file, which is read line by line. `.report` lists every source.
        Raises SourceNotFound if there are sources but none gives a document; an existing index then stays.
        """
        from rag.index.writing.build import WriteRequest, as_work

        engine, settings = engine_at(path), settings or Settings()
        work = as_work(sources, Path(path))
        embedder = embedder or open_embedder(settings)
        with engine.writing() as write:
            report = write(None, lambda: embedder, settings, WriteRequest(work, progress))
        index = cls.open(path, embedder, settings.embedding_runtime, settings.isolated_reading)
        index.report = report
        index._log_commit()
        return index

    def add(
        self, sources: "Paths | Iterable[str | Path | Document]", progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Add new sources and update changed ones. The index then shows the new version.

        Only the masks and chunks of other documents may change, because a block is masked as `repeated` in all
        documents or in none (`rag.index.writing.repeated_blocks`). The same holds for `remove` and `sync`. The
        report does not list these documents.
        """
        from rag.index.writing.build import WriteRequest, as_work

        return self._rewrite(WriteRequest(as_work(sources, self.path), progress))

    def remove(self, document_id: str) -> IndexReport:
        """Remove one document. If it is not stored, the report lists nothing as removed."""
        from rag.index.writing.build import WriteRequest

        return self._rewrite(WriteRequest([], None, lambda store: [document_id]))

    def sync(self, paths: "Paths", progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Add and update like `add`, and remove documents whose file was below `paths` and no longer exists."""
        from rag.index.writing.build import WriteRequest, as_work, missing_documents

        roots = [paths] if isinstance(paths, str | Path) else list(paths)
        work = as_work(roots, self.path)
        return self._rewrite(WriteRequest(work, progress, lambda store: missing_documents(store, roots, work)))

    def plan(self, sources: "Paths | Iterable[str | Path | Document]", sync: bool = False) -> IndexReport:
        """Return the report that `add`, or `sync`, would give now. Nothing is written and no document is read."""
        from rag.index.writing.build import as_work, missing_documents
        from rag.index.writing.plan import planned

        items = [sources] if isinstance(sources, str | Path) else list(sources)
        work, paths = as_work(items, self.path), [item for item in items if not isinstance(item, Document)]
        if not self._engine.exists():
            return planned(work, None, ())
        with closing(self._engine.latest().documents()) as store:
            return planned(work, store, missing_documents(store, paths, work) if sync else ())

    def require(self, settings: Settings) -> None:
        """Raise EmbedderMismatch or InvalidSettings if the index was built with other settings that shape it."""
        for name in (*INDEX_SETTINGS, *OPTIONAL_INDEX_SETTINGS):
            own, other = getattr(self.settings, name), getattr(settings, name)
            if own != other:
                kind = EmbedderMismatch if name == "embedding_model" else InvalidSettings
                raise kind(
                    f"The index at {self.path} was built with {name}={own!r}, not {other!r}.",
                    "Leave the setting out, or build the index again: rag index PATH --rebuild",
                )

    def refresh(self) -> bool:
        """Show the current version if another writer has committed one since; tell whether it has."""
        return self._refresh(newest=False)

    def _refresh(self, newest: bool) -> bool:
        """Refresh; with `newest` a server is asked for its last commit, which takes longer."""
        with self._refreshing:
            before = self._version
            runtime = before.settings.embedding_runtime
            self._version = open_latest(self._engine, self._own_embedder, runtime, before, newest)
            return self._version is not before

    def snapshot(self) -> "Index":
        """Return an index that shows the version that this one shows now, and stays at it when this one goes on."""
        return Index(self._engine, self._version, self._own_embedder, self._isolated_reading)

    def shows_version_of(self, other: "Index") -> bool:
        """Tell whether both show the same opened version."""
        return self._version is other._version

    @property
    def path(self) -> Path:
        """Return the folder, or the address of an index on a server."""
        return self._engine.path

    @property
    def manifest(self) -> Manifest:
        """Return the manifest of the version."""
        return self._version.manifest

    @property
    def settings(self) -> Settings:
        """Return the settings that the version was built with."""
        return self._version.settings

    @property
    def store(self) -> "DocumentStore":
        """Return the documents. Raises IndexCorrupt if a large file has changed since it was written."""
        return self._version.documents

    @property
    def vectors(self) -> "VectorStore":
        """Return the vectors. Raises IndexCorrupt if a large file has changed since it was written."""
        return self._version.vectors

    @property
    def words(self) -> "LexicalStore":
        """Return the lexical index. Raises IndexCorrupt if a large file has changed since it was written."""
        return self._version.words

    @property
    def embedder(self) -> "Embedder":
        """Return the embedder that the index was built with, loaded at its first use.

        Raises EmbedderMismatch if its weights have changed since.
        """
        return self._version.embedder()

    @property
    def fingerprint(self) -> str:
        """Return the hash of documents, weights and settings, which decide the results of a search."""
        return self.manifest.fingerprint

    @property
    def info(self) -> IndexInfo:
        """Return the facts about the index that a response contains."""
        version = self._version
        manifest = version.manifest
        return IndexInfo(
            manifest.version, manifest.fingerprint, manifest.documents, manifest.chunks, manifest.embedder["name"],
            version.facts,
        )  # fmt: skip

    def documents(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        return self.store.summaries()

    def document(self, document_id: str) -> Document | None:
        """Return a document, None if it is not stored."""
        return self.store.document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document, in order."""
        return self.store.masks(document_id)

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document, in order of their start."""
        store = self.store
        return store.chunks(store.rows_of(document_id))

    def selection(self, filters: Mapping[str, Any] | None) -> DocumentSelection:
        """Return the passages that pass a filter (`rag.index.filters`). Raises InvalidFilter."""
        return self._version.selection(filters)

    def facets(self, keys: Sequence[str]) -> dict[str, dict[Value, int]]:
        """Return the number of documents of each value of these keys, highest first. Raises InvalidFilter."""
        return counts(self.store.fields, keys)

    def duplicates(self) -> list[tuple[str, ...]]:
        """Return the groups of documents with equal texts, in order of id."""
        ids_by_hash: dict[str, list[str]] = {}
        for document_id, sha256 in self.store.hashes():
            ids_by_hash.setdefault(sha256, []).append(document_id)
        return [tuple(group) for group in ids_by_hash.values() if len(group) > 1]

    def near_duplicates(self) -> list[tuple[str, ...]]:
        """Return groups of documents that are similar to their first, the newest (`rag.index.writing.near_duplicates`).

        If texts are equal, only the newest document is listed.
        """
        from rag.index.writing.near_duplicates import groups

        return groups(self.store.overlaps.sketches())

    def sentence_vectors(self, rows: Sequence[int]) -> "list[Floats2d]":
        """Return the sentence vectors of each row's chunk, float32 (sentences, dimension), in order of `rows`.

        Raises IndexCorrupt if they are missing or damaged.
        """
        version = self._version
        vectors = version.documents.sentence_vectors(rows)
        for row in rows:
            if row not in vectors:
                raise IndexCorrupt(f"The document store lacks the sentence vectors of passage {row}.", BUILD_AGAIN)
        return [unpacked(vectors[row], version.vectors.dimension) for row in rows]

    def close(self) -> None:
        """Close the files."""
        self._version.close()

    def __enter__(self) -> Self:
        """Return the index itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        self.close()

    def _rewrite(self, request: "WriteRequest") -> IndexReport:
        with self._engine.writing() as write:
            # Nobody else commits under the lock: the next version is made from the one that is shown now.
            self._refresh(newest=True)
            version = self._version
            settings = replace(version.settings, isolated_reading=self._isolated_reading)
            report = write(version.manifest, version.embedder, settings, request)
        self.refresh()
        self.report = report
        self._log_commit()
        return report

    def _log_commit(self) -> None:
        info = self.info
        log.info("%s: version %d, %d documents, %d passages", self.path, info.version, info.documents, info.chunks)
        for source, reason in self.report.failed:
            log.info("%s: %s was not read: %s", self.path, source, reason)
