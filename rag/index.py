"""Journey 1: files to an index that can be asked. Builds, adds, updates, removes, syncs, opens, checks, repairs."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rag.dense import FaissStore
from rag.embedding import SentenceTransformerEmbedder
from rag.errors import EmbedderMismatch, IndexCorrupt, IndexNotFound, InvalidSettings
from rag.generations import Manifest, commit, damages, described, partial_version, read_manifest, writing
from rag.ingest import IndexReport, Ingest, Progress
from rag.lexical import TantivyStore
from rag.loading import Source, discover
from rag.response import IndexInfo
from rag.settings import Settings
from rag.store import DocumentSummary, Store
from rag.types import Chunk, Document, Mask
from rag.writer import DOCUMENTS, VECTORS, WORDS, Writer, fingerprint, rebuild_derived

if TYPE_CHECKING:
    from rag.protocols import Embedder

PACKAGE_VERSION = "0.1.0"
Paths = str | Path | Iterable[str | Path]


class Index:
    """An opened version of an index. It keeps answering from that version while others write; see `refresh`."""

    def __init__(self, path: Path, manifest: Manifest, embedder: "Embedder | None") -> None:
        """Open the files of a version. Use `open`, `build` or `create`."""
        folder = path / manifest.folder
        self.path, self.manifest = path, manifest
        self.settings = Settings().updated(manifest.settings)
        self.report = IndexReport()
        self.store = Store(folder / DOCUMENTS)
        self.vectors = FaissStore.open(folder / VECTORS)
        self.words = TantivyStore(folder / WORDS, self.settings.stemmer)
        self._given_embedder = embedder
        self._require_agreement()

    @classmethod
    def open(cls, path: str | Path, embedder: "Embedder | None" = None) -> "Index":
        """Open the current version.

        Raises IndexNotFound, IndexCorrupt, IndexVersionMismatch; EmbedderMismatch where `embedder` is given and is
        not the one that the index was built with. The embedder is loaded at its first use.
        """
        path = Path(path)
        for _ in range(3):
            manifest = read_manifest(path)
            found = damages(path, manifest, wholly=False)
            if not found:
                return cls(path, manifest, embedder)
            if read_manifest(path).version == manifest.version:
                break
            # A writer has committed twice since the manifest was read, and dropped the version it named.
        raise IndexCorrupt(f"{found[0]}.", "Run `rag check --repair`; if that fails, build the index again.")

    @classmethod
    def build(
        cls,
        sources: Paths | Iterable[Document],
        path: str | Path,
        settings: Settings | None = None,
        progress: Callable[[Progress], None] | None = None,
        embedder: "Embedder | None" = None,
    ) -> "Index":
        """Make an index of exactly these sources; one that is there is replaced, all at once, at the end.

        `sources` are paths of files and folders, or Documents. `.report` of the result tells of every source.
        """
        settings = settings or Settings()
        work = _work(sources)
        embedder = embedder or SentenceTransformerEmbedder(settings.embedding_model)
        return _write(Path(path), None, embedder, settings, work, progress, gone=())

    def add(
        self, sources: Paths | Iterable[Document], progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Add sources, bring changed ones up to date, leave the rest; show the new version."""
        return self._rewrite(_work(sources), progress)

    def remove(self, document_id: str) -> IndexReport:
        """Drop one document; an id that is not held gives a report with nothing removed."""
        return self._rewrite([], None, gone=(document_id,))

    def sync(self, paths: Paths, progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Add and update like `add`, and drop documents whose file was below `paths` and is no longer there."""
        work = _work(paths)
        present = {item.document_id for item in work if isinstance(item, Source)}
        roots = [Path(path).resolve() for path in _as_paths(paths)]
        gone = [
            document
            for source, (location, _) in self.store.sources().items()
            if source not in present and any(Path(location).is_relative_to(root) for root in roots)
            for document in self.store.documents_of(source)
        ]
        return self._rewrite(work, progress, gone)

    def require(self, settings: Settings) -> None:
        """Raise where `settings` would shape the index otherwise than it was built."""
        held, wanted = self.settings.shaping(), settings.shaping()
        for name in held:
            if held[name] != wanted[name]:
                kind = EmbedderMismatch if name == "embedding_model" else InvalidSettings
                raise kind(
                    f"The index at {self.path} was built with {name}={held[name]!r}, not {wanted[name]!r}.",
                    "Leave the setting out, or build the index again: rag index PATH --rebuild",
                )

    def refresh(self) -> bool:
        """Show the current version, where another writer has made one since; tell whether there was one."""
        if read_manifest(self.path).version == self.manifest.version:
            return False
        self._show(Index.open(self.path, self._given_embedder))
        return True

    @cached_property
    def embedder(self) -> "Embedder":
        """Return the embedder that the index was built with.

        Raises EmbedderMismatch where its weights are not the same any more.
        """
        embedder = self._given_embedder or SentenceTransformerEmbedder(self.settings.embedding_model)
        if embedder.fingerprint != self.manifest.embedder["fingerprint"]:
            raise EmbedderMismatch(
                f"The index at {self.path} was built with {self.manifest.embedder['name']!r}, other weights than"
                f" {embedder.name!r}.",
                "Ask with the same model, or build the index again: rag index PATH --rebuild",
            )
        return embedder

    @property
    def fingerprint(self) -> str:
        """Return the hash of all that decides what the index finds."""
        return self.manifest.fingerprint

    @property
    def info(self) -> IndexInfo:
        """Return what a response says of the index."""
        manifest = self.manifest
        return IndexInfo(
            manifest.version, manifest.fingerprint, manifest.documents, manifest.chunks, manifest.embedder["name"]
        )

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

    def close(self) -> None:
        """Close the files."""
        self.store.close()

    def _rewrite(
        self, work: Sequence[Source | Document], progress: Callable[[Progress], None] | None, gone: Iterable[str] = ()
    ) -> IndexReport:
        written = _write(self.path, self, self.embedder, self.settings, work, progress, tuple(gone))
        self._show(written)
        return self.report

    def _show(self, other: "Index") -> None:
        self.close()
        self.__dict__.update(other.__dict__)

    def _require_agreement(self) -> None:
        counts = {self.manifest.chunks, self.store.counts()[1], len(self.vectors), len(self.words)}
        if len(counts) != 1:
            raise IndexCorrupt(
                f"The parts of {self.path} disagree on their size: {counts}.", "Run `rag check --repair`."
            )
        if self._given_embedder and self.vectors.dimension != self._given_embedder.dimension:
            raise EmbedderMismatch(
                f"The index at {self.path} holds vectors of {self.vectors.dimension} numbers, the embedder gives"
                f" {self._given_embedder.dimension}.",
                "Ask with the model that built it, or build the index again: rag index PATH --rebuild",
            )


def examine(path: str | Path) -> list[str]:
    """Return what is wrong with an index, one line each; empty where every file is what was written.

    Raises IndexNotFound, IndexVersionMismatch, and IndexCorrupt where not even the manifest can be trusted.
    """
    manifest = read_manifest(Path(path))
    found = damages(Path(path), manifest, wholly=True)
    if not found:
        index = Index(Path(path), manifest, None)
        found = index.store.problems()
        index.close()
    return found


def repair(path: str | Path, progress: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Make vectors and words anew from the document store where they are damaged; return what was wrong.

    Raises IndexCorrupt where the document store itself is damaged: only the sources can mend that.
    """
    path = Path(path)
    with writing(path):
        manifest = read_manifest(path)
        found = damages(path, manifest, wholly=True)
        if not found:
            return []
        base = path / manifest.folder
        if any(line.startswith(str(base / DOCUMENTS)) for line in found):
            raise IndexCorrupt(f"{found[0]}.", "The documents themselves are damaged: rag index PATH --rebuild")
        settings = Settings().updated(manifest.settings)
        embedder = SentenceTransformerEmbedder(settings.embedding_model)
        with partial_version(path, manifest.version + 1) as folder:
            rebuild_derived(folder, base, embedder, settings, progress)
            _commit(path, folder, manifest.version + 1, embedder, settings)
        return found


def _work(sources: Paths | Iterable[Document]) -> list[Source | Document]:
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [item for item in given if not isinstance(item, Document)]
    documents: list[Source | Document] = [item for item in given if isinstance(item, Document)]
    return [*(discover(paths) if paths else []), *documents]


def _as_paths(paths: Paths) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


def _write(
    path: Path,
    base: Index | None,
    embedder: "Embedder",
    settings: Settings,
    work: Sequence[Source | Document],
    progress: Callable[[Progress], None] | None,
    gone: Sequence[str],
) -> Index:
    with writing(path):
        try:
            current = read_manifest(path).version
        except (IndexNotFound, IndexCorrupt):
            current = 0
        if base is not None and current != base.manifest.version:
            base.refresh()
        with partial_version(path, current + 1) as folder:
            writer = Writer(folder, path / base.manifest.folder if base else None, embedder, settings)
            report = Ingest(writer, progress).run(work, gone)
            if base is None or report.added or report.updated or report.removed:
                writer.finish()
                _commit(path, folder, current + 1, embedder, settings)
    index = Index.open(path, embedder)
    index.report = report
    return index


def _commit(path: Path, folder: Path, version: int, embedder: "Embedder", settings: Settings) -> None:
    store = Store(folder / DOCUMENTS)
    documents, chunks = store.counts()
    manifest = Manifest(
        version=version,
        fingerprint=fingerprint(store, embedder, settings),
        embedder={"name": embedder.name, "fingerprint": embedder.fingerprint, "dimension": embedder.dimension},
        settings=settings.shaping(),
        documents=documents,
        chunks=chunks,
        files=described(folder),
        package=PACKAGE_VERSION,
    )
    store.close()
    commit(path, folder, manifest)
