"""Writes the next version of an index on a server: everything first, then the one row that makes it visible."""

import base64
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.chunking.chunks import heading_text
from rag.core.errors import IndexWriteFailed
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.core.types import Chunk
from rag.index.milvus.changes import Changes, changes, embedded_of, make_copy, passage_texts, records_of
from rag.index.milvus.collections import NOTHING, STEMS, BuildCollections, layout_of, make
from rag.index.milvus.connection import Connection
from rag.index.milvus.reading import DOCUMENT, INNER, PASSAGE, REST, SHARED, SOURCE, TEXT, WORDS, named
from rag.index.milvus.rows import ALIVE, BATCH_KEYS, MAX_WRITE_SECONDS, VisibleVersion, encoded, fits, pieces
from rag.index.milvus.snapshot import Snapshot, commit_manifest, drop_builds
from rag.index.milvus.words import group_of, word_counts
from rag.index.milvus.writer_lock import WriterLock
from rag.index.server_words import NEVER, WordCounts
from rag.index.sinks import Sinks
from rag.index.storage.documents import Store
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.manifest import DOCUMENTS, Manifest
from rag.index.writing.build import WriteRequest, apply
from rag.index.writing.writer import Writer, embedder_record, manifest_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ints1d, VectorStore

MIN_FLUSHED_ROWS = 5_000
"""From this many new passages on, the write waits for the search graph, which the server would build later."""
MAX_GRAPH_SECONDS = 3_600.0
"""After this time the version becomes visible with a warning."""
log = logging.getLogger(__name__)


def write_to_server(
    connection: Connection, base: Snapshot | None, version: int, embedder: "Callable[[], Embedder]",
    settings: Settings, request: WriteRequest, lock: WriterLock,
) -> IndexReport:  # fmt: skip
    """Commit the next version, made from `base`, or a new index in place of the old one if `base` is None."""
    with TemporaryDirectory(prefix="pincite-") as scratch:
        folders = Path(scratch) / "old", Path(scratch) / "new"
        for folder in folders:
            folder.mkdir()
        old = folders[0] / DOCUMENTS
        if base is None:
            with closing(Store(old, writable=True)) as empty:
                empty.commit()
        else:
            make_copy(base.documents, base.ends, old)
        vectors = UploadedVectors(base, embedder)
        sinks = Sinks(vectors, NoWords(), base.documents.sentence_vectors if base else lambda rows: {})
        with closing(Writer(folders[1], folders[0], embedder, settings, sinks)) as writer:
            report, must_commit = apply(writer, base is None, settings, request)
            if not must_commit:
                return report
            writer.finish()
        lock.require_held()
        weights = base.manifest.embedder if base else embedder_record(embedder())
        manifest = replace(manifest_of(folders[1], version, weights, settings), files={})
        upload = Upload(connection, folders, base, manifest, settings, lock)
        upload.run(vectors)
    return report


class UploadedVectors:
    """The vectors of a write: new ones in memory, those of the earlier version on the server."""

    def __init__(self, base: Snapshot | None, embedder: "Callable[[], Embedder]") -> None:
        """Start without new vectors."""
        self._base, self._embedder = base, embedder
        self._new: dict[int, Any] = {}

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._base.dimension if self._base else self._embedder().dimension

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Add new rows."""
        self._new.update(zip(rows.tolist(), vectors, strict=True))

    def remove(self, rows: "Ints1d") -> None:
        """Remove new rows. Rows on the server stay until the commit."""
        for row in rows.tolist():
            self._new.pop(row, None)

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, in that order."""
        old = [row for row in rows.tolist() if row not in self._new]
        stored = dict(zip(old, self._base.vectors.get(np.array(old, np.int64)), strict=True)) if self._base else {}
        vectors = [self._new[row] if row in self._new else stored[row] for row in rows.tolist()]
        return np.array(vectors, np.float32).reshape(len(rows), self.dimension)

    def finish(self) -> tuple[str, ...]:
        """Do nothing, because `Upload` writes the vectors."""
        return ()

    def close(self) -> None:
        """Do nothing."""


class NoWords:
    """Ignores words, because `Upload` takes them from the documents."""

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Do nothing."""

    def remove(self, rows: Sequence[int]) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""


class Upload:
    """Uploads the changes of a write, and commits them."""

    def __init__(
        self, connection: Connection, folders: tuple[Path, Path], base: Snapshot | None, manifest: Manifest,
        settings: Settings, lock: WriterLock,
    ) -> None:  # fmt: skip
        """Prepare the upload. A build creates its collections."""
        self._connection, self._base, self._manifest, self._lock = connection, base, manifest, lock
        self._old, self._new = (folder / DOCUMENTS for folder in folders)
        self._language = TantivyStore(None, settings.stemmer)
        self._visible = VisibleVersion(base.manifest.version if base else 0)
        self._layout = base.layout if base else self._new_collections()
        self._passages, self._records = self._layout.rows(connection)
        self._number = base.ends["record"] if base else 0

    def run(self, vectors: "UploadedVectors | VectorStore") -> None:
        """Upload, then commit."""
        written = changes(self._new, self._old)
        with closing(Store(self._new)) as new, closing(Store(self._old)) as old:
            self._passages.insert(self._passage_rows(new, written.rows[0], vectors), self._require_lock)
            self._records.insert(self._rows_of(self._new_records(written, new)), self._require_lock)
            words = self._changed_words(written, new, old)
        self._records.insert(
            self._rows_of((WORDS, str(group), counts) for group, counts in words.items()), self._require_lock
        )
        if self._base:
            self._retire(written, words)
        if len(written.rows[0]) >= MIN_FLUSHED_ROWS:
            self._wait_for_graph()
        stamps = {"passages": self._passages, "records": self._records}
        facts = {
            "layout": vars(self._layout), "dimension": vectors.dimension,
            "ends": {**written.ends, "record": self._number},
            "stamps": {name: self._connection.written_until(rows.collection) for name, rows in stamps.items()},
            "server": self._connection.version,
        }  # fmt: skip
        self._require_all_passages()
        self._lock.require_held()
        commit_manifest(self._connection, self._manifest, facts)
        if self._base is None:
            drop_builds(self._connection, self._layout)

    def _wait_for_graph(self) -> None:
        """Wait until the search graph is built. Before that a server finds only .87 of the ten best instead of .98."""
        self._connection("flush", self._layout.passages, patience=600.0)
        end = time.monotonic() + MAX_GRAPH_SECONDS
        while time.monotonic() < end:
            state = self._connection("describe_index", self._layout.passages, "vector")
            if not state.get("pending_index_rows") and state.get("state") == "Finished":
                return
            self._lock.require_held()
            time.sleep(1)
        log.warning("%s: the search graph is still being made.", self._connection.address.shown)

    def _new_collections(self) -> BuildCollections:
        layout = layout_of(self._connection.address, self._manifest.version, self._connection.has_full_text)
        make(self._connection, layout, int(self._manifest.embedder["dimension"]))
        return layout

    def _require_lock(self, _count: int) -> None:
        self._lock.require_held()

    def _passage_rows(
        self, store: Store, rows: Sequence[int], vectors: "UploadedVectors | VectorStore"
    ) -> Iterator[dict[str, Any]]:
        for start in range(0, len(rows), BATCH_KEYS):
            batch = rows[start : start + BATCH_KEYS]
            hashes = embedded_of(self._new, batch)
            inner = store.sentence_vectors(batch)
            batch_vectors = vectors.get(np.array(batch, np.int64))
            for row, chunk, vector in zip(batch, store.chunks(batch), batch_vectors, strict=True):
                about, packed = encoded(passage_texts(chunk)), base64.b64encode(inner[row]).decode()
                key, sha256 = hashes[row]
                passage = {
                    "row": row, "document": key, "born": self._manifest.version, "died": ALIVE,
                    "about": about if fits(about) else "", "inner": packed if fits(packed) else "",
                    "embedded_sha256": sha256.hex(), "vector": vector.tolist(),
                }  # fmt: skip
                yield {**passage, STEMS: self._stems(chunk)} if self._layout.has_words else passage

    def _stems(self, chunk: Chunk) -> str:
        language = self._language.language_of(chunk.text)
        return " ".join(
            [*self._language.terms(heading_text(chunk), language), *self._language.terms(chunk.text, language)]
        )

    def _new_records(self, written: Changes, store: Store) -> Iterator[tuple[str, str, Any]]:
        yield from records_of(self._new, written.documents[0])
        sources = store.sources()
        for source in written.sources[0]:
            yield SOURCE, source, {"id": source, "path": sources[source][0], "sha256": sources[source][1]}
        if written.shares or self._base is None:
            yield SHARED, "", sorted(store.overlaps.shared_blocks())
        for start in range(0, len(written.rows[0]), BATCH_KEYS):
            batch = written.rows[0][start : start + BATCH_KEYS]
            inner = store.sentence_vectors(batch)
            for row, chunk in zip(batch, store.chunks(batch), strict=True):
                about = passage_texts(chunk)
                if not fits(encoded(about)):
                    yield PASSAGE, str(row), about
                packed = base64.b64encode(inner[row]).decode()
                if not fits(packed):
                    yield INNER, str(row), packed

    def _rows_of(self, records: Iterable[tuple[str, str, Any]]) -> Iterator[dict[str, Any]]:
        for kind, key, value in records:
            for piece, body in enumerate(pieces(encoded(value))):
                yield {
                    "number": self._number, "kind": kind, "name": named(kind, key), "piece": piece, "body": body,
                    "born": self._manifest.version, "died": ALIVE, "nothing": NOTHING,
                }  # fmt: skip
                self._number += 1

    def _changed_words(self, written: Changes, new: Store, old: Store) -> dict[int, dict[str, WordCounts]]:
        """Return the word counts of every group with a changed count."""
        change: dict[str, WordCounts] = {}
        for store, rows, sign in ((new, written.rows[0], 1), (old, written.rows[1], -1)):
            for start in range(0, len(rows), BATCH_KEYS):
                chunks = store.chunks(rows[start : start + BATCH_KEYS])
                texts = [(chunk.text, heading_text(chunk)) for chunk in chunks]
                for word, counts in word_counts(self._language, texts).items():
                    change[word] = _sum(change.get(word, NEVER), counts, sign)
        change = {word: counts for word, counts in change.items() if counts != NEVER}
        groups = {group_of(word) for word in change}
        old_groups = self._base.documents.named(named(WORDS, group) for group in sorted(groups)) if self._base else {}
        new_groups: dict[int, dict[str, WordCounts]] = {
            group: {word: _sum(NEVER, counts, 1) for word, counts in old_groups.get(named(WORDS, group), {}).items()}
            for group in sorted(groups)
        }
        for word, counts in sorted(change.items()):
            group_counts = new_groups[group_of(word)]
            group_counts[word] = _sum(group_counts.get(word, NEVER), counts, 1)
        return {group: {word: n for word, n in own.items() if n != NEVER} for group, own in new_groups.items()}

    def _retire(self, written: Changes, words: Mapping[int, Any]) -> None:
        names = [named(kind, key) for key in written.documents[1] for kind in (DOCUMENT, REST, TEXT)]
        names += [named(SOURCE, source) for source in written.sources[1]]
        names += [named(kind, row) for row in written.rows[1] for kind in (PASSAGE, INNER)]
        names += [named(WORDS, group) for group in words] + ([named(SHARED, "")] if written.shares else [])
        self._records.retire("name", names, self._visible, self._manifest.version)
        self._passages.retire("row", written.rows[1], self._visible, self._manifest.version)

    def _require_all_passages(self) -> None:
        count = self._passages.count(VisibleVersion(self._manifest.version), patience=MAX_WRITE_SECONDS)
        if count != self._manifest.chunks:
            raise IndexWriteFailed(
                f"{self._connection.address.shown} has {count} passages of {self._manifest.chunks} after the upload.",
                "The index is still at its last commit; run the command again.",
            )


def _sum(one: Sequence[int], other: Sequence[int], sign: int) -> WordCounts:
    return one[0] + sign * other[0], one[1] + sign * other[1], one[2] + sign * other[2]
