"""Commits a version of an index: the writer's lock, the folder of a new version, and the one rename."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.core.errors import (
    IndexLocked,
    IndexProblem,
    IndexWriteFailed,
)
from rag.core.hashed_json import content_sha256
from rag.core.hashing import file_sha256
from rag.index.storage.integrity import hash_of_ends
from rag.index.storage.manifest import MANIFEST, Manifest, files_in, read_manifest, versions_in

KEPT_VERSIONS = 2
"""The current version and the one before, which a reader may be opening at the moment of the switch."""


def next_version(path: Path) -> int:
    """Return a number above every version that is or was there, also where the manifest cannot be read."""
    try:
        current = read_manifest(path).version
    except IndexProblem:
        current = 0
    return max([current, *(number for _, number, _ in versions_in(path))]) + 1


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
        draft.write_text(json.dumps({**content, "sha256": content_sha256(content)}, indent=2), encoding="utf-8")
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
    for file in files_in(partial):
        name = file.relative_to(partial).as_posix()
        if path is not None and base is not None and is_linked(path, base, name, partial):
            found[name] = dict(base.files[name])
            continue
        found[name] = {"bytes": file.stat().st_size, "sha256": file_sha256(file), "ends_sha256": hash_of_ends(file)}
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
    for folder, number, partial in versions_in(path):
        if partial or (current is not None and not current - KEPT_VERSIONS < number <= current):
            shutil.rmtree(folder, ignore_errors=True)


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


def _named(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"


def _make_durable(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o666
    for file in files_in(folder):
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
