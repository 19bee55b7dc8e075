"""Stores the files that visitors add, in the folder `uploads` of the index, under the names they came with."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rag.core.errors import IndexWriteFailed
from rag.core.reports import IndexReport, Progress
from rag.index.index import Index
from rag.index.location import folder_of, require_folder
from rag.loading.sources import UPLOADS

MAX_UNCOMMITTED_SECONDS = 24 * 3600
"""Age from which a file without a document was left by a process that was killed, not by an upload under way."""


@dataclass(frozen=True)
class FileResult:
    """The documents that one file gave, and what could not be read of it."""

    name: str
    stored_as: str
    document_ids: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]

    def outcome(self, report: IndexReport) -> str:
        """Return what became of the file in the write of `report`."""
        if not self.document_ids:
            return "failed"
        lists = {"updated": report.updated, "added": report.added}
        return next((word for word, ids in lists.items() if not set(ids).isdisjoint(self.document_ids)), "unchanged")


def add_files(
    index: Index, files: Sequence[tuple[str, Path]], tell: Callable[[Progress], None] | None = None
) -> IndexReport:
    """Return the report of `add_files_one_by_one`."""
    return add_files_one_by_one(index, files, tell)[0]


def add_files_one_by_one(
    index: Index, files: Sequence[tuple[str, Path]], tell: Callable[[Progress], None] | None = None
) -> tuple[IndexReport, list[FileResult]]:
    """Copy files to the folder and add them to the index; a file that gives no document is deleted again.

    Returns the report, and the result of each file in the order of `files`, which are pairs of a name and the file that
    has the content. A file of the same name in the folder is replaced. If a document from elsewhere or an earlier one
    of `files` has the name already, the file is called `name (2)` and so on. Raises IndexWriteFailed.
    """
    copies: list[Path] = []
    try:
        _copy(index, files, copies)
        report = index.add(copies, tell)
    finally:
        for copy in copies:
            if not index.store.documents_of(copy.name):
                copy.unlink(missing_ok=True)
        _drop_orphans(index)
    # Visitors need not know where the folder lies.
    here = f"{uploads_of(index)}/"
    failed = tuple((name, reason.replace(here, "")) for name, reason in report.failed)
    notes = (*(note.replace(here, "") for note in report.notes), *_new_names(files, copies))
    report = replace(report, failed=failed, notes=notes)
    return report, [_result(index, name, copy.name, report) for (name, _), copy in zip(files, copies, strict=True)]


def _result(index: Index, name: str, stored_as: str, report: IndexReport) -> FileResult:
    failed = (pair for pair in report.failed if pair[0] == stored_as or pair[0].startswith(f"{stored_as}/"))
    return FileResult(name, stored_as, tuple(index.store.documents_of(stored_as)), tuple(failed))


def _new_names(files: Sequence[tuple[str, Path]], copies: Sequence[Path]) -> list[str]:
    """Return a line for each file that is stored under another name than its own."""
    pairs = zip((name for name, _ in files), (copy.name for copy in copies), strict=True)
    reason = "another document has its name"
    return [f"{name} is called {copy} here, because {reason}." for name, copy in pairs if name.lstrip(".") != copy]


def drop(index: Index, source_path: str | None) -> None:
    """Delete the file of a removed document if it was uploaded."""
    copy = uploaded_file(index, source_path)
    if copy is not None:
        copy.unlink(missing_ok=True)


def uploaded_file(index: Index, source_path: str | None) -> Path | None:
    """Return the file of a document if it was uploaded, None if it was not.

    The path may have been stored from another working folder, or before the index was moved: only the names of the file
    and its folder count.
    """
    if not source_path or Path(source_path).parent.name != UPLOADS or folder_of(index.path) is None:
        return None
    copy = uploads_of(index) / Path(source_path).name
    elsewhere = Path(source_path)
    is_own = elsewhere.is_absolute() and elsewhere.exists() and elsewhere.resolve() != copy
    return None if is_own else copy  # a file of the user's own, in a folder of this name


def uploads_of(index: Index) -> Path:
    """Return the folder of an index's uploads, whatever the working folder is later."""
    return require_folder(index.path, "Adding files").resolve() / UPLOADS


def stored_bytes(folder: Path) -> int:
    """Return how much the files in a folder of uploads take."""
    if not folder.is_dir():
        return 0
    return sum(map(_size, folder.iterdir()))


def _drop_orphans(index: Index) -> None:
    """Delete the files of uploads that were killed before their commit."""
    folder, oldest = uploads_of(index), time.time() - MAX_UNCOMMITTED_SECONDS
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another process has deleted it meanwhile
            if path.stat().st_mtime < oldest and not index.store.documents_of(path.name):
                path.unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a write has renamed or deleted it meanwhile
        return 0


def _copy(index: Index, files: Sequence[tuple[str, Path]], copies: list[Path]) -> None:
    """Copy files to the folder and append their paths to `copies`, one by one, so that none is lost at an error."""
    folder = uploads_of(index)
    try:
        folder.mkdir(exist_ok=True)
        for name, file in files:
            copy = _free_path(index, folder, name, copies)
            partial = copy.with_name(f".{copy.name}.partial")
            try:
                shutil.copyfile(file, partial)
                partial.replace(copy)
            finally:
                partial.unlink(missing_ok=True)
            copies.append(copy)
    except OSError as error:
        raise IndexWriteFailed(f"The files could not be stored: {error.strerror}.", "Free disk space.") from None


def _free_path(index: Index, folder: Path, name: str, copies: Sequence[Path]) -> Path:
    # No loader reads a hidden file.
    visible = Path(name.lstrip(".") or "file")
    path, number = folder / visible, 1
    while path in copies or _belongs_elsewhere(index, path):
        number += 1
        path = folder / f"{visible.stem} ({number}){visible.suffix}"
    return path


def _belongs_elsewhere(index: Index, path: Path) -> bool:
    source = index.store.sources().get(path.name)
    if source is None:
        return index.store.document(path.name) is not None
    location = Path(source[0])
    if location.parent.name == UPLOADS and not location.is_absolute():
        return False  # stored by an earlier version, from another working folder
    return location.resolve() != path
