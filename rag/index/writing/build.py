"""Writes the next version of an index from a list of sources, and commits it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.core.errors import IndexCorrupt, SourceNotFound
from rag.core.reports import IndexReport, Progress
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import Manifest
from rag.index.storage.quantised_vectors import BASE, SEARCH_FACTS
from rag.index.writing.commit import commit, is_linked, next_version, partial_version
from rag.index.writing.embedding_cache import TextVectors, drop_embedding_cache
from rag.index.writing.ingest import Ingest
from rag.index.writing.sources import as_work, missing_documents
from rag.index.writing.writer import Writer, embedder_record, manifest_of
from rag.loading import Source

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder, VectorStore

__all__ = ["WriteRequest", "as_work", "missing_documents", "write_to_folder"]


@dataclass(frozen=True)
class WriteRequest:
    """The task of a write: index `work`, and remove the documents that `removals` returns for the last commit."""

    work: Sequence[Source | Document]
    progress: Callable[[Progress], None] | None
    removals: "Callable[[DocumentStore], Sequence[str]]" = lambda store: ()
    copied: "tuple[DocumentStore, VectorStore] | None" = None
    """If they are given, the new index is a copy of these instead, and nothing is embedded."""


def write_to_folder(
    path: Path, base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, request: WriteRequest
) -> IndexReport:
    """Commit the next version, unless nothing changed since `base`. Call it under the writer's lock."""
    version = next_version(path)
    with partial_version(path, version) as folder:
        with closing(Writer(folder, path / base.folder if base else None, embedder, settings)) as writer:
            report, must_commit = apply(writer, base is None, settings, request)
            if not must_commit:
                return report
            if base is not None:
                _require_intact(path, base, [name for name in base.files if not _may_be_linked(base, name)])
            report = replace(report, notes=(*report.notes, *writer.finish()))
            if base is not None:
                linkable = [name for name in base.files if _may_be_linked(base, name)]
                _require_intact(path, base, [name for name in linkable if not is_linked(path, base, name, folder)])
        weights = base.embedder if base else embedder_record(embedder())
        commit(path, folder, manifest_of(folder, version, weights, settings, base))
        drop_embedding_cache(path)
    return report


def apply(writer: Writer, is_new: bool, settings: Settings, request: WriteRequest) -> tuple[IndexReport, bool]:
    """Hand the sources of a request to the writer. Return the report, and whether to commit.

    A new index is always committed. Raises SourceNotFound if it is new and no source gives a document.
    """
    if request.copied is not None:
        return _copied(writer, *request.copied), True
    ingest = Ingest(writer, request.progress, settings)
    report = ingest.run(request.work, request.removals(writer.store))
    if is_new:
        _require_document(request.work, report)
    return report, is_new or ingest.has_changes


def _copied(writer: Writer, store: "DocumentStore", stored_vectors: "VectorStore") -> IndexReport:
    """Copy all documents in the order of their passages, because equal scores are ordered by it."""
    rows_of = {document_id: store.rows_of(document_id) for document_id, _ in store.hashes()}
    ordered = sorted(rows_of, key=lambda document_id: (rows_of[document_id][:1] or [-1], document_id))
    for document_id in ordered:
        document, rows = store.document(document_id), rows_of[document_id]
        assert document is not None
        sentences = store.sentence_vectors(rows)
        vectors = [
            TextVectors(vector, sentences[row])
            for row, vector in zip(rows, stored_vectors.get(np.array(rows, np.int64)), strict=True)
        ]
        writer.copy(document, store.source_of(document_id), store.masks(document_id), store.chunks(rows), vectors)
    for source, (path, sha256) in store.sources().items():
        writer.store.put_source(source, path, sha256)
    writer.store.overlaps.put_shared_blocks(store.overlaps.shared_blocks())
    return IndexReport(added=tuple(sorted(rows_of)))


def _require_document(work: Sequence[Source | Document], report: IndexReport) -> None:
    # Replacing a working index by an empty one would lose more than a failed command.
    if work and not report.added:
        first = "".join(f" The first, {source}: {reason}" for source, reason in report.failed[:1])
        raise SourceNotFound(f"No source gave a document.{first}", "Give files that hold text.")


def _may_be_linked(base: Manifest, name: str) -> bool:
    """Tell whether the next version may link to a file of `base`, whose hash it then keeps."""
    return name in BASE and SEARCH_FACTS in base.files


def _require_intact(path: Path, base: Manifest, names: Sequence[str]) -> None:
    # Opening checks only the ends of large files. A damaged copy must not get a new hash that fits the damage.
    faults = file_faults(path, replace(base, files={name: base.files[name] for name in names}), wholly=True)
    if faults:
        raise IndexCorrupt(f"{faults[0]}.", "Run `rag check --repair`, then run the command again.")
