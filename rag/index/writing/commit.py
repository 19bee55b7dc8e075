"""Commits a version of an index: the writer's lock, the folder of a new version, and the one rename."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.core.errors import IndexLocked, IndexProblem, IndexWriteFailed
from rag.core.files.durable_files import sync_folder
from rag.core.files.hashed_json import hashed_json
from rag.core.files.hashing import file_sha256
from rag.index.storage.integrity import hash_of_ends
from rag.index.storage.manifest import MANIFEST, RECORD_REMEDIES, Manifest, files_in, read_manifest, versions_in

MAX_VERSIONS = 2
"""The current version and the one before it, because a reader may be opening that one during a commit."""


def next_version(path: Path) -> int:
    """Return a number above every version so far, even if the manifest cannot be read."""
    try:
        current = read_manifest(path).version
    except IndexProblem:
        current = 0
    return max([current, *(number for _, number, _ in versions_in(path))]) + 1


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the lock of the only writer. Raises IndexLocked with the name of its holder, IndexWriteFailed."""
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
            f"The index at {path} is being written by {_name_in(holder)}.", "Wait until it has ended, then try again."
        ) from None
    except OSError as error:
        raise IndexWriteFailed(f"Cannot write to {path}: {error}.", "Check the folder's permissions.") from error
    try:
        with _disk_errors(path):
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            drop_leftovers(path)
            yield
    finally:
        lock.release()


@contextmanager
def partial_version(path: Path, version: int) -> Iterator[Path]:
    """Give an empty folder for the files of a new version. It is removed unless it is committed."""
    folder = path / f"v{version:06d}.partial"
    with _disk_errors(path):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(path: Path, partial: Path, manifest: Manifest) -> None:
    """Make the files in `partial` the current version, and remove versions that nobody can open now.

    The rename of the manifest is the commit: until then readers open the version before.
    """
    folder = path / manifest.folder
    _make_durable(partial)
    partial.rename(folder)
    draft = path / f"{MANIFEST}.partial"
    try:
        draft.write_bytes(hashed_json(asdict(manifest), 2))
        _sync_file(draft)
        sync_folder(path)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path / MANIFEST)
    try:
        sync_folder(path)
    except OSError as error:
        # Readers see the new version already, so the message must not say that the index is at its last commit.
        what = f"The new version of {path} is in place, but the disk did not confirm it: {error}."
        raise IndexWriteFailed(what, "Check the disk, then run `rag check`.") from error
    # The name of a new index must be durable too. A user who may not read the parent folder can still commit.
    with suppress(OSError):
        sync_folder(path.parent)
    drop_leftovers(path)


def file_records(partial: Path, path: Path | None = None, base: Manifest | None = None) -> dict[str, dict[str, Any]]:
    """Return size, sha256 and the sha256 of both ends of every file of a version, by its path in the folder.

    A file that links to one of the version `base` of the index at `path` keeps the record of `base`. It is not read
    again, so damage to it is still noticed.
    """
    records = {}
    for file in files_in(partial):
        name = file.relative_to(partial).as_posix()
        if path is not None and base is not None and is_linked(path, base, name, partial):
            records[name] = dict(base.files[name])
            continue
        records[name] = {"bytes": file.stat().st_size, "sha256": file_sha256(file), "ends_sha256": hash_of_ends(file)}
    return records


def is_linked(path: Path, base: Manifest, name: str, partial: Path) -> bool:
    """Tell whether a file in `partial` is a link to the file of the version `base`."""
    file, other = path / base.folder / name, partial / name
    return name in base.files and file.exists() and other.exists() and file.samefile(other)


def drop_leftovers(path: Path) -> None:
    """Remove partial versions and all but the last MAX_VERSIONS. Call it under the writer's lock.

    If the manifest cannot be read, complete versions stay, because one of them may be the only good one. If there is
    none, a calibration or standing questions are of an import that was killed before its commit: of other documents.
    """
    if not (path / MANIFEST).exists():
        for name in RECORD_REMEDIES:
            (path / name).unlink(missing_ok=True)
    try:
        current: int | None = read_manifest(path).version
    except IndexProblem:
        current = None
    for folder, number, partial in versions_in(path):
        if partial or (current is not None and not current - MAX_VERSIONS < number <= current):
            shutil.rmtree(folder, ignore_errors=True)


def link_tree(source: Path, target: Path) -> None:
    """Link the files of `source` into a new folder `target`. They must be replaced, never changed in place."""
    target.mkdir()
    for file in sorted(source.iterdir()):
        if not file.name.endswith(".lock"):
            link_file(file, target / file.name)


def link_file(source: Path, target: Path) -> None:
    """Make `target` a link to `source`, or a copy if the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IndexWriteFailed(
            f"Writing the index at {path} failed: {error}.",
            "The index is still at its last commit; free space or mend permissions, then run the command again.",
        ) from error


def _name_in(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"


def _make_durable(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o666
    for file in files_in(folder):
        # tantivy lets only the owner read some of its files, whatever the umask is.
        file.chmod(mode)
        _sync_file(file)
    for subfolder in (*(entry for entry in folder.rglob("*") if entry.is_dir()), folder):
        sync_folder(subfolder)


def _sync_file(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
