"""Indexes sources one after the other into a new version, and reports the result of each."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource, UnsupportedFormat
from rag.core.reports import (
    MAX_DESCRIBED_DOCUMENTS,
    IndexReport,
    Progress,
    first_few,
    is_mostly_masked,
    masked_shares,
)
from rag.core.settings import Settings
from rag.core.types import Document, DocumentSummary
from rag.index.writing.near_duplicates import groups, near
from rag.index.writing.sources import RenamedFiles, links_note, size_of, under_known_ids
from rag.index.writing.writer import Change, Writer
from rag.loading import Source, load, source_sha256
from rag.loading.composing import LEFT_OUT_KEY
from rag.loading.isolation.process import get_ready, load_apart
from rag.loading.sources import printable_path

DEFAULTS = Settings()
MIN_DOCUMENTS_PER_CHANGE = 50
"""Up to 1 changed document in 50, each is compared with all others. Beyond, all documents are grouped at once."""


class Ingest:
    """Hands sources to a writer and collects the report. A source whose bytes have not changed is not read again."""

    def __init__(
        self, writer: Writer, progress: Callable[[Progress], None] | None, settings: Settings = DEFAULTS
    ) -> None:
        """Prepare a run. Files are read as `settings` say."""
        self._writer, self._store, self._settings = writer, writer.store, settings
        self._load = load_apart if settings.isolated_reading else load
        self._progress = progress
        self._sources = writer.known_sources()
        self._changes: dict[str, Change] = {}
        self._source_of_id: dict[str, str | None] = {}
        self._failed: list[tuple[str, LoadError]] = []
        self._removed_ids: list[str] = []
        self._left_out_notes: list[str] = []
        self._renamed_files = RenamedFiles(self._sources, ())
        self._sources_changed = False
        self._start_time: float | None = None

    @property
    def has_changes(self) -> bool:
        """Tell whether there is anything to commit."""
        return self._sources_changed or bool(self._removed_ids) or bool({*self._changes.values()} - {"unchanged"})

    def run(self, work: Sequence[Source | Document], removals: Sequence[str]) -> IndexReport:
        """Remove the documents `removals`, index `work`, and return the report."""
        work = under_known_ids(work, self._sources)
        self._renamed_files = RenamedFiles(self._sources, work)
        self._remove_all(removals)
        if self._load is load_apart and any(isinstance(item, Source) for item in work):
            get_ready()
        sizes = [size_of(item) for item in work]
        total, start = sum(sizes), 0
        for item, size in zip(work, sizes, strict=True):
            done = start
            for length in self._index(item) if isinstance(item, Source) else self._put(item, None):
                done = min(start + size, done + length)
                self._report_progress(item, done, total)
            start += size
            if item is work[-1]:
                self._finish_masks()
            self._report_progress(item, start, total)
        if not work:
            self._finish_masks()
        summaries, masked_notes = self._described()
        notes = (*self._moves_note(), *links_note(work), *self._left_out_notes, *masked_notes)
        return replace(self._report(), notes=notes, documents=summaries)

    def _described(self) -> tuple[tuple[DocumentSummary, ...], list[str]]:
        """Return the descriptions of the changed documents, and a warning for each that is masked for the most part."""
        summaries, notes = list[DocumentSummary](), list[str]()
        changed_ids = sorted(key for key, change in self._changes.items() if change in ("added", "updated"))
        for summary in self._store.summaries_of(changed_ids):
            if len(summaries) < MAX_DESCRIBED_DOCUMENTS:
                summaries.append(summary)
            if is_mostly_masked(summary):
                share, reasons = summary.masked_share, masked_shares(summary)
                notes.append(f"warning: {share:.0%} of {summary.id} is masked and not searched ({reasons}).")
        return tuple(summaries), notes

    def _finish_masks(self) -> None:
        if self.has_changes:
            self._writer.apply_repeated_masks()
        self._writer.flush()

    def _report_progress(self, item: Source | Document, done: int, total: int) -> None:
        if self._progress:
            name = item.document_id if isinstance(item, Source) else item.id
            embedded = max(0, done - self._writer.pending_characters)
            if embedded and self._start_time is None:
                self._start_time = time.monotonic()
            seconds = 0.0 if self._start_time is None else time.monotonic() - self._start_time
            self._progress(Progress(name, embedded, total, len(self._changes), seconds))

    def _remove_all(self, document_ids: Sequence[str]) -> None:
        """Remove documents. If their sources still exist, the next run reads them again."""
        sources = {self._store.source_of(document_id) for document_id in document_ids}
        for document_id in document_ids:
            self._remove(document_id)
        for source in sorted(source for source in sources if source is not None):
            self._read_again(source)

    def _record_source(self, source: str, path: str, sha256: str) -> None:
        """Record the path and hash of a source, or delete its record if no document comes from it."""
        has_documents = bool(self._store.documents_of(source))
        if has_documents and self._sources.get(source) != (path, sha256):
            self._store.put_source(source, path, sha256)
            self._sources.put(source, path, sha256)
        elif not has_documents and self._sources.get(source):
            self._store.delete_source(source)
            self._sources.drop(source)
        else:
            return
        self._sources_changed = True

    def _read_again(self, source: str) -> None:
        """Let the next run read a source again, whatever its bytes are."""
        if stored := self._sources.get(source):
            self._record_source(source, stored[0], "")

    def _index(self, source: Source) -> Iterator[int]:
        """Index the documents of a source, and yield the length of each."""
        key, path = source.document_id, os.path.abspath(source.path)
        stored_path, stored_sha256 = self._sources.get(key) or (printable_path(path), None)
        failed_before = len(self._failed)
        try:
            if stored_path not in self._renamed_files.paths:
                _require_same_file(key, stored_path, path)
            sha256 = source_sha256(source.path)
        except LoadError as error:
            # The committed documents stay, because the file may be readable again tomorrow.
            self._failed.append((key, error))
            return
        document_ids, is_same = self._store.documents_of(key), _is_same_file(stored_path, path)
        if is_same and stored_sha256 == sha256:
            self._changes.update(dict.fromkeys(document_ids, "unchanged"))
            self._source_of_id.update(dict.fromkeys(document_ids, key))
        else:
            yield from self._read(source, document_ids)
        # The hash of a source with faults is not stored, so the next run reads it again and reports them again.
        is_sound = len(self._failed) == failed_before
        self._record_source(key, stored_path if is_same else printable_path(path), sha256 if is_sound else "")
        if is_sound and stored_sha256 is None and self._store.documents_of(key):
            self._remove_renamed(sha256)

    def _remove_renamed(self, sha256: str) -> None:
        """Remove the documents of the same file under its old name, because their citations would lead nowhere."""
        for source in self._renamed_files.of(sha256):
            for document_id in self._store.documents_of(source):
                self._remove(document_id)
            self._read_again(source)

    def _read(self, source: Source, old_ids: Sequence[str]) -> Iterator[int]:
        new_ids, errors = set(), []
        for item in self._load(source.read_as(self._settings)):
            if isinstance(item, LoadError):
                errors.append(item)
                self._failed.append((source.document_id, item))
            else:
                new_ids.add(item.id)
                yield from self._put(item, source.document_id)
        if all(isinstance(error, EmptyDocument | UnsupportedFormat) for error in errors):
            # After any other error nothing is removed: an unreadable row may be one of the old documents.
            for document_id in old_ids:
                if document_id not in new_ids:
                    self._remove(document_id)

    def _put(self, document: Document, source: str | None) -> Iterator[int]:
        if document.id in self._source_of_id:
            other = self._source_of_id[document.id] or "another document"
            what = f"The id {document.id!r} was already given by {other}."
            self._failed.append((source or document.id, UnreadableSource(what, "Give each document its own id.")))
            return
        self._source_of_id[document.id] = source
        old_source = self._store.source_of(document.id)
        if old_source is not None and old_source != source:
            # Its own document of this id returns then, if this one is removed.
            self._read_again(old_source)
        self._changes[document.id] = self._writer.put(document, source)
        if parts := document.known(LEFT_OUT_KEY):
            self._left_out_notes.append(f"not in the text of {document.id}: {parts}.")
        yield len(document.text)

    def _remove(self, document_id: str) -> None:
        if self._store.document(document_id) is not None:
            self._writer.remove(document_id)
            self._removed_ids.append(document_id)

    def _report(self) -> IndexReport:
        def ids_with(change: Change) -> tuple[str, ...]:
            return tuple(sorted(key for key, own in self._changes.items() if own == change))

        return IndexReport(
            added=ids_with("added"),
            updated=ids_with("updated"),
            unchanged=tuple(sorted((*ids_with("unchanged"), *ids_with("moved")))),
            removed=tuple(sorted(self._removed_ids)),
            duplicates=tuple(self._duplicates([*ids_with("added"), *ids_with("updated")])),
            near_duplicates=tuple(self._near_duplicates([*ids_with("added"), *ids_with("updated")])),
        ).with_failed(self._failed)

    def _moves_note(self) -> list[str]:
        moved_ids = sorted(key for key, change in self._changes.items() if change == "moved")
        files = [f"{key} ({document.source_path})" for key in moved_ids if (document := self._store.document(key))]
        return (
            [f"the file of a document was moved, and is cited where it lies now: {first_few(files)}."] if files else []
        )

    def _duplicates(self, document_ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not document_ids:
            return
        hashes = dict(self._store.hashes_like(document_ids))
        ids_by_hash: dict[str, list[str]] = {}
        for document_id, sha256 in hashes.items():
            ids_by_hash.setdefault(sha256, []).append(document_id)
        for document_id in document_ids:
            equals = ids_by_hash.pop(hashes[document_id], [])
            if len(equals) > 1:
                yield document_id, tuple(other for other in equals if other != document_id)

    def _near_duplicates(self, document_ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not document_ids:
            return
        overlaps, changed_ids, reported = self._store.overlaps, set(document_ids), set[str]()
        if len(document_ids) * MIN_DOCUMENTS_PER_CHANGE > overlaps.text_count():
            similar = iter(groups(overlaps.sketches()))
        else:
            similar = near(document_ids, overlaps.sketches_like(document_ids))
        for first, *others in similar:
            if first not in reported and {first, *others} & changed_ids:
                reported.update((first, *others))
                yield first, tuple(others)


def _require_same_file(key: str, stored_path: str, path: str) -> None:
    """Raise if the id belongs to another file that still exists, whose documents this one would replace."""
    if os.path.exists(stored_path) and os.path.exists(path) and not _is_same_file(stored_path, path):
        raise UnreadableSource(
            f"{printable_path(path)}: the id {key!r} already stands for {stored_path}.",
            "Give both folders in one command, which tells them apart: rag index FOLDER FOLDER --rebuild",
        )


def _is_same_file(stored_path: str, path: str) -> bool:
    if stored_path == printable_path(path):
        return True
    return os.path.exists(stored_path) and os.path.exists(path) and os.path.samefile(stored_path, path)
