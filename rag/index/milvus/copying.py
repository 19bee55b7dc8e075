"""Copies an index in a folder to a server, so that its texts need not be embedded again."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.core.errors import IndexCorrupt
from rag.core.settings import Settings
from rag.index.location import require_folder
from rag.index.milvus.engine import MilvusEngine
from rag.index.milvus.writing import Upload
from rag.index.storage.documents import Store
from rag.index.storage.integrity import file_faults
from rag.index.storage.manifest import DOCUMENTS, Manifest, read_manifest
from rag.index.storage.quantised_vectors import open_vectors


def copy_index(path: str | Path, to: str | Path) -> Manifest:
    """Replace the index at the address `to` by a copy of the index in the folder `path`.

    Return its manifest, which has another version and the same fingerprint. Raises the errors of `Index.open` and
    IndexLocked, IndexWriteFailed, IndexUnreachable.
    """
    path, engine = require_folder(path, "rag export"), MilvusEngine(to)
    manifest = read_manifest(path)
    if faults := file_faults(path, manifest, wholly=True):
        raise IndexCorrupt(f"{faults[0]}.", "Run `rag check --repair`, then run the command again.")
    settings, vectors = Settings().updated(manifest.settings), open_vectors(path / manifest.folder)
    with TemporaryDirectory(prefix="pincite-") as scratch, engine.locked() as lock:
        with closing(Store(Path(scratch) / DOCUMENTS, writable=True)) as empty:
            empty.commit()
        copy = replace(manifest, version=engine.next_version(), files={})
        folders = Path(scratch), path / manifest.folder
        Upload(engine.connection, folders, None, copy, settings, lock).run(vectors)
    return copy
