"""Writes the current version of an index to one file, a ZIP, and makes an index of such a file again.

The ZIP holds the manifest and the files that it names; each is checked against its hash on both ways.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from rag.core.durable_files import new_file, replace_file
from rag.core.errors import IndexCorrupt, IndexWriteFailed, InvalidInput
from rag.core.hashed_json import hashed_content
from rag.index.location import require_folder
from rag.index.storage.manifest import CALIBRATION, DOCUMENTS, MANIFEST, WORDS, Manifest, read_manifest
from rag.index.storage.remedies import REPAIR
from rag.index.writing.commit import commit, next_version, partial_version, writing
from rag.index.writing.vector_writer import VECTOR_FILES

PIECE, LARGEST_NOTE = 1 << 20, 16 << 20
"""Bytes that are copied at a time, and of a manifest or a calibration at most."""
ANOTHER = "Export the index again and copy that file."
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for a file that is none, or is damaged; where the file is opened, OSError too."""


def export_index(path: str | Path, file: str | Path) -> Manifest:
    """Write the index at `path`, with its own calibration if it has one, to `file`; return its manifest.

    Raises InvalidInput where `file` is there already, IndexCorrupt where a file of the index is not what was written,
    IndexWriteFailed where the disk refuses; `file` is then not there.
    """
    path, file = require_folder(path, "rag export"), Path(file)
    manifest = read_manifest(path)
    if file.exists():
        raise InvalidInput(f"{file} is there already.", "Give the name of a new file.")
    try:
        with new_file(file) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(path / MANIFEST, MANIFEST)
            for name, expected in manifest.files.items():
                _packed(archive, path / manifest.folder / name, name, expected)
            if (path / CALIBRATION).is_file():
                archive.writestr(CALIBRATION, _intact(CALIBRATION, (path / CALIBRATION).read_bytes(), REPAIR))
    except FileNotFoundError as error:
        raise IndexWriteFailed(f"{error.filename} is not there.", "Check the folder, then export again.") from error
    except OSError as error:
        raise IndexWriteFailed(f"Writing {file} failed: {error}.", "Free space or mend permissions.") from error
    return manifest


def import_index(file: str | Path, path: str | Path) -> Manifest:
    """Make an index at `path` of an exported one; return its manifest, of another version but with its fingerprint.

    Raises InvalidInput where there is an index already, IndexCorrupt for a file that is not what was exported,
    IndexVersionMismatch for another format, IndexWriteFailed where the disk refuses.
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
                    _unpacked(archive, name, folder / _safe(name), expected)
                if CALIBRATION in archive.namelist():
                    replace_file(path / CALIBRATION, _intact(CALIBRATION, _note(archive, CALIBRATION), ANOTHER))
                manifest = replace(manifest, version=version)
                commit(path, folder, manifest)
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {file}.", "Give one that `rag export` wrote.") from None
    except (OSError, *_DAMAGED) as error:
        raise IndexCorrupt(f"{file} is not an exported index: {error}.", ANOTHER) from None
    with archive:
        try:
            yield archive
        except _DAMAGED as error:
            raise IndexCorrupt(f"{file} is damaged: {error}.", ANOTHER) from error


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = archive.getinfo(name)
    if info.compress_type not in PACKINGS:
        raise IndexCorrupt(f"{name} is not packed as `rag export` packs it.", ANOTHER)
    try:
        return archive.open(info)
    except OSError as error:  # it lies where no file has a place
        raise IndexCorrupt(f"{name} cannot be read from the exported index: {error}.", ANOTHER) from error


def _note(archive: zipfile.ZipFile, name: str) -> bytes:
    with _member(archive, name) as stream:
        return stream.read(LARGEST_NOTE)


def _intact(name: str, content: bytes, remedy: str) -> bytes:
    try:
        hashed_content(content.decode("utf-8"))
    except ValueError as error:
        raise IndexCorrupt(f"{name} is damaged: {error}.", remedy) from error
    return content


def _safe(name: str) -> str:
    # The manifest of a file from elsewhere names what is written: only what an index has, and only in its place.
    inner = name.removeprefix(f"{WORDS}/")
    if name not in (DOCUMENTS, *VECTOR_FILES) and (
        inner == name or "/" in inner or "\\" in inner or inner in ("", ".", "..")
    ):
        raise IndexCorrupt(f"The exported index names a file {name!r}, which no index has.", ANOTHER)
    return name


def _packed(archive: zipfile.ZipFile, source: Path, name: str, expected: Mapping[str, Any]) -> None:
    with source.open("rb") as stream, archive.open(name, "w", force_zip64=True) as target:
        if _copied(stream, target, expected["bytes"]) != expected["sha256"]:
            raise IndexCorrupt(f"{source} is not what was written (its hash differs).", REPAIR)


def _unpacked(archive: zipfile.ZipFile, name: str, target: Path, expected: Mapping[str, Any]) -> None:
    target.parent.mkdir(exist_ok=True)
    with _member(archive, name) as stream, target.open("wb") as written:
        if _copied(stream, written, expected["bytes"]) != expected["sha256"]:
            raise IndexCorrupt(f"{name} is not what was exported (its hash differs).", ANOTHER)


def _copied(source: IO[bytes], target: IO[bytes], size: int) -> str:
    """Copy at most one piece more than `size` bytes, so that nothing grows without end; return the sha256."""
    digest, copied = hashlib.sha256(), 0
    while copied <= size and (piece := source.read(PIECE)):
        target.write(piece)
        digest.update(piece)
        copied += len(piece)
    return digest.hexdigest()
