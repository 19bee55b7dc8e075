"""Keeps documents, their masks and their chunks in one SQLite file: the source of truth of an index.

A saved file is never written again: a writer works on its own copy, which becomes visible with the commit of the
whole index (`rag.index.index`). So a reader opens it as immutable and needs no lock, and the writer needs no journal.
Texts are stored as UTF-8 bytes, because SQLite's own functions stop at NUL.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.types import Chunk, Document, DocumentSummary, Fields, Layout, Mask, Span, tuples
from rag.index.storage.database import DatabaseFile, corrupt
from rag.index.storage.fingerprints import Overlaps
from rag.index.storage.metadata import LazyFields
from rag.index.storage.remedies import BUILD_AGAIN, REPAIR

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d

SCHEMA = """
CREATE TABLE sources (id TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT, text BLOB NOT NULL,
    length INTEGER NOT NULL, text_sha256 TEXT NOT NULL, title TEXT, format TEXT NOT NULL, source_path TEXT,
    source_sha256 TEXT, metadata TEXT NOT NULL, layout TEXT NOT NULL, masks TEXT NOT NULL);
CREATE INDEX documents_by_source ON documents (source);
CREATE INDEX documents_by_text ON documents (text_sha256);
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    headings TEXT NOT NULL, sentences TEXT NOT NULL, embedded_sha256 BLOB NOT NULL);
CREATE TABLE sentence_vectors (row INTEGER PRIMARY KEY, vectors BLOB NOT NULL);
CREATE INDEX chunks_by_document ON chunks (document);
CREATE INDEX chunks_by_embedded ON chunks (embedded_sha256);
"""
WRITING = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA secure_delete=ON")
"""Nobody else sees a file that is being written, and a commit makes it durable; what is removed is overwritten."""
MOST_FREE = 0.25
"""Share of a file that may stand empty after removals; beyond, it is written anew."""
CACHED_DOCUMENTS = 256
VARIABLES = 500
FEW_KEYS = 2_000
"""Documents up to which their rows are asked for; those of more are looked up in a table of all, read once."""


class Store:
    """The document store in one file."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        """Open a store, or with `writable` make one where there is none. Raises IndexCorrupt where it is not one."""
        self._path = path
        new = writable and not path.exists()
        self._file = DatabaseFile(path, writable)
        if writable:
            for statement in (*WRITING, *(SCHEMA.split(";") if new else ()), "BEGIN"):
                self._file.rows(statement)
        self.overlaps = Overlaps(self._file, writable)
        self._cached_document = lru_cache(maxsize=CACHED_DOCUMENTS)(partial(_read_document, self._file, path))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def commit(self) -> None:
        """Write what was collected since the store was opened. Raises OSError where the disk refuses."""
        # Kept until now: what is dropped and put again under another id is not embedded again.
        self._rows("DELETE FROM sentence_vectors WHERE row NOT IN (SELECT row FROM chunks)")
        self.overlaps.drop_orphans()
        self._rows("COMMIT")

    def compact(self) -> bool:
        """Give back the room of what was removed, where that is much; tell whether it was. Call it after `commit`."""
        ((free,),), ((pages,),) = self._rows("PRAGMA freelist_count"), self._rows("PRAGMA page_count")
        much = bool(free > pages * MOST_FREE)
        if much:
            self._rows("VACUUM")
        return much

    def put(
        self, document: Document, source: str | None, masks: Sequence[Mask], chunks: Sequence[Chunk],
        embedded_sha256: Sequence[bytes],
    ) -> list[int]:  # fmt: skip
        """Store a document with its masks and chunks; return the new rows of the chunks, in order."""
        key = self._file.insert(
            "INSERT INTO documents (id, source, text, length, text_sha256, title, format, source_path, source_sha256,"
            " metadata, layout, masks) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                document.id, source, document.text.encode(), len(document.text), document.text_sha256, document.title,
                document.format, document.source_path, document.source_sha256, _json(dict(document.metadata)),
                _json(asdict(document.layout)),
                _masks_json(masks),
            ),
        )  # fmt: skip
        self._cached_document.cache_clear()
        return self._put_chunks(key, chunks, embedded_sha256)

    def cut_again(
        self, document_id: str, masks: Sequence[Mask], chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]
    ) -> tuple[dict[int, bytes], list[int]]:
        """Give a held document other masks and chunks; return what `delete` and what `put` return."""
        before = self._drop_chunks(document_id)
        ((key,),) = self._rows("SELECT key FROM documents WHERE id = ?", (document_id,))
        self._rows("UPDATE documents SET masks = ? WHERE key = ?", (_masks_json(masks), key))
        return before, self._put_chunks(key, chunks, embedded_sha256)

    def _put_chunks(self, key: int, chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]) -> list[int]:
        return [
            self._file.insert(
                "INSERT INTO chunks (document, start, end, headings, sentences, embedded_sha256) VALUES (?,?,?,?,?,?)",
                (key, made.span.start, made.span.end, _json(made.headings), _json(made.sentences), sha),
            )
            for made, sha in zip(chunks, embedded_sha256, strict=True)
        ]

    def put_sentence_vectors(self, row: int, vectors: bytes) -> None:
        """Store what `dense.packed` makes of the vectors of a chunk's sentences."""
        self._rows("INSERT INTO sentence_vectors VALUES (?,?)", (row, vectors))

    def move(self, document_id: str, source: str | None, source_path: str | None) -> None:
        """Note where a held document lies now, and from which source it comes."""
        where = (source, source_path, document_id)
        self._rows("UPDATE documents SET source = ?, source_path = ? WHERE id = ?", where)
        self._cached_document.cache_clear()

    def delete(self, document_id: str) -> dict[int, bytes]:
        """Drop a document; return the rows of its chunks with the hash of what was embedded. Not held: empty."""
        rows = self._drop_chunks(document_id)
        self._rows("DELETE FROM documents WHERE id = ?", (document_id,))
        self._cached_document.cache_clear()
        return rows

    def _drop_chunks(self, document_id: str) -> dict[int, bytes]:
        own = "FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?)"
        rows = dict(self._rows(f"SELECT row, embedded_sha256 {own}", (document_id,)))
        self._rows(f"DELETE {own}", (document_id,))
        return rows

    def put_source(self, source: str, path: str, sha256: str) -> None:
        """Remember where a source lies and the hash of its bytes."""
        self._rows("INSERT OR REPLACE INTO sources VALUES (?,?,?)", (source, path, sha256))

    def delete_source(self, source: str) -> None:
        """Forget a source."""
        self._rows("DELETE FROM sources WHERE id = ?", (source,))

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""
        documents, chunks = (self._rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("documents", "chunks"))
        return int(documents), int(chunks)

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        return {key: (path, sha) for key, path, sha in self._rows("SELECT id, path, sha256 FROM sources")}

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source that a document came from; None where it has none or is not held."""
        found = self._rows("SELECT source FROM documents WHERE id = ?", (document_id,))
        return str(found[0][0]) if found and found[0][0] is not None else None

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents that a source held."""
        return [found[0] for found in self._rows("SELECT id FROM documents WHERE source = ? ORDER BY id", (source,))]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        found = self._rows(
            "SELECT id, title, source_path, length, (SELECT count(*) FROM chunks WHERE document = key), text_sha256"
            " FROM documents ORDER BY id"
        )
        return [DocumentSummary(*columns) for columns in found]

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        yield from self._rows("SELECT id, text_sha256 FROM documents ORDER BY id")

    def facts(self) -> Iterator[tuple[Any, ...]]:
        """Yield what decides the answers: of documents in order of id, then of chunks in order of document and place.

        Neither rows nor paths: two builds of the same sources have the same facts.
        """
        yield from self._rows("SELECT id, text_sha256, title, metadata, layout FROM documents ORDER BY id")
        yield from self._rows(
            "SELECT d.id, start, embedded_sha256 FROM chunks JOIN documents d ON key = document ORDER BY d.id, start"
        )

    @cached_property
    def fields(self) -> Fields:
        """Return what filters ask for, each key read once: of a store that is not written to."""
        columns = {"path": "source_path"}
        query = "SELECT key, {} FROM documents ORDER BY key"
        return LazyFields(lambda name: self._rows(query.format(columns.get(name, name))), partial(corrupt, self._path))

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order; of a store that is not written to."""
        if len(keys) > FEW_KEYS:
            rows, documents = self._rows_and_documents
            return rows[np.isin(documents, np.fromiter(keys, np.int64, len(keys)))]
        found = []
        for batch in _batches(sorted(keys)):
            query = f"SELECT row FROM chunks WHERE document IN ({','.join('?' * len(batch))})"
            found += [row for (row,) in self._rows(query, batch)]
        return np.array(sorted(found), np.int64)

    @cached_property
    def _rows_and_documents(self) -> "tuple[Ints1d, Ints1d]":
        table = np.array(self._rows("SELECT row, document FROM chunks ORDER BY row"), np.int64).reshape(-1, 2)
        return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])

    def document(self, document_id: str) -> Document | None:
        """Return a document, None where it is not held. Raises IndexCorrupt where its text is not what was stored."""
        return self._cached_document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        found = self._rows("SELECT masks FROM documents WHERE id = ?", (document_id,))
        try:
            return [
                Mask(Span(document_id, start, end), reason)
                for start, end, reason in (json.loads(found[0][0]) if found else [])
            ]
        except (ValueError, TypeError) as error:
            raise corrupt(self._path, error) from error

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of place."""
        found = self._rows(
            "SELECT row FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?) ORDER BY start",
            (document_id,),
        )
        return [row for (row,) in found]

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return [row for (row,) in self._rows("SELECT row FROM chunks ORDER BY row")]

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of rows, in the order asked. Raises IndexCorrupt for a row that is not held."""
        found: dict[int, Chunk] = {}
        for batch in _batches(list(dict.fromkeys(rows))):
            query = (
                "SELECT c.row, d.id, c.start, c.end, c.headings, c.sentences FROM chunks c"
                f" JOIN documents d ON d.key = c.document WHERE c.row IN ({','.join('?' * len(batch))})"
            )
            for row, *columns in self._rows(query, batch):
                found[row] = self._chunk(*columns)
        missing = [row for row in rows if row not in found]
        if missing:
            raise IndexCorrupt(f"The document store lacks chunk {missing[0]}.", REPAIR)
        return [found[row] for row in rows]

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return what was stored by `put_sentence_vectors`, by row."""
        found: dict[int, bytes] = {}
        for batch in _batches(list(rows)):
            marks = ",".join("?" * len(batch))
            found.update(self._rows(f"SELECT row, vectors FROM sentence_vectors WHERE row IN ({marks})", batch))
        return found

    def rows_by_embedded(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Return for each hash of embedded text a row that has it, where there is one."""
        found: dict[bytes, int] = {}
        for batch in _batches(hashes):
            marks = ",".join("?" * len(batch))
            found.update(
                self._rows(
                    f"SELECT embedded_sha256, min(row) FROM chunks WHERE embedded_sha256 IN ({marks}) GROUP BY 1", batch
                )
            )
        return found

    def problems(self) -> list[str]:
        """Return what SQLite's own check and our hashes find wrong, one line each; empty where all is well."""
        try:
            lines = [" ".join(line.split()) for (line,) in self._rows("PRAGMA integrity_check") if line != "ok"]
            for document_id, _ in self.hashes():
                try:
                    _read_document(self._file, self._path, document_id)
                except IndexCorrupt as error:
                    lines.append(error.message)
        except IndexCorrupt as error:
            lines = [error.message]
        return lines

    def _chunk(self, document_id: str, start: int, end: int, headings: str, inner: str) -> Chunk:
        document = self.document(document_id)
        if document is None:
            raise IndexCorrupt(f"The document store lacks document {document_id!r}.", BUILD_AGAIN)
        try:
            span = Span(document_id, start, end)
            pairs = tuple((low, high) for low, high in json.loads(inner))
            made = Chunk(span, document.slice(span), document.title, tuple(json.loads(headings)), pairs)
            for low, high in pairs:
                made.locate(low, high)
            return made
        except (ValueError, TypeError) as error:
            raise corrupt(self._path, error) from error

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._file.rows(query, values)


def _read_document(file: DatabaseFile, path: Path, document_id: str) -> Document | None:
    found = file.rows(
        "SELECT text, title, format, source_path, source_sha256, metadata, layout, text_sha256 FROM documents"
        " WHERE id = ?",
        (document_id,),
    )
    if not found:
        return None
    text, title, kind, source_path, sha, metadata, layout, text_sha256 = found[0]
    try:
        known = Layout(**{key: tuples(value) for key, value in json.loads(layout).items()})
        document = Document(document_id, text.decode(), title, kind, source_path, sha, json.loads(metadata), known)
    except (ValueError, TypeError, AttributeError) as error:
        raise corrupt(path, error) from error
    if document.text_sha256 != text_sha256:
        raise IndexCorrupt(f"The text of {document_id!r} is not what was stored.", BUILD_AGAIN)
    return document


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + VARIABLES] for start in range(0, len(values), VARIABLES))


def _masks_json(masks: Sequence[Mask]) -> str:
    return _json([[mask.span.start, mask.span.end, mask.reason] for mask in masks])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
