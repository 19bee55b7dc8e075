"""Tells what a write would do, without doing it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.errors import LoadError
from rag.core.reports import IndexReport
from rag.core.types import Document
from rag.index.storage.documents import Store
from rag.index.storage.manifest import DOCUMENTS, MANIFEST, read_manifest
from rag.index.writing.sources import Renamed, links_note, under_known_ids
from rag.loading import Source, file_sha256

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore


def plan(
    path: Path, work: Sequence[Source | Document], gone: "Callable[[DocumentStore], Sequence[str]] | None"
) -> IndexReport:
    """Return what taking `work` into the index at `path` would do, by source; nothing is written and no text is read.

    A source is added where the index does not know it and updated where its bytes are others than before. Where there
    is no index, and where `gone` is None because one is to be made from nothing, every source is added.
    """
    if gone is None or not (path / MANIFEST).exists():
        return planned(work, None, ())
    with closing(Store(path / read_manifest(path).folder / DOCUMENTS)) as store:
        return planned(work, store, gone(store))


def planned(work: Sequence[Source | Document], store: "DocumentStore | None", gone: Sequence[str]) -> IndexReport:
    """Return what taking `work` into `store` would do, None for a new one, and dropping the documents `gone`."""
    known = store.sources() if store else {}
    work = under_known_ids(work, known)
    renamed, dropped = Renamed(known, work), {*gone}
    found: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
    failed: list[tuple[str, LoadError]] = []
    for item in work:
        if isinstance(item, Document):
            held = store.document(item.id) if store else None
            found["added" if held is None else "unchanged" if held == item else "updated"].append(item.id)
            continue
        key = item.document_id
        try:
            sha256 = file_sha256(item.path)
        except LoadError as error:
            failed.append((key, error))
            continue
        found["added" if key not in known else "unchanged" if known[key][1] == sha256 else "updated"].append(key)
        if store and key not in known:
            dropped.update(held for source in renamed.of(sha256) for held in store.documents_of(source))
    added, updated, unchanged = (tuple(sorted(keys)) for keys in found.values())
    notes = tuple(links_note(work))
    return IndexReport(added, updated, unchanged, tuple(sorted(dropped)), notes=notes).with_failed(failed)
