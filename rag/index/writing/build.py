"""Writes the next version of an index: takes the sources, and commits what came of them."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexCorrupt, SourceNotFound
from rag.core.reports import IndexReport, Progress
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import Manifest
from rag.index.storage.quantised_vectors import BASE, SEARCH_FACTS
from rag.index.writing.commit import commit, is_linked, next_version, partial_version
from rag.index.writing.embedding_cache import drop_unfinished
from rag.index.writing.ingest import Ingest
from rag.index.writing.sources import as_work, documents_gone
from rag.index.writing.writer import Writer, manifest_of, weights_of
from rag.loading import Source

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore, Embedder

__all__ = ["Job", "as_work", "documents_gone", "write"]


@dataclass(frozen=True)
class Job:
    """What a write is to do: take `work`, and drop what `gone` finds in the store of the last commit."""

    work: Sequence[Source | Document]
    progress: Callable[[Progress], None] | None
    gone: "Callable[[DocumentStore], Sequence[str]]" = lambda store: ()


def write(
    path: Path, base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, job: Job
) -> IndexReport:
    """Commit the next version, unless nothing changed since `base`. Call it under the writer's lock."""
    version = next_version(path)
    with partial_version(path, version) as folder:
        with closing(Writer(folder, path / base.folder if base else None, embedder, settings)) as writer:
            report, changed = take(writer, base is None, settings, job)
            if not changed:
                return report
            if base is not None:
                _require_whole(path, base, [name for name in base.files if not _may_be_linked(base, name)])
            report = replace(report, notes=(*report.notes, *writer.finish()))
            if base is not None:
                copied = [name for name in base.files if _may_be_linked(base, name)]
                _require_whole(path, base, [name for name in copied if not is_linked(path, base, name, folder)])
        weights = base.embedder if base else weights_of(embedder())
        commit(path, folder, manifest_of(folder, version, weights, settings, base))
        drop_unfinished(path)
    return report


def take(writer: Writer, fresh: bool, settings: Settings, job: Job) -> tuple[IndexReport, bool]:
    """Let the writer take what a job is to do; return the report, and whether there is anything to commit.

    A `fresh` index is committed in any case. Raises SourceNotFound where no source of one gave a document.
    """
    ingest = Ingest(writer, job.progress, settings)
    report = ingest.run(job.work, job.gone(writer.store))
    if fresh:
        _require_document(job.work, report)
    return report, fresh or ingest.changed


def _require_document(work: Sequence[Source | Document], report: IndexReport) -> None:
    # An index of nothing in place of one that answers would lose more than the command that failed.
    if work and not report.added:
        first = "".join(f" The first, {source}: {reason}" for source, reason in report.failed[:1])
        raise SourceNotFound(f"No source gave a document.{first}", "Give files that hold text.")


def _may_be_linked(base: Manifest, name: str) -> bool:
    """Tell whether the next version may have a link to a file, which keeps its hash, in place of something new."""
    return name in BASE and SEARCH_FACTS in base.files


def _require_whole(path: Path, base: Manifest, names: Sequence[str]) -> None:
    # Opening trusts the size of large files; what is copied from one must not get a fresh hash with its damage.
    found = file_faults(path, replace(base, files={name: base.files[name] for name in names}), wholly=True)
    if found:
        raise IndexCorrupt(f"{found[0]}.", "Run `rag check --repair`, then run the command again.")
