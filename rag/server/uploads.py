"""Keeps the files that visitors hand in, in the folder `uploads` of the index, under the names they came with."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rag.core.errors import IndexWriteFailed
from rag.core.reports import IndexReport, Progress
from rag.index.index import Index

UPLOADS = "uploads"


def add_files(index: Index, files: Sequence[str | Path], tell: Callable[[Progress], None] | None = None) -> IndexReport:
    """Copy files to the folder and add them to the index; a file that gives no document is not kept.

    One of the same name in the folder is replaced. Where a document from elsewhere has the name already, ` (2)` and so
    on is put to it. Raises IndexWriteFailed.
    """
    kept = _copied(index, files)
    report = index.add(kept, tell)
    for place in kept:
        if not index.store.documents_of(place.name):
            place.unlink()
    # Where the folder lies is nobody's business but of who serves the page.
    here = f"{index.path / UPLOADS}/"
    failed = tuple((name, reason.replace(here, "")) for name, reason in report.failed)
    return replace(report, failed=failed, notes=tuple(note.replace(here, "") for note in report.notes))


def _copied(index: Index, files: Sequence[str | Path]) -> list[Path]:
    folder = index.path / UPLOADS
    kept = []
    try:
        folder.mkdir(exist_ok=True)
        for file in map(Path, files):
            place = _place(index, folder, file.name)
            partial = place.with_name(f".{place.name}.partial")
            shutil.copyfile(file, partial)
            partial.replace(place)
            kept.append(place)
    except OSError as error:
        raise IndexWriteFailed(f"The files could not be kept: {error}.", "See that the disk has room.") from None
    return kept


def drop(index: Index, source_path: str | None) -> None:
    """Delete the file of a document that was removed, where it is one that was handed in."""
    folder = (index.path / UPLOADS).resolve()
    if source_path and Path(source_path).resolve().parent == folder:
        Path(source_path).unlink(missing_ok=True)


def _place(index: Index, folder: Path, name: str) -> Path:
    # A hidden file is read by nobody.
    wanted = Path(name.lstrip(".") or "file")
    place, number = folder / wanted, 1
    while _belongs_elsewhere(index, place):
        number += 1
        place = folder / f"{wanted.stem} ({number}){wanted.suffix}"
    return place


def _belongs_elsewhere(index: Index, place: Path) -> bool:
    known = index.store.sources().get(place.name)
    if known is None:
        return index.store.document(place.name) is not None
    return Path(known[0]).resolve() != place.resolve()
