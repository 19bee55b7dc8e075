"""Tells what a write would do, without doing it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.core.errors import LoadError
from rag.core.reports import IndexReport
from rag.core.types import Document
from rag.index.writing.sources import Renamed, links_note, under_known_ids
from rag.loading import Source, file_sha256

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore


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
