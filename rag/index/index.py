"""Journey 1: files to an index that can be asked. Builds, adds, updates, removes, syncs, opens.

What only a write needs is imported when something is written: a question is answered sooner without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.core.errors import EmbedderMismatch, IndexCorrupt, InvalidSettings
from rag.core.reports import IndexReport, Progress
from rag.core.response import IndexInfo
from rag.core.settings import SHAPING, Settings
from rag.core.types import Chunk, Document, DocumentSummary, Mask, Value
from rag.embedding.embedder import open_embedder
from rag.index.filters import Chosen, Condition, conditions, counts, passing
from rag.index.milvus.address import is_address
from rag.index.storage.documents import Store
from rag.index.storage.integrity import LargeFiles, damages
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.manifest import DOCUMENTS, WORDS, Manifest, read_manifest
from rag.index.storage.quantised_vectors import open_vectors
from rag.index.storage.remedies import BUILD_AGAIN, REPAIR, REPAIR_OR_BUILD
from rag.index.storage.sentence_vectors import unpacked
from rag.index.writing.commit import writing
from rag.index.writing.near_duplicates import groups

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, Floats2d, LexicalStore, VectorStore
    from rag.index.milvus.engine import Engine
    from rag.index.writing.build import Job
    from rag.index.writing.sources import Paths

KEPT_FILTERS = 8  # asked last, of which the passages that they leave are remembered


class Index:
    """An opened version of an index. It keeps answering from that version while others write; see `refresh`."""

    def __init__(
        self, path: Path, manifest: Manifest, embedder: "Embedder | None", runtime: str = "auto",
        engine: "Engine | None" = None,
    ) -> None:  # fmt: skip
        """Open the files of a version, or what an `engine` holds in their place. Use `open` or `build`."""
        folder = path / manifest.folder
        self.path, self.manifest = path, manifest
        self.settings = Settings(embedding_runtime=runtime).updated(manifest.settings)
        self.report = IndexReport()
        self._given_embedder = self._embedder = embedder
        self._large_files = LargeFiles(path, manifest)
        self._engine = engine
        self._store: DocumentStore
        self._vectors: VectorStore
        self._words: LexicalStore
        if engine is not None:
            self._store, self._vectors, self._words = engine.parts(manifest, self.settings.stemmer)
        else:
            self._store = Store(folder / DOCUMENTS)
            self._vectors = open_vectors(folder)
            self._words = TantivyStore.open(folder / WORDS, self.settings.stemmer)
        self._chosen = lru_cache(maxsize=KEPT_FILTERS)(partial(_chosen, self._store))
        self._require_agreement()

    @classmethod
    def open(cls, path: str | Path, embedder: "Embedder | None" = None, runtime: str = "auto") -> "Index":
        """Open the current version.

        Files of up to 64 MB are checked against their hash now, larger ones at the first use of `store`, `vectors` or
        `words`, which raise IndexCorrupt then: nothing is answered from a file that is not what was written.

        Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch; EmbedderMismatch where `embedder` is given and is
        not the one that the index was built with. The embedder is loaded at its first use, to run by `runtime`
        (the setting `embedding_runtime`). `path` may be the address of an index on a server
        (`rag.index.milvus.address`).
        """
        engine = _engine(path)
        if engine is not None:
            return cls(Path(engine.address.shown), engine.manifest(), embedder, runtime, engine)
        path = Path(path)
        while True:
            manifest = read_manifest(path)
            try:
                return cls._sound(path, manifest, embedder, runtime)
            except IndexCorrupt:
                # Unless a writer has committed twice since the manifest was read, and dropped the version it named.
                if read_manifest(path) == manifest:
                    raise

    @classmethod
    def _sound(cls, path: Path, manifest: Manifest, embedder: "Embedder | None", runtime: str) -> "Index":
        found = damages(path, manifest, wholly=False)
        if found:
            raise IndexCorrupt(f"{found[0]}.", REPAIR_OR_BUILD)
        return cls(path, manifest, embedder, runtime)

    @classmethod
    def build(
        cls,
        sources: "Paths | Iterable[str | Path | Document]",
        path: str | Path,
        settings: Settings | None = None,
        progress: Callable[[Progress], None] | None = None,
        embedder: "Embedder | None" = None,
    ) -> "Index":
        """Make an index of exactly these sources; one that is there is replaced, all at once, at the end.

        `sources` are paths of files and folders, or Documents, which are gathered before the first is taken: of more
        than memory holds write a JSON Lines file, that is read line by line. `.report` tells of every source.
        Raises SourceNotFound where there are sources but none gives a document; the index then stays as it was.
        """
        from rag.index.writing.build import Job, as_work, write

        engine, settings = _engine(path), settings or Settings()
        work = as_work(sources, Path(path))
        embedder = embedder or open_embedder(settings)
        if engine is not None:
            with engine.writing() as claim:
                report = engine.write(None, lambda: embedder, settings, Job(work, progress), claim)
        else:
            with writing(Path(path)):
                report = write(Path(path), None, lambda: embedder, settings, Job(work, progress))
        index = cls.open(path, embedder, settings.embedding_runtime)
        index.report = report
        return index

    def add(
        self, sources: "Paths | Iterable[str | Path | Document]", progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Add sources, bring changed ones up to date, leave the rest; show the new version.

        Of the rest only masks and chunks may change: a block is masked as `repeated` in all documents or in none by
        what the index holds then (`rag.index.writing.repeated_blocks`). The same goes for `remove` and `sync`; the
        report does not tell.
        """
        from rag.index.writing.build import Job, as_work

        return self._rewrite(Job(as_work(sources, self.path), progress))

    def remove(self, document_id: str) -> IndexReport:
        """Drop one document; an id that is not held gives a report with nothing removed."""
        from rag.index.writing.build import Job

        return self._rewrite(Job([], None, lambda store: [document_id]))

    def sync(self, paths: "Paths", progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Add and update like `add`, and drop documents whose file was below `paths` and is no longer there."""
        from rag.index.writing.build import Job, as_work, documents_gone

        given = [paths] if isinstance(paths, str | Path) else list(paths)
        work = as_work(given, self.path)
        return self._rewrite(Job(work, progress, lambda store: documents_gone(store, given, work)))

    def plan(self, sources: "Paths | Iterable[str | Path | Document]", sync: bool = False) -> IndexReport:
        """Return what `add`, or `sync`, would do now, by source; nothing is written and no document is read."""
        from rag.index.writing.build import as_work, documents_gone
        from rag.index.writing.plan import plan, planned

        given = [sources] if isinstance(sources, str | Path) else list(sources)
        work, paths = as_work(given, self.path), [item for item in given if not isinstance(item, Document)]
        if self._engine is not None:
            return planned(work, self.store, documents_gone(self.store, paths, work) if sync else [])
        return plan(self.path, work, lambda store: documents_gone(store, paths, work) if sync else [])

    def require(self, settings: Settings) -> None:
        """Raise where `settings` would shape the index otherwise than it was built."""
        for name in (*SHAPING, "vector_index"):
            held, wanted = getattr(self.settings, name), getattr(settings, name)
            if held != wanted:
                kind = EmbedderMismatch if name == "embedding_model" else InvalidSettings
                raise kind(
                    f"The index at {self.path} was built with {name}={held!r}, not {wanted!r}.",
                    "Leave the setting out, or build the index again: rag index PATH --rebuild",
                )

    def refresh(self) -> bool:
        """Show the current version, where another writer has made one since; tell whether there was one."""
        return self._refresh(newest=False)

    def _refresh(self, newest: bool) -> bool:
        """Refresh; with `newest` a server is asked for what is committed now, which takes longer."""
        manifest = read_manifest(self.path) if self._engine is None else self._engine.manifest(newest)
        if manifest == self.manifest:
            return False
        given, runtime = self._given_embedder, self.settings.embedding_runtime
        engine = self._engine
        current = (
            Index(self.path, manifest, given, runtime, engine) if engine else Index.open(self.path, given, runtime)
        )
        if current.manifest.embedder == self.manifest.embedder:
            current._embedder = self._embedder
        self.__dict__.update(current.__dict__)
        return True

    @property
    def store(self) -> "DocumentStore":
        """Return the document store, once every file is known to be what was written. Raises IndexCorrupt."""
        self._large_files.require_whole()
        return self._store

    @property
    def vectors(self) -> "VectorStore":
        """Return the vectors, likewise."""
        self._large_files.require_whole()
        return self._vectors

    @property
    def words(self) -> "LexicalStore":
        """Return the lexical index, likewise."""
        self._large_files.require_whole()
        return self._words

    @property
    def embedder(self) -> "Embedder":
        """Return the embedder that the index was built with, loaded at its first use.

        Raises EmbedderMismatch where its weights are not the same any more.
        """
        if self._embedder is None:
            embedder = open_embedder(self.settings)
            self._require_embedder(embedder)
            self._embedder = embedder
        return self._embedder

    @property
    def fingerprint(self) -> str:
        """Return the hash of all that decides what the index finds."""
        return self.manifest.fingerprint

    @property
    def info(self) -> IndexInfo:
        """Return what a response says of the index."""
        manifest = self.manifest
        return IndexInfo(
            manifest.version, manifest.fingerprint, manifest.documents, manifest.chunks, manifest.embedder["name"],
            None if self._engine is None else self._engine.said,
        )  # fmt: skip

    def documents(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        return self.store.summaries()

    def document(self, document_id: str) -> Document | None:
        """Return a document, None where it is not held."""
        return self.store.document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return what is masked in a document, in order."""
        return self.store.masks(document_id)

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document, in order of place."""
        return self.store.chunks(self.store.rows_of(document_id))

    def chosen(self, filters: Mapping[str, Any] | None) -> Chosen:
        """Return the passages that a filter (`rag.index.filters`) leaves. Raises InvalidFilter."""
        wanted = conditions(filters)
        if not wanted:
            return Chosen()
        self._large_files.require_whole()
        return self._chosen(wanted, repr(wanted))

    def facets(self, keys: Sequence[str]) -> dict[str, dict[Value, int]]:
        """Return for each key, as in a filter, how many documents have each value, most first. Raises InvalidFilter."""
        return counts(self.store.fields, keys)

    def duplicates(self) -> list[tuple[str, ...]]:
        """Return the groups of documents whose texts are the same to the letter, in order of id."""
        same: dict[str, list[str]] = {}
        for document_id, sha256 in self.store.hashes():
            same.setdefault(sha256, []).append(document_id)
        return [tuple(group) for group in same.values() if len(group) > 1]

    def near_duplicates(self) -> list[tuple[str, ...]]:
        """Return groups of documents that are much like their first, the newest (`rag.index.writing.near_duplicates`).

        Of documents that are the same to the letter only the newest is named.
        """
        return groups(self.store.overlaps.sketches())

    def sentence_vectors(self, rows: Sequence[int]) -> "list[Floats2d]":
        """Return the vectors of the sentences of each row's chunk, float32 (sentences, dimension), in order.

        Raises IndexCorrupt where they are not what was stored.
        """
        found = self.store.sentence_vectors(rows)
        missing = [row for row in rows if row not in found]
        if missing:
            what = f"The document store lacks the sentence vectors of passage {missing[0]}."
            raise IndexCorrupt(what, BUILD_AGAIN)
        return [unpacked(found[row], self.vectors.dimension) for row in rows]

    def close(self) -> None:
        """Close the files."""
        self._large_files.close()
        self._store.close()

    def _rewrite(self, job: "Job") -> IndexReport:
        from rag.index.writing.build import write

        if self._engine is not None:
            with self._engine.writing() as claim:
                self._refresh(newest=True)
                report = self._engine.write(self.manifest, lambda: self.embedder, self.settings, job, claim)
        else:
            with writing(self.path):
                # Under the lock nobody else commits: what is shown now is what the next version is made from.
                self.refresh()
                report = write(self.path, self.manifest, lambda: self.embedder, self.settings, job)
        self.refresh()
        self.report = report
        return report

    def _require_agreement(self) -> None:
        held = self.manifest.chunks, self._store.counts()[1], len(self._vectors), len(self._words)
        sizes = dict(zip(("manifest", "documents", "vectors", "words"), held, strict=True))
        if len(set(sizes.values())) != 1:
            listed = ", ".join(f"{part} {size}" for part, size in sizes.items())
            what = f"The parts of {self.path} disagree on their size: {listed}."
            raise IndexCorrupt(what, REPAIR)
        if self._given_embedder is not None:
            self._require_embedder(self._given_embedder)

    def _require_embedder(self, embedder: "Embedder") -> None:
        if embedder.fingerprint != self.manifest.embedder["fingerprint"]:
            raise EmbedderMismatch(
                f"The index at {self.path} was built with {self.manifest.embedder['name']!r}, whose weights are not"
                f" those of {embedder.name!r} here.",
                "Ask with the same model, or build the index again: rag index PATH --rebuild",
            )


def _chosen(store: "DocumentStore", wanted: tuple[Condition, ...], told: str) -> Chosen:
    """Return what a filter leaves; `told` tells 1 from 1.0, which are equal, where it is remembered."""
    rows = store.rows_of_keys(passing(wanted, store.fields))
    rows.flags.writeable = False  # it is handed out again
    return Chosen(wanted, rows)


def _engine(path: str | Path) -> "Engine | None":
    """Return what holds the index at an address, None for a folder: its client is met only where it is asked for."""
    if is_address(path):
        from rag.index.milvus.engine import Engine

        return Engine(path)
    return None
