"""Copies an index in a folder to a server, so that what was embedded once is not embedded again."""

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
    """Make the index at the address `to` of the one in the folder `path`, in place of what is there.

    Returns its manifest, of another version but with its fingerprint. Raises the errors of `Index.open` and
    IndexLocked, IndexWriteFailed, IndexUnreachable.
    """
    path, engine = require_folder(path, "rag export"), MilvusEngine(to)
    manifest = read_manifest(path)
    if found := file_faults(path, manifest, wholly=True):
        raise IndexCorrupt(f"{found[0]}.", "Run `rag check --repair`, then run the command again.")
    settings, vectors = Settings().updated(manifest.settings), open_vectors(path / manifest.folder)
    with TemporaryDirectory(prefix="pincite-") as place, engine.claimed() as claim:
        with closing(Store(Path(place) / DOCUMENTS, writable=True)) as empty:
            empty.commit()
        made = replace(manifest, version=engine.next_version(), files={})
        folders = Path(place), path / manifest.folder
        Upload(engine.connection, folders, None, made, settings, claim).run(vectors)
    return made
