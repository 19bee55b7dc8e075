"""Takes sources one after the other into a new version of an index, and reports what became of each."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource, UnsupportedFormat
from rag.core.reports import IndexReport, Progress, first_few
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.writing.near_duplicates import groups, near
from rag.index.writing.sources import Renamed, links_note, size_of, under_known_ids
from rag.index.writing.writer import Change, Writer
from rag.loading import Source, file_sha256, load
from rag.loading.composing import LEFT_OUT_KEY
from rag.loading.process import get_ready, load_apart
from rag.loading.sources import printable

DEFAULTS = Settings()
FEW_SHARE = 50
"""Of up to 1 document in 50 each is compared with all others, of more all are grouped at once."""


class Ingest:
    """Hands sources to a writer and keeps the report. A source whose bytes are known is not read again."""

    def __init__(
        self, writer: Writer, progress: Callable[[Progress], None] | None, settings: Settings = DEFAULTS
    ) -> None:
        """Begin with nothing taken; `settings` say how files are read."""
        self._writer, self._store, self._text_column = writer, writer.store, settings.text_column
        self._load = load_apart if settings.isolated_reading else load
        self._progress = progress
        self._known = self._store.sources()
        self._changes: dict[str, Change] = {}
        self._taken_from: dict[str, str | None] = {}
        self._failed: list[tuple[str, LoadError]] = []
        self._removed: list[str] = []
        self._left_out: list[str] = []
        self._renamed = Renamed(self._known, ())
        self._sources_changed = False
        self._began: float | None = None

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to commit."""
        return self._sources_changed or bool(self._removed) or bool({*self._changes.values()} - {"unchanged"})

    def run(self, work: Sequence[Source | Document], gone: Sequence[str]) -> IndexReport:
        """Drop `gone`, take `work`, and return the report."""
        work = under_known_ids(work, self._known)
        self._renamed = Renamed(self._known, work)
        self._drop(gone)
        if self._load is load_apart and any(isinstance(item, Source) for item in work):
            get_ready()
        sizes = [size_of(item) for item in work]
        total, before = sum(sizes), 0
        for item, size in zip(work, sizes, strict=True):
            done = before
            for length in self._take(item) if isinstance(item, Source) else self._put(item, None):
                done = min(before + size, done + length)
                self._tell(item, done, total)
            before += size
            if item is work[-1]:
                self._settle()
            self._tell(item, before, total)
        if not work:
            self._settle()
        return replace(self._report(), notes=(*self._moves_note(), *links_note(work), *self._left_out))

    def _settle(self) -> None:
        if self.changed:
            self._writer.settle()
        self._writer.flush()

    def _tell(self, item: Source | Document, done: int, total: int) -> None:
        if self._progress:
            name = item.document_id if isinstance(item, Source) else item.id
            embedded = max(0, done - self._writer.pending_characters)
            if embedded and self._began is None:
                self._began = time.monotonic()
            seconds = 0.0 if self._began is None else time.monotonic() - self._began
            self._progress(Progress(name, embedded, total, len(self._changes), seconds))

    def _drop(self, document_ids: Sequence[str]) -> None:
        """Remove documents; their sources, where they are still there, are read again by the next run."""
        sources = {self._store.source_of(document_id) for document_id in document_ids}
        for document_id in document_ids:
            self._remove(document_id)
        for source in sorted(self._known.keys() & sources):
            self._remember(source, self._known[source][0], "")

    def _remember(self, source: str, path: str, sha256: str) -> None:
        """Note where a source lies and its hash, or forget it where nothing came from it."""
        held = bool(self._store.documents_of(source))
        if held and self._known.get(source) != (path, sha256):
            self._store.put_source(source, path, sha256)
            self._known[source] = (path, sha256)
        elif not held and source in self._known:
            self._store.delete_source(source)
            del self._known[source]
        else:
            return
        self._sources_changed = True

    def _take(self, source: Source) -> Iterator[int]:
        """Put what a source holds, yielding the length of each document as it is done."""
        key, path = source.document_id, os.path.abspath(source.path)
        known_path, known_sha256 = self._known.get(key, (printable(path), None))
        failed_before = len(self._failed)
        try:
            if known_path not in self._renamed.places:
                _require_same_file(key, known_path, path)
            sha256 = file_sha256(source.path)
        except LoadError as error:
            # The committed version stays: a file that cannot be read today may be readable tomorrow.
            self._failed.append((key, error))
            return
        held, same = self._store.documents_of(key), _is_same_file(known_path, path)
        if same and known_sha256 == sha256:
            self._changes.update(dict.fromkeys(held, "unchanged"))
            self._taken_from.update(dict.fromkeys(held, key))
        else:
            yield from self._read(source, held)
        # Without the hash of a source with faults, the next run reads it again and reports them again.
        sound = len(self._failed) == failed_before
        self._remember(key, known_path if same else printable(path), sha256 if sound else "")
        if sound and known_sha256 is None and self._store.documents_of(key):
            self._drop_renamed(sha256)

    def _drop_renamed(self, sha256: str) -> None:
        """Drop what the same file held under its old name: a citation of that would lead to nothing."""
        for source in self._renamed.of(sha256):
            for document_id in self._store.documents_of(source):
                self._remove(document_id)
            self._remember(source, self._known[source][0], "")

    def _read(self, source: Source, held: Sequence[str]) -> Iterator[int]:
        seen, errors = set(), []
        for item in self._load(replace(source, text_column=self._text_column)):
            if isinstance(item, LoadError):
                errors.append(item)
                self._failed.append((source.document_id, item))
            else:
                seen.add(item.id)
                yield from self._put(item, source.document_id)
        if all(isinstance(error, EmptyDocument | UnsupportedFormat) for error in errors):
            # Behind a row that cannot be read may stand what was held before: then nothing is dropped.
            for document_id in held:
                if document_id not in seen:
                    self._remove(document_id)

    def _put(self, document: Document, source: str | None) -> Iterator[int]:
        if document.id in self._taken_from:
            other = self._taken_from[document.id] or "another document"
            what = f"The id {document.id!r} was already given by {other}."
            self._failed.append((source or document.id, UnreadableSource(what, "Give each document its own id.")))
            return
        self._taken_from[document.id] = source
        before = self._store.source_of(document.id)
        if before is not None and before != source and before in self._known:
            # That source is read again, so that its own document of this id is not lost when this one goes.
            self._remember(before, self._known[before][0], "")
        self._changes[document.id] = self._writer.put(document, source)
        if parts := document.known(LEFT_OUT_KEY):
            self._left_out.append(f"not in the text of {document.id}: {parts}.")
        yield len(document.text)

    def _remove(self, document_id: str) -> None:
        if self._store.document(document_id) is not None:
            self._writer.remove(document_id)
            self._removed.append(document_id)

    def _report(self) -> IndexReport:
        def changed(change: Change) -> tuple[str, ...]:
            return tuple(sorted(key for key, found in self._changes.items() if found == change))

        return IndexReport(
            added=changed("added"),
            updated=changed("updated"),
            unchanged=tuple(sorted((*changed("unchanged"), *changed("moved")))),
            removed=tuple(sorted(self._removed)),
            duplicates=tuple(self._duplicates([*changed("added"), *changed("updated")])),
            near_duplicates=tuple(self._near_duplicates([*changed("added"), *changed("updated")])),
        ).with_failed(self._failed)

    def _moves_note(self) -> list[str]:
        moved = sorted(key for key, found in self._changes.items() if found == "moved")
        told = [f"{key} ({document.source_path})" for key in moved if (document := self._store.document(key))]
        return [f"the file of a document was moved, and is cited where it lies now: {first_few(told)}."] if told else []

    def _duplicates(self, document_ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not document_ids:
            return
        hashes = dict(self._store.hashes())
        same: dict[str, list[str]] = {}
        for document_id, sha256 in hashes.items():
            same.setdefault(sha256, []).append(document_id)
        for document_id in document_ids:
            equals = same.pop(hashes[document_id], [])
            if len(equals) > 1:
                yield document_id, tuple(other for other in equals if other != document_id)

    def _near_duplicates(self, document_ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        sketches, told = self._store.overlaps.sketches() if document_ids else {}, set[str]()
        changed = set(document_ids)
        if len(document_ids) * FEW_SHARE > len(sketches):
            found = iter(groups(sketches))
        else:
            found = near(document_ids, sketches)
        for first, *others in found:
            if first not in told and {first, *others} & changed:
                told.update((first, *others))
                yield first, tuple(others)


def _require_same_file(key: str, known: str, path: str) -> None:
    """Raise where the id stands for another file that is still there: taking this one would drop what that one held."""
    if os.path.exists(known) and os.path.exists(path) and not _is_same_file(known, path):
        raise UnreadableSource(
            f"{printable(path)}: the id {key!r} already stands for {known}.",
            "Give both folders in one command, which tells them apart: rag index FOLDER FOLDER --rebuild",
        )


def _is_same_file(known: str, path: str) -> bool:
    if known == printable(path):
        return True
    return os.path.exists(known) and os.path.exists(path) and os.path.samefile(known, path)
