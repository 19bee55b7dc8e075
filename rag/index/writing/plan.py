"""Predicts the report of a write without writing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.core.errors import LoadError
from rag.core.reports import IndexReport
from rag.core.types import Document
from rag.index.writing.sources import RenamedFiles, SourceTable, links_note, under_known_ids
from rag.loading import Source, source_sha256

if TYPE_CHECKING:
    from rag.core.protocols import DocumentStore


def planned(work: Sequence[Source | Document], store: "DocumentStore | None", removals: Sequence[str]) -> IndexReport:
    """Return the report of a write that indexes `work` into `store` (None: a new index) and removes `removals`."""
    sources = store.sources() if store else {}
    table = SourceTable(sources)
    work = under_known_ids(work, table)
    renamed, removed_ids = RenamedFiles(table, work), {*removals}
    ids: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
    failed: list[tuple[str, LoadError]] = []
    for item in work:
        if isinstance(item, Document):
            stored = store.document(item.id) if store else None
            ids["added" if stored is None else "unchanged" if stored == item else "updated"].append(item.id)
            continue
        key = item.document_id
        try:
            sha256 = source_sha256(item.path)
        except LoadError as error:
            failed.append((key, error))
            continue
        ids["added" if key not in sources else "unchanged" if sources[key][1] == sha256 else "updated"].append(key)
        if store and key not in sources:
            removed_ids.update(stored for source in renamed.of(sha256) for stored in store.documents_of(source))
    added, updated, unchanged = (tuple(sorted(keys)) for keys in ids.values())
    notes = tuple(links_note(work))
    return IndexReport(added, updated, unchanged, tuple(sorted(removed_ids)), notes=notes).with_failed(failed)
