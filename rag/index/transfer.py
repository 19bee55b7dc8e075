"""Copies an index to another engine, exports one in a folder to one ZIP file, and imports such a file.

The ZIP holds the manifest and the files that it names. Export and import check each file against its hash.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, cast

from rag.core.errors import IndexCorrupt, IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import exclusive, new_file, replace_file
from rag.core.files.hashed_json import hashed_content, hashed_json
from rag.index.location import engine_at, require_folder
from rag.index.opened import open_latest
from rag.index.storage.manifest import DOCUMENTS, MANIFEST, RECORD_REMEDIES, WORDS, Manifest, read_manifest
from rag.index.storage.remedies import REPAIR
from rag.index.writing.build import WriteRequest
from rag.index.writing.commit import commit, next_version, partial_version, writing
from rag.index.writing.vector_writer import VECTOR_FILES
from rag.index.writing.writer import RecordedEmbedder

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

COPY_BYTES, MAX_NOTE_BYTES = 1 << 20, 256 << 20
"""Size of a copied piece, and the largest size of a manifest or record."""
EXPORT_AGAIN = "Export the index again and copy that file."
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""The errors of zipfile for a file that is damaged or is no ZIP. Opening may also raise OSError."""


def copy_index(source: str | Path, target: str | Path, replace_existing: bool = False) -> Manifest:
    """Copy the current version of an index to another folder or address. Return the manifest of the copy.

    Nothing is embedded, and the fingerprint is the same. Raises InvalidInput if there is an index at `target` unless
    `replace_existing`, and the errors of `Index.open` and `Index.build`.
    """
    version, engine = open_latest(engine_at(source), None, "auto"), engine_at(target)
    weights, settings = RecordedEmbedder(version.manifest.embedder), version.settings
    try:
        with engine.writing() as write:
            if not replace_existing and engine.exists():
                what = f"There is an index at {engine.path}."
                raise InvalidInput(what, "Give another place, or add --rebuild to replace it.")
            write(
                None,
                lambda: cast("Embedder", weights),
                settings,
                WriteRequest([], None, copied=(version.documents, version.vectors)),
            )
    finally:
        version.close()
    return engine.latest().manifest


def export_index(path: str | Path, file: str | Path) -> Manifest:
    """Write the index at `path`, with its own calibration and standing questions, to `file`; return its manifest.

    Raises InvalidInput if `file` exists, IndexCorrupt if a file of the index is damaged, and IndexWriteFailed
    if the disk refuses. After an error there is no `file`.
    """
    path, file = require_folder(path, "rag export"), Path(file)
    manifest = read_manifest(path)
    if file.exists():
        raise InvalidInput(f"{file} is there already.", "Give the name of a new file.")
    try:
        with new_file(file) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            # Not read from the disk again: after a commit meanwhile it would name other files.
            archive.writestr(MANIFEST, hashed_json(asdict(manifest), 2))
            for name, expected in manifest.files.items():
                _pack(archive, path / manifest.folder / name, name, expected)
            for name in RECORD_REMEDIES:
                if (path / name).is_file():
                    archive.writestr(name, _intact(name, (path / name).read_bytes(), REPAIR))
    except FileNotFoundError as error:
        raise IndexWriteFailed(f"{error.filename} is not there.", "Check the folder, then export again.") from error
    except OSError as error:
        raise IndexWriteFailed(f"Writing {file} failed: {error}.", "Free space or mend permissions.") from error
    return manifest


def import_index(file: str | Path, path: str | Path) -> Manifest:
    """Create the index at `path` from an exported file. Return its manifest, which has the same fingerprint.

    Raises InvalidInput if there is an index already, IndexCorrupt if the file is damaged, IndexVersionMismatch for
    another format, IndexWriteFailed if the disk refuses.
    """
    path = require_folder(path, "rag import")
    with _opened(Path(file)) as archive, TemporaryDirectory(prefix="pincite-") as scratch:
        (Path(scratch) / MANIFEST).write_bytes(_note(archive, MANIFEST))
        manifest = read_manifest(Path(scratch))
        with writing(path):
            if (path / MANIFEST).exists():
                raise InvalidInput(f"There is an index at {path}.", "Give another folder: --index FOLDER")
            version = next_version(path)
            with partial_version(path, version) as folder:
                for name, expected in manifest.files.items():
                    _unpack(archive, name, folder / _safe(name), expected)
                manifest = replace(manifest, version=version)
                with _records_of(archive, path):
                    commit(path, folder, manifest)
    return manifest


@contextmanager
def _records_of(archive: zipfile.ZipFile, path: Path) -> Iterator[None]:
    """Put the exported records into the folder `path`, and remove them if the context ends with an error.

    Else an index of other documents, built there later, would use them.
    """
    exported = RECORD_REMEDIES.keys() & set(archive.namelist())
    contents = {name: _intact(name, _note(archive, name), EXPORT_AGAIN) for name in sorted(exported)}
    try:
        for name, content in contents.items():
            with exclusive(path / name):
                replace_file(path / name, content)
        yield
    except BaseException:
        for name in contents:
            (path / name).unlink(missing_ok=True)
        raise


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {file}.", "Give one that `rag export` wrote.") from None
    except (OSError, *_DAMAGED) as error:
        raise IndexCorrupt(f"{file} is not an exported index: {error}.", EXPORT_AGAIN) from None
    with archive:
        try:
            yield archive
        except _DAMAGED as error:
            raise IndexCorrupt(f"{file} is damaged: {error}.", EXPORT_AGAIN) from error


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = archive.getinfo(name)
    if info.compress_type not in PACKINGS:
        raise IndexCorrupt(f"{name} is not packed as `rag export` packs it.", EXPORT_AGAIN)
    try:
        return archive.open(info)
    except OSError as error:  # the ZIP gives an impossible offset
        raise IndexCorrupt(f"{name} cannot be read from the exported index: {error}.", EXPORT_AGAIN) from error


def _note(archive: zipfile.ZipFile, name: str) -> bytes:
    with _member(archive, name) as stream:
        return stream.read(MAX_NOTE_BYTES)


def _intact(name: str, content: bytes, remedy: str) -> bytes:
    try:
        hashed_content(content.decode("utf-8"))
    except ValueError as error:
        raise IndexCorrupt(f"{name} is damaged: {error}.", remedy) from error
    return content


def _safe(name: str) -> str:
    # The file may come from a stranger, so its manifest may only name files of an index, inside the folder.
    inner = name.removeprefix(f"{WORDS}/")
    if name not in (DOCUMENTS, *VECTOR_FILES) and (
        inner == name or "/" in inner or "\\" in inner or inner in ("", ".", "..")
    ):
        raise IndexCorrupt(f"The exported index names a file {name!r}, which no index has.", EXPORT_AGAIN)
    return name


def _pack(archive: zipfile.ZipFile, source: Path, name: str, expected: Mapping[str, Any]) -> None:
    with source.open("rb") as stream, archive.open(name, "w", force_zip64=True) as target:
        if _copied(stream, target, expected["bytes"]) != expected["sha256"]:
            raise IndexCorrupt(f"{source} is not what was written (its hash differs).", REPAIR)


def _unpack(archive: zipfile.ZipFile, name: str, target: Path, expected: Mapping[str, Any]) -> None:
    target.parent.mkdir(exist_ok=True)
    with _member(archive, name) as stream, target.open("wb") as output:
        if _copied(stream, output, expected["bytes"]) != expected["sha256"]:
            raise IndexCorrupt(f"{name} is not what was exported (its hash differs).", EXPORT_AGAIN)


def _copied(source: IO[bytes], target: IO[bytes], size: int) -> str:
    """Copy at most one piece more than `size` bytes, so that no file grows without end. Return the sha256."""
    digest, length = hashlib.sha256(), 0
    while length <= size and (piece := source.read(COPY_BYTES)):
        target.write(piece)
        digest.update(piece)
        length += len(piece)
    return digest.hexdigest()
