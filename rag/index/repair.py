"""Finds what is wrong with an index on disk, and makes anew what can be made from its documents."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import IndexCorrupt
from rag.core.hashed_json import hashed_content
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.folder import FolderVersion
from rag.index.index import Index
from rag.index.location import folder_of, require_folder
from rag.index.opened import OpenedVersion
from rag.index.storage.documents import Store
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import CALIBRATION, DOCUMENTS, Manifest, read_manifest
from rag.index.writing.commit import commit, next_version, partial_version, writing

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


def examine(path: str | Path) -> list[str]:
    """Return what is wrong with an index, one line each; empty where every file is what was written.

    Raises IndexNotFound, IndexVersionMismatch, and IndexCorrupt where not even the manifest can be trusted.
    """
    folder = folder_of(path)
    if folder is None:
        return Index.open(path).store.problems()
    return [*_examined(folder, read_manifest(folder)), *_calibration_faults(folder)]


def _examined(path: Path, manifest: Manifest) -> list[str]:
    found = file_faults(path, manifest, wholly=True)
    if found:
        return [*found, *_lost(path / manifest.folder / DOCUMENTS, found)]
    try:
        OpenedVersion(path, FolderVersion(path, manifest)).close()
    except IndexCorrupt as error:
        return [error.message.rstrip(".")]
    store = Store(path / manifest.folder / DOCUMENTS)
    found = store.problems()
    store.close()
    return found


def _calibration_faults(path: Path) -> list[str]:
    file = path / CALIBRATION
    try:
        hashed_content(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"{file} is damaged: {error}"]
    return []


def _lost(documents: Path, found: Sequence[str]) -> list[str]:
    """Return what of a damaged document store cannot be read, by document where that much can be told."""
    if not documents.is_file() or not any(line.startswith(str(documents)) for line in found):
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

    A damaged calibration is renamed to `calibration.json.damaged`, so that the shipped one is used.

    Raises IndexCorrupt where the document store itself is damaged: only the sources can mend that.
    """
    from rag.index.writing.rebuild import rebuild_derived
    from rag.index.writing.writer import embedder_record, manifest_of

    path = require_folder(path, "rag check --repair")
    with writing(path):
        manifest = read_manifest(path)
        calibration_faults = _calibration_faults(path)
        if calibration_faults:
            # Only its questions can restore it. Until then the shipped calibration is better than no answer.
            (path / CALIBRATION).replace(path / f"{CALIBRATION}.damaged")
            calibration_faults[0] += "; it was set aside, and `rag calibrate` fits a new one"
        found = _examined(path, manifest)
        if not found:
            return calibration_faults
        base, version = path / manifest.folder, next_version(path)
        documents = replace(manifest, files={DOCUMENTS: manifest.files[DOCUMENTS]})
        lost = file_faults(path, documents, wholly=True)
        if lost:
            raise IndexCorrupt(f"{lost[0]}.", "Only the sources can mend that: rag index PATH --rebuild")
        settings = Settings().updated(manifest.settings)
        embedder = embedder or open_embedder(settings)
        with partial_version(path, version) as folder:
            rebuild_derived(folder, base, embedder, settings, progress)
            commit(path, folder, manifest_of(folder, version, embedder_record(embedder), settings))
        return [*found, *calibration_faults]
