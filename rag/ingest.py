"""Takes sources one after the other into a new version of an index, and reports what became of each."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.errors import EmptyDocument, LoadError
from rag.loading import Source, file_sha256, load
from rag.types import Document
from rag.writer import Change, Writer


@dataclass(frozen=True)
class Progress:
    """How far a build is, in bytes of source; `total` is 0 where it cannot be known."""

    name: str
    done: int
    total: int
    documents: int
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Return the time left at the pace so far, None before there is a pace."""
        if not 0 < self.done <= self.total:
            return None
        return self.seconds * (self.total - self.done) / self.done


@dataclass(frozen=True)
class IndexReport:
    """What a write did, by document id; `failed` has the source and why, `duplicates` the id and its equals."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class Ingest:
    """Hands sources to a writer and keeps the report. A source whose bytes are known is not read again."""

    def __init__(self, writer: Writer, progress: Callable[[Progress], None] | None) -> None:
        """Begin with nothing taken."""
        self._writer, self._store = writer, writer.store
        self._progress = progress
        self._known = self._store.sources()
        self._changes: dict[str, Change] = {}
        self._taken_from: dict[str, str | None] = {}
        self._failed: list[tuple[str, str]] = []
        self._removed: list[str] = []

    def run(self, work: Sequence[Source | Document], gone: Sequence[str]) -> IndexReport:
        """Drop `gone`, take `work`, and return the report."""
        for document_id in gone:
            self._remove(document_id)
        self._forget_empty_sources()
        sizes = [_size(item) for item in work]
        began, before = time.monotonic(), 0
        for item, size in zip(work, sizes, strict=True):
            done = before
            for length in self._take(item) if isinstance(item, Source) else self._put(item, None):
                done = min(before + size, done + length)
                self._tell(item, done, sum(sizes), began)
            before += size
            self._tell(item, before, sum(sizes), began)
        return self._report()

    def _tell(self, item: Source | Document, done: int, total: int, began: float) -> None:
        if self._progress:
            name = item.document_id if isinstance(item, Source) else item.id
            self._progress(Progress(name, done, total, len(self._changes), time.monotonic() - began))

    def _take(self, source: Source) -> Iterator[int]:
        """Put what a source holds, yielding the length of each document as it is done."""
        key, held, errors = source.document_id, self._store.documents_of(source.document_id), []
        try:
            sha256 = file_sha256(source.path)
        except LoadError as error:
            # The committed version stays: a file that cannot be read today may be readable tomorrow.
            self._failed.append((key, str(error)))
            return
        if self._known.get(key, ("", ""))[1] == sha256:
            self._changes.update(dict.fromkeys(held, "unchanged"))
            self._taken_from.update(dict.fromkeys(held, key))
            return
        seen = set()
        for item in load(source):
            if isinstance(item, LoadError):
                errors.append(item)
                self._failed.append((key, str(item)))
            else:
                seen.add(item.id)
                yield from self._put(item, key)
        if seen or all(isinstance(error, EmptyDocument) for error in errors):
            for document_id in held:
                if document_id not in seen:
                    self._remove(document_id)
            # Without the hash of a source with faults, the next run reads it again and reports them again.
            self._store.put_source(key, str(source.path.resolve()), "" if errors else sha256)

    def _put(self, document: Document, source: str | None) -> Iterator[int]:
        if document.id in self._taken_from:
            other = self._taken_from[document.id] or "another document"
            self._failed.append((source or document.id, f"The id {document.id!r} was already given by {other}."))
            return
        self._taken_from[document.id] = source
        self._changes[document.id] = self._writer.put(document, source)
        yield len(document.text)

    def _remove(self, document_id: str) -> None:
        if self._store.document(document_id) is not None:
            self._writer.remove(document_id)
            self._removed.append(document_id)

    def _forget_empty_sources(self) -> None:
        for source in self._known if self._removed else ():
            if not self._store.documents_of(source):
                self._store.delete_source(source)

    def _report(self) -> IndexReport:
        def changed(change: Change) -> tuple[str, ...]:
            return tuple(sorted(key for key, found in self._changes.items() if found == change))

        return IndexReport(
            added=changed("added"),
            updated=changed("updated"),
            unchanged=changed("unchanged"),
            removed=tuple(sorted(self._removed)),
            duplicates=tuple(self._duplicates([*changed("added"), *changed("updated")])),
            failed=tuple(self._failed),
        )

    def _duplicates(self, document_ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        hashes = dict(self._store.hashes())
        same: dict[str, list[str]] = {}
        for document_id, sha256 in hashes.items():
            same.setdefault(sha256, []).append(document_id)
        for document_id in document_ids:
            others = tuple(other for other in same[hashes[document_id]] if other != document_id)
            if others:
                yield document_id, others


def _size(item: Source | Document) -> int:
    try:
        return len(item.text) if isinstance(item, Document) else item.path.stat().st_size
    except OSError:
        return 0
