"""Finds the faults of an index on disk, and rebuilds vectors and words from its documents."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexCorrupt
from rag.core.files.hashed_json import hashed_content
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.folder import FolderVersion
from rag.index.index import Index
from rag.index.location import folder_of, require_folder
from rag.index.opened import OpenedVersion
from rag.index.storage.documents import Store
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import DOCUMENTS, RECORD_REMEDIES, Manifest, read_manifest
from rag.index.writing.commit import commit, next_version, partial_version, writing

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


def examine(path: str | Path) -> list[str]:
    """Return the faults of an index, one line each; empty if all files are intact.

    Raises IndexNotFound, IndexVersionMismatch, and IndexCorrupt if the manifest itself is damaged.
    """
    folder = folder_of(path)
    if folder is None:
        return Index.open(path).store.problems()
    return [
        *_faults(folder, read_manifest(folder)),
        *(fault for name in RECORD_REMEDIES for fault in _record_faults(folder, name)),
    ]


def _faults(path: Path, manifest: Manifest) -> list[str]:
    faults = file_faults(path, manifest, wholly=True)
    if faults:
        return [*faults, *_document_faults(path / manifest.folder / DOCUMENTS, faults)]
    try:
        OpenedVersion(path, FolderVersion(path, manifest)).close()
    except IndexCorrupt as error:
        return [error.message.rstrip(".")]
    store = Store(path / manifest.folder / DOCUMENTS)
    faults = store.problems()
    store.close()
    return faults


def _record_faults(path: Path, name: str) -> list[str]:
    file = path / name
    try:
        hashed_content(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"{file} is damaged: {error}"]
    return []


def _document_faults(documents: Path, faults: Sequence[str]) -> list[str]:
    """Return the faults of a damaged document store, by document if SQLite can still read them."""
    if not documents.is_file() or not any(line.startswith(str(documents)) for line in faults):
        return []
    try:
        store = Store(documents)
    except IndexCorrupt as error:
        return [error.message.rstrip(".")]
    lines = store.problems()
    store.close()
    return [line.rstrip(".") for line in lines]


def repair(
    path: str | Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    embedder: "Embedder | None" = None,
) -> list[str]:
    """Rebuild damaged vectors and words from the document store. Return what was wrong, one line each.

    A damaged `calibration.json` or `standing.json` is renamed: `.damaged` is added to its name.

    Raises IndexCorrupt if the document store itself is damaged, because only the sources can restore it.
    """
    from rag.index.writing.rebuild import rebuild_derived
    from rag.index.writing.writer import embedder_record, manifest_of

    path = require_folder(path, "rag check --repair")
    with writing(path):
        manifest = read_manifest(path)
        record_faults = _set_aside(path)
        faults = _faults(path, manifest)
        if not faults:
            return record_faults
        base, version = path / manifest.folder, next_version(path)
        documents = replace(manifest, files={DOCUMENTS: manifest.files[DOCUMENTS]})
        document_faults = file_faults(path, documents, wholly=True)
        if document_faults:
            raise IndexCorrupt(f"{document_faults[0]}.", "Only the sources can mend that: rag index PATH --rebuild")
        settings = Settings().updated(manifest.settings)
        embedder = embedder or open_embedder(settings)
        with partial_version(path, version) as folder:
            rebuild_derived(folder, base, embedder, settings, progress)
            commit(path, folder, manifest_of(folder, version, embedder_record(embedder), settings))
        return [*faults, *record_faults]


def _set_aside(path: Path) -> list[str]:
    """Rename damaged records, which only a user can restore. Return what was wrong, one line each.

    Until then the shipped calibration, or no standing question, is better than no answer.
    """
    lines = []
    for name, remedy in RECORD_REMEDIES.items():
        if faults := _record_faults(path, name):
            (path / name).replace(path / f"{name}.damaged")
            lines.append(f"{faults[0]}; it was set aside, and {remedy}")
    return lines
