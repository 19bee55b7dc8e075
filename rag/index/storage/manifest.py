"""Keeps the versions of an index on disk: the manifest, the writer's lock, and the one rename that commits.

    index/manifest.json         names the current version and the sha256 of each of its files
    index/v000012/              documents.sqlite, vectors.faiss, words/ and more: written once, never changed
    index/v000013.partial/      what a writer is at work on; a leftover of a killed one is dropped by the next
    index/lock, index/writer    held by, and names, the process that writes

A kill at any moment leaves the manifest of the last commit, and with it all of its files.
"""

import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.core.errors import (
    IndexCorrupt,
    IndexLocked,
    IndexNotFound,
    IndexProblem,
    IndexVersionMismatch,
    IndexWriteFailed,
)
from rag.core.hashing import file_sha256
from rag.core.safe_json import json_value

FORMAT = 2
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.sqlite"
"""What a write has embedded, until it is committed (`rag.index.writing.embedding_cache`)."""
DOCUMENTS, WORDS = "documents.sqlite", "words"
WHOLLY_CHECKED_BYTES = 64_000_000
"""Files up to this size are hashed at every opening (about 0.7 s a gigabyte); larger ones before they are used."""
END_BYTES = 1_000_000
"""Of larger files both ends are hashed at every opening: there stand the tables that all else is read by."""
KEPT_VERSIONS = 2
"""The current version and the one before, which a reader may be opening at the moment of the switch."""
_VERSION = re.compile(r"v(\d{6,})(\.partial)?")


@dataclass(frozen=True)
class Manifest:
    """What an index is: its version, what it was built with, how much it holds, and the hash of each file."""

    version: int
    fingerprint: str
    embedder: Mapping[str, Any]
    settings: Mapping[str, Any]
    documents: int
    chunks: int
    files: Mapping[str, Mapping[str, Any]]
    package: str
    format: int = FORMAT

    @property
    def folder(self) -> str:
        """Return the name of the version's folder."""
        return f"v{self.version:06d}"


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the index at `path`.

    Raises IndexNotFound, IndexCorrupt, or IndexVersionMismatch for another format.
    """
    file, again = path / MANIFEST, "Build the index again: rag index PATH --rebuild"
    try:
        content = json_value(file.read_text(encoding="utf-8"))
        sha256 = content.pop("sha256")
        sound = sha256 == _content_sha256(content)
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFound(f"There is no index at {path}.", "Build one: rag index PATH --index FOLDER") from None
    except PermissionError:
        raise IndexCorrupt(f"{file} may not be read.", "Change its permissions.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexCorrupt(f"{file} is damaged: {error}.", again) from error
    if not sound:
        raise IndexCorrupt(f"{file} is damaged: its own hash differs.", again)
    if content.get("format") != FORMAT:
        what = f"The index at {path} has format {content.get('format')}, this version reads {FORMAT}."
        raise IndexVersionMismatch(what, again)
    try:
        return Manifest(**content)
    except TypeError as error:
        raise IndexVersionMismatch(f"{file} was written by another version of this package: {error}.", again) from None


def next_version(path: Path) -> int:
    """Return a number above every version that is or was there, also where the manifest cannot be read."""
    try:
        current = read_manifest(path).version
    except IndexProblem:
        current = 0
    return max([current, *(number for _, number, _ in _versions(path))]) + 1


def damages(path: Path, manifest: Manifest, wholly: bool) -> list[str]:
    """Return the files of a version that are missing or not what was written, with what is wrong; empty if none.

    Unless `wholly`, files above `WHOLLY_CHECKED_BYTES` are judged by their size and their two ends.
    """
    found = []
    for name, expected in manifest.files.items():
        file = path / manifest.folder / name
        try:
            size = file.stat().st_size
            if size != expected["bytes"]:
                found.append(f"{file} has {size} bytes, expected {expected['bytes']}")
            elif not _is_whole(file, expected, wholly):
                found.append(f"{file} is not what was written (its hash differs)")
        except FileNotFoundError:
            found.append(f"{file} is missing")
        except OSError as error:
            found.append(f"{file} cannot be read: {error.strerror}")
    return found


def large_files(path: Path, manifest: Manifest) -> dict[Path, str]:
    """Return the files of a version that `damages` did not judge wholly, with their sha256."""
    return {
        path / manifest.folder / name: expected["sha256"]
        for name, expected in manifest.files.items()
        if expected["bytes"] > WHOLLY_CHECKED_BYTES
    }


def sizes(path: Path) -> dict[int, int]:
    """Return the bytes that the files of every whole version take, by its number, in order."""
    return {
        number: sum(file.stat().st_size for file in _files(folder))
        for folder, number, partial in _versions(path)
        if not partial
    }


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the one writer's lock. Raises IndexLocked naming the holder, IndexWriteFailed where the disk refuses."""
    from filelock import FileLock, Timeout

    holder = path / "writer"
    if path.exists() and not path.is_dir():
        raise IndexWriteFailed(f"{path} is a file, not the folder of an index.", "Give a folder: --index FOLDER")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise IndexLocked(
            f"The index at {path} is being written by {_named(holder)}.", "Wait until it has ended, then try again."
        ) from None
    except OSError as error:
        raise IndexWriteFailed(f"Cannot write to {path}: {error}.", "Check the folder's permissions.") from error
    try:
        with _refusals(path):
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            drop_leftovers(path)
            yield
    finally:
        lock.release()


@contextmanager
def partial_version(path: Path, version: int) -> Iterator[Path]:
    """Give an empty folder for the files of a new version; what is not committed from it is dropped."""
    folder = path / f"v{version:06d}.partial"
    with _refusals(path):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(path: Path, partial: Path, manifest: Manifest) -> None:
    """Make the files in `partial` the current version, all at once, and drop versions no reader can still open."""
    folder = path / manifest.folder
    _make_durable(partial)
    partial.rename(folder)
    draft = path / f"{MANIFEST}.partial"
    try:
        content = asdict(manifest)
        draft.write_text(json.dumps({**content, "sha256": _content_sha256(content)}, indent=2), encoding="utf-8")
        _fsync(draft)
        _fsync(path)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path / MANIFEST)
    try:
        _fsync(path)
    except OSError as error:
        # Readers see the new version already: that the index is still at its last commit would be untrue.
        what = f"The new version of {path} is in place, but the disk did not confirm it: {error}."
        raise IndexWriteFailed(what, "Check the disk, then run `rag check`.") from error
    with suppress(OSError):  # a new index is durable only with its name; not every user may read the folder it lies in
        _fsync(path.parent)
    drop_leftovers(path)


def described(partial: Path, path: Path | None = None, base: Manifest | None = None) -> dict[str, dict[str, Any]]:
    """Return size, sha256 and the sha256 of both ends of every file of a version, by its path inside it.

    Of a file that is a link to one of the version `base` of the index at `path` they are what `base` says: it is not
    read again, and damage to it stays damage.
    """
    found = {}
    for file in _files(partial):
        name = file.relative_to(partial).as_posix()
        if path is not None and base is not None and is_linked(path, base, name, partial):
            found[name] = dict(base.files[name])
            continue
        found[name] = {"bytes": file.stat().st_size, "sha256": file_sha256(file), "ends_sha256": _ends_sha256(file)}
    return found


def is_linked(path: Path, base: Manifest, name: str, partial: Path) -> bool:
    """Tell whether a file in `partial` is the very one of the version `base`, by a link."""
    file, other = path / base.folder / name, partial / name
    return name in base.files and file.exists() and other.exists() and file.samefile(other)


def drop_leftovers(path: Path) -> None:
    """Remove partial versions and versions older than the ones kept. Call it under the writer's lock.

    Where the manifest cannot be read, whole versions stay: one of them may be all that is left.
    """
    try:
        current: int | None = read_manifest(path).version
    except IndexProblem:
        current = None
    for folder, number, partial in _versions(path):
        if partial or (current is not None and not current - KEPT_VERSIONS < number <= current):
            shutil.rmtree(folder, ignore_errors=True)


def parts_among(files: Iterable[Path], path: Path) -> set[Path]:
    """Return those of `files` that make up the index at `path`, where a user keeps it among the documents."""
    here = os.path.realpath(path) + os.sep
    places = ((file, os.path.realpath(file)) for file in files)
    names = ((file, place.removeprefix(here).split(os.sep)[0]) for file, place in places if place.startswith(here))
    own = (MANIFEST, f"{MANIFEST}.partial", "lock", "writer")
    return {
        file for file, name in names if name in own or _VERSION.fullmatch(name) or name.startswith(UNFINISHED)
    }  # fmt: skip


def link_tree(source: Path, target: Path) -> None:
    """Make `target` hold the files of `source` by `link_file`: for files that are replaced, never changed in place."""
    target.mkdir()
    for file in sorted(source.iterdir()):
        if not file.name.endswith(".lock"):
            link_file(file, target / file.name)


def link_file(source: Path, target: Path) -> None:
    """Make `target` the file `source`, by a link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexWriteFailed(
            f"Writing the index at {path} failed: {error}.",
            "The index is still at its last commit; free space or mend permissions, then run the command again.",
        ) from error


def _versions(path: Path) -> Iterator[tuple[Path, int, bool]]:
    """Yield each version's folder with its number and whether it is partial; nothing else that lies there."""
    for folder in sorted(path.iterdir()):
        found = _VERSION.fullmatch(folder.name)
        if found and folder.is_dir():
            yield folder, int(found[1]), bool(found[2])


def _named(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(".lock"))


def _make_durable(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o666
    for file in _files(folder):
        # tantivy makes some of its files readable by their owner alone, whatever the umask says.
        file.chmod(mode)
        _fsync(file)
    for inner in (*(found for found in folder.rglob("*") if found.is_dir()), folder):
        _fsync(inner)


def _fsync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and keeps its entries durable by itself.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ends_sha256(file: Path) -> str:
    with file.open("rb") as stream:
        head = stream.read(END_BYTES)
        stream.seek(max(stream.tell(), file.stat().st_size - END_BYTES))
        return hashlib.sha256(head + stream.read()).hexdigest()


def _is_whole(file: Path, expected: Mapping[str, Any], wholly: bool) -> bool:
    if wholly or expected["bytes"] <= WHOLLY_CHECKED_BYTES:
        return bool(file_sha256(file) == expected["sha256"])
    return bool(_ends_sha256(file) == expected["ends_sha256"])


def _content_sha256(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
