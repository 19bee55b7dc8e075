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
from rag.index.milvus.claim import Claim
from rag.index.milvus.collections import NOTHING, STEMS, Layout, layout_of, make
from rag.index.milvus.connection import Connection
from rag.index.milvus.held import Held, commit, drop_builds
from rag.index.milvus.reading import DOCUMENT, INNER, PASSAGE, REST, SHARED, SOURCE, TEXT, WORDS, named
from rag.index.milvus.rows import ALIVE, IN_ONE, WRITING_PATIENCE, Seen, encoded, fits, pieces
from rag.index.milvus.words import NEVER, Counts, counted, group_of
from rag.index.storage.documents import Store
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.manifest import DOCUMENTS, Manifest
from rag.index.writing.build import WriteRequest, apply
from rag.index.writing.writer import Sinks, Writer, embedder_record, manifest_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ints1d, VectorStore

FLUSHED_ROWS = 5_000
"""New passages from which on the server is told to make its search graph now, which it would do later."""
LONGEST_WAIT = 3_600.0
"""Seconds; then the version is shown all the same, with a warning."""
log = logging.getLogger(__name__)


def write(
    connection: Connection, base: Held | None, version: int, embedder: "Callable[[], Embedder]",
    settings: Settings, job: WriteRequest, claim: Claim,
) -> IndexReport:  # fmt: skip
    """Commit the next version, made from `base`, or from nothing in place of what is there."""
    with TemporaryDirectory(prefix="pincite-") as place:
        folders = Path(place) / "old", Path(place) / "new"
        for folder in folders:
            folder.mkdir()
        old = folders[0] / DOCUMENTS
        if base is None:
            with closing(Store(old, writable=True)) as empty:
                empty.commit()
        else:
            make_copy(base.documents, base.ends, old)
        vectors = NewVectors(base, embedder)
        parts = Sinks(vectors, NoWords(), base.documents.sentence_vectors if base else lambda rows: {})
        with closing(Writer(folders[1], folders[0], embedder, settings, parts)) as writer:
            report, changed = apply(writer, base is None, settings, job)
            if not changed:
                return report
            writer.finish()
        claim.require_held()
        weights = base.manifest.embedder if base else embedder_record(embedder())
        manifest = replace(manifest_of(folders[1], version, weights, settings), files={})
        upload = Upload(connection, folders, base, manifest, settings, claim)
        upload.run(vectors)
    return report


class NewVectors:
    """The vectors of a write: new ones in memory, those of the version before on the server."""

    def __init__(self, base: Held | None, embedder: "Callable[[], Embedder]") -> None:
        """Begin with nothing new."""
        self._base, self._embedder = base, embedder
        self._new: dict[int, Any] = {}

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._base.dimension if self._base else self._embedder().dimension

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Take new rows."""
        self._new.update(zip(rows.tolist(), vectors, strict=True))

    def remove(self, rows: "Ints1d") -> None:
        """Drop new rows; the server's stay where they are until the version is committed."""
        for row in rows.tolist():
            self._new.pop(row, None)

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return vectors in the order asked."""
        there = [row for row in rows.tolist() if row not in self._new]
        found = dict(zip(there, self._base.vectors.get(np.array(there, np.int64)), strict=True)) if self._base else {}
        vectors = [self._new[row] if row in self._new else found[row] for row in rows.tolist()]
        return np.array(vectors, np.float32).reshape(len(rows), self.dimension)

    def finish(self) -> tuple[str, ...]:
        """Do nothing: they are uploaded."""
        return ()

    def close(self) -> None:
        """Do nothing."""


class NoWords:
    """Takes words and keeps none: they are uploaded from the documents."""

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Do nothing."""

    def remove(self, rows: Sequence[int]) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""


class Upload:
    """Brings what a write changed to the server, and commits it."""

    def __init__(
        self, connection: Connection, folders: tuple[Path, Path], base: Held | None, manifest: Manifest,
        settings: Settings, claim: Claim,
    ) -> None:  # fmt: skip
        """Find what changed; for a build make its collections."""
        self._connection, self._base, self._manifest, self._claim = connection, base, manifest, claim
        self._old, self._new = (folder / DOCUMENTS for folder in folders)
        self._language = TantivyStore(None, settings.stemmer)
        self._seen = Seen(base.manifest.version if base else 0)
        self._layout = base.layout if base else self._made()
        self._passages, self._records = self._layout.rows(connection)
        self._number = base.ends["record"] if base else 0

    def run(self, vectors: "NewVectors | VectorStore") -> None:
        """Upload, then commit."""
        found = changes(self._new, self._old)
        with closing(Store(self._new)) as new, closing(Store(self._old)) as old:
            self._passages.insert(self._passage_rows(new, found.rows[0], vectors), self._stay)
            self._records.insert(self._rows_of(self._new_records(found, new)), self._stay)
            words = self._changed_words(found, new, old)
        self._records.insert(self._rows_of((WORDS, str(group), held) for group, held in words.items()), self._stay)
        if self._base:
            self._retire(found, words)
        if len(found.rows[0]) >= FLUSHED_ROWS:
            self._finish_graph()
        stamps = {"passages": self._passages, "records": self._records}
        facts = {
            "layout": vars(self._layout), "dimension": vectors.dimension,
            "ends": {**found.ends, "record": self._number},
            "stamps": {name: self._connection.written_until(rows.collection) for name, rows in stamps.items()},
            "server": self._connection.version,
        }  # fmt: skip
        self._require_all_there()
        self._claim.require_held()
        commit(self._connection, self._manifest, facts)
        if self._base is None:
            drop_builds(self._connection, self._layout)

    def _finish_graph(self) -> None:
        """Wait until the search graph is made: until then a server finds less, .87 of the ten best in place of .98."""
        self._connection("flush", self._layout.passages, patience=600.0)
        end = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < end:
            found = self._connection("describe_index", self._layout.passages, "vector")
            if not found.get("pending_index_rows") and found.get("state") == "Finished":
                return
            self._claim.require_held()
            time.sleep(1)
        log.warning("%s: the search graph is still being made.", self._connection.address.shown)

    def _made(self) -> Layout:
        layout = layout_of(self._connection.address, self._manifest.version, self._connection.has_full_text)
        make(self._connection, layout, int(self._manifest.embedder["dimension"]))
        return layout

    def _stay(self, _count: int) -> None:
        self._claim.require_held()

    def _passage_rows(
        self, store: Store, rows: Sequence[int], vectors: "NewVectors | VectorStore"
    ) -> Iterator[dict[str, Any]]:
        for start in range(0, len(rows), IN_ONE):
            batch = rows[start : start + IN_ONE]
            hashes = embedded_of(self._new, batch)
            inner = store.sentence_vectors(batch)
            found = vectors.get(np.array(batch, np.int64))
            for row, chunk, vector in zip(batch, store.chunks(batch), found, strict=True):
                about, packed = encoded(passage_texts(chunk)), base64.b64encode(inner[row]).decode()
                key, sha256 = hashes[row]
                made = {
                    "row": row, "document": key, "born": self._manifest.version, "died": ALIVE,
                    "about": about if fits(about) else "", "inner": packed if fits(packed) else "",
                    "embedded_sha256": sha256.hex(), "vector": vector.tolist(),
                }  # fmt: skip
                yield {**made, STEMS: self._stems(chunk)} if self._layout.has_words else made

    def _stems(self, chunk: Chunk) -> str:
        return " ".join([*self._language.terms(heading_text(chunk)), *self._language.terms(chunk.text)])

    def _new_records(self, found: Changes, store: Store) -> Iterator[tuple[str, str, Any]]:
        yield from records_of(self._new, found.documents[0])
        sources = store.sources()
        for source in found.sources[0]:
            yield SOURCE, source, {"id": source, "path": sources[source][0], "sha256": sources[source][1]}
        if found.shares or self._base is None:
            yield SHARED, "", sorted(store.overlaps.shared_blocks())
        for start in range(0, len(found.rows[0]), IN_ONE):
            batch = found.rows[0][start : start + IN_ONE]
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

    def _changed_words(self, found: Changes, new: Store, old: Store) -> dict[int, dict[str, Counts]]:
        """Return the word counts of every group in which one changed."""
        change: dict[str, Counts] = {}
        for store, rows, sign in ((new, found.rows[0], 1), (old, found.rows[1], -1)):
            for start in range(0, len(rows), IN_ONE):
                chunks = store.chunks(rows[start : start + IN_ONE])
                texts = [(chunk.text, heading_text(chunk)) for chunk in chunks]
                for word, counts in counted(self._language, texts).items():
                    change[word] = _sum(change.get(word, NEVER), counts, sign)
        change = {word: counts for word, counts in change.items() if counts != NEVER}
        groups = {group_of(word) for word in change}
        before = self._base.documents.named(named(WORDS, group) for group in sorted(groups)) if self._base else {}
        made: dict[int, dict[str, Counts]] = {
            group: {word: _sum(NEVER, counts, 1) for word, counts in before.get(named(WORDS, group), {}).items()}
            for group in sorted(groups)
        }
        for word, counts in sorted(change.items()):
            held = made[group_of(word)]
            held[word] = _sum(held.get(word, NEVER), counts, 1)
        return {group: {word: n for word, n in held.items() if n != NEVER} for group, held in made.items()}

    def _retire(self, found: Changes, words: Mapping[int, Any]) -> None:
        names = [named(kind, key) for key in found.documents[1] for kind in (DOCUMENT, REST, TEXT)]
        names += [named(SOURCE, source) for source in found.sources[1]]
        names += [named(kind, row) for row in found.rows[1] for kind in (PASSAGE, INNER)]
        names += [named(WORDS, group) for group in words] + ([named(SHARED, "")] if found.shares else [])
        self._records.retire("name", names, self._seen, self._manifest.version)
        self._passages.retire("row", found.rows[1], self._seen, self._manifest.version)

    def _require_all_there(self) -> None:
        there = self._passages.count(Seen(self._manifest.version), patience=WRITING_PATIENCE)
        if there != self._manifest.chunks:
            raise IndexWriteFailed(
                f"{self._connection.address.shown} has {there} passages of {self._manifest.chunks} after the upload.",
                "The index is still at its last commit; run the command again.",
            )


def _sum(one: Sequence[int], other: Sequence[int], sign: int) -> Counts:
    return one[0] + sign * other[0], one[1] + sign * other[1], one[2] + sign * other[2]
