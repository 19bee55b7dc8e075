"""Stores documents, their masks and their chunks in one SQLite file: the source of truth of an index.

A saved file is never written again. A writer works on its own copy, which becomes visible with the commit of the whole
index (`rag.index.writing.commit`). So a reader opens it as immutable without a lock, and the writer needs no journal.
Texts are stored as UTF-8 bytes, because SQLite's own functions stop at NUL.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.types import Chunk, Document, DocumentSummary, Fields, Layout, Mask, Span, tuples
from rag.index.storage.database import DatabaseFile, corrupt
from rag.index.storage.fingerprints import FingerprintTables
from rag.index.storage.metadata import LazyFields
from rag.index.storage.remedies import BUILD_AGAIN, REPAIR
from rag.loading.composing import LEFT_OUT_KEY

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d

DOCUMENT_TABLES = """
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
WRITE_PRAGMAS = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA secure_delete=ON")
"""No journal, because nobody else sees the file and the commit of the index syncs it. Deleted text is overwritten."""
MAX_FREE_SHARE = 0.25
"""Share of the pages that may be empty after removals. Above it the file is rewritten."""
MAX_CACHED_DOCUMENTS, MAX_CACHED_CHUNKS = 256, 2_000
MAX_QUERY_VALUES = 500
MAX_QUERIED_DOCUMENTS = 2_000
"""Up to this many documents their rows are queried. The rows of more are looked up in a table that is read once."""


class Store:
    """The document store in one file."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        """Open a store; with `writable` create it if it does not exist. Raises IndexCorrupt if the file is no store."""
        self._path = path
        new = writable and not path.exists()
        self._file = DatabaseFile(path, writable)
        if writable:
            for statement in (*WRITE_PRAGMAS, *(DOCUMENT_TABLES.split(";") if new else ()), "BEGIN"):
                self._file.rows(statement)
        self.overlaps = FingerprintTables(self._file, writable)
        self._cached_document = lru_cache(maxsize=MAX_CACHED_DOCUMENTS)(partial(_read_document, self._file, path))
        self._cached_chunk = lru_cache(maxsize=MAX_CACHED_CHUNKS)(partial(_read_chunk, self._cached_document, path))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def commit(self) -> None:
        """Write all changes since the store was opened. Raises OSError if the disk refuses."""
        # Only now, because a document that is removed and added again under another id needs no new vectors.
        self._rows("DELETE FROM sentence_vectors WHERE row NOT IN (SELECT row FROM chunks)")
        self.overlaps.drop_orphans()
        self._rows("COMMIT")

    def compact(self) -> bool:
        """Rewrite the file if many of its pages are free. Tell whether it was rewritten. Call it after `commit`."""
        ((free,),), ((pages,),) = self._rows("PRAGMA freelist_count"), self._rows("PRAGMA page_count")
        if free <= pages * MAX_FREE_SHARE:
            return False
        self._rows("VACUUM")
        return True

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
        self._forget()
        return self._put_chunks(key, chunks, embedded_sha256)

    def replace_chunks(
        self, document_id: str, masks: Sequence[Mask], chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]
    ) -> tuple[dict[int, bytes], list[int]]:
        """Replace the masks and chunks of a stored document. Return the result of `delete` and that of `put`."""
        old_rows = self._drop_chunks(document_id)
        ((key,),) = self._rows("SELECT key FROM documents WHERE id = ?", (document_id,))
        self._rows("UPDATE documents SET masks = ? WHERE key = ?", (_masks_json(masks), key))
        return old_rows, self._put_chunks(key, chunks, embedded_sha256)

    def _put_chunks(self, key: int, chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]) -> list[int]:
        return [
            self._file.insert(
                "INSERT INTO chunks (document, start, end, headings, sentences, embedded_sha256) VALUES (?,?,?,?,?,?)",
                (key, chunk.span.start, chunk.span.end, _json(chunk.headings), _json(chunk.sentences), sha),
            )
            for chunk, sha in zip(chunks, embedded_sha256, strict=True)
        ]

    def put_sentence_vectors(self, row: int, vectors: bytes) -> None:
        """Store the vectors of a chunk's sentences, packed by `sentence_vectors.packed`."""
        self._rows("INSERT INTO sentence_vectors VALUES (?,?)", (row, vectors))

    def move(self, document_id: str, source: str | None, source_path: str | None) -> None:
        """Record the new source and path of a stored document."""
        location = (source, source_path, document_id)
        self._rows("UPDATE documents SET source = ?, source_path = ? WHERE id = ?", location)
        self._forget()

    def delete(self, document_id: str) -> dict[int, bytes]:
        """Delete a document. Return the hash of the embedded text of each of its rows, none if it is not stored."""
        rows = self._drop_chunks(document_id)
        self._rows("DELETE FROM documents WHERE id = ?", (document_id,))
        self._forget()
        return rows

    def _drop_chunks(self, document_id: str) -> dict[int, bytes]:
        own = "FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?)"
        rows = dict(self._rows(f"SELECT row, embedded_sha256 {own}", (document_id,)))
        self._rows(f"DELETE {own}", (document_id,))
        return rows

    def put_source(self, source: str, path: str, sha256: str) -> None:
        """Record the path of a source and the hash of its bytes."""
        self._rows("INSERT OR REPLACE INTO sources VALUES (?,?,?)", (source, path, sha256))

    def delete_source(self, source: str) -> None:
        """Delete the record of a source."""
        self._rows("DELETE FROM sources WHERE id = ?", (source,))

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""
        documents, chunks = (self._rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("documents", "chunks"))
        return int(documents), int(chunks)

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        return {key: (path, sha) for key, path, sha in self._rows("SELECT id, path, sha256 FROM sources")}

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source of a document, None if it has no source or is not stored."""
        rows = self._rows("SELECT source FROM documents WHERE id = ?", (document_id,))
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents of a source, in order."""
        return [row[0] for row in self._rows("SELECT id FROM documents WHERE source = ? ORDER BY id", (source,))]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        return self._summaries(f"{_SUMMARY} ORDER BY id", ())

    def summaries_of(self, document_ids: Sequence[str]) -> Iterator[DocumentSummary]:
        """Yield the documents of these ids without their texts; an id that is not stored is passed over."""
        for batch in _batches(document_ids):
            yield from self._summaries(f"{_SUMMARY} WHERE id IN ({','.join('?' * len(batch))}) ORDER BY id", batch)

    def _summaries(self, query: str, values: Sequence[Any]) -> list[DocumentSummary]:
        try:
            return [
                DocumentSummary(
                    key, title, path, length, chunks, sha, masked_characters(json.loads(masks)), optional_text(left_out)
                )
                for key, title, path, length, chunks, sha, masks, left_out in self._rows(query, values)
            ]
        except (ValueError, TypeError) as error:
            raise corrupt(self._path, error) from error

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        yield from self._rows("SELECT id, text_sha256 FROM documents ORDER BY id")

    def hashes_like(self, document_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document with the text of one of these, in order of id."""
        hashes = set[str]()
        for batch in _batches(document_ids):
            marks = ",".join("?" * len(batch))
            hashes.update(
                sha for (sha,) in self._rows(f"SELECT text_sha256 FROM documents WHERE id IN ({marks})", batch)
            )
        yield from (pair for pair in self.hashes() if pair[1] in hashes)

    def facts(self) -> Iterator[tuple[Any, ...]]:
        """Yield all facts that decide the answers: of documents by id, then of chunks by document and offset.

        Row numbers and paths are left out, so that two builds of the same sources have the same facts.
        """
        yield from self._rows("SELECT id, text_sha256, title, metadata, layout FROM documents ORDER BY id")
        yield from self._rows(
            "SELECT d.id, start, embedded_sha256 FROM chunks JOIN documents d ON key = document ORDER BY d.id, start"
        )

    @cached_property
    def fields(self) -> Fields:
        """Return the values that filters compare. Each key is read once, so the store must be read-only."""
        columns = {"path": "source_path"}
        query = "SELECT key, {} FROM documents ORDER BY key"
        return LazyFields(lambda name: self._rows(query.format(columns.get(name, name))), partial(corrupt, self._path))

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order. The store must be read-only."""
        if len(keys) > MAX_QUERIED_DOCUMENTS:
            all_rows, documents = self._rows_and_documents
            return all_rows[np.isin(documents, np.fromiter(keys, np.int64, len(keys)))]
        rows = []
        for batch in _batches(sorted(keys)):
            query = f"SELECT row FROM chunks WHERE document IN ({','.join('?' * len(batch))})"
            rows += [row for (row,) in self._rows(query, batch)]
        return np.array(sorted(rows), np.int64)

    @cached_property
    def _rows_and_documents(self) -> "tuple[Ints1d, Ints1d]":
        table = np.array(self._rows("SELECT row, document FROM chunks ORDER BY row"), np.int64).reshape(-1, 2)
        return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])

    def document(self, document_id: str) -> Document | None:
        """Return a document, None if it is not stored. Raises IndexCorrupt if its text has changed since."""
        return self._cached_document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        rows = self._rows("SELECT masks FROM documents WHERE id = ?", (document_id,))
        try:
            return [
                Mask(Span(document_id, start, end), reason)
                for start, end, reason in (json.loads(rows[0][0]) if rows else [])
            ]
        except (ValueError, TypeError) as error:
            raise corrupt(self._path, error) from error

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of their start."""
        rows = self._rows(
            "SELECT row FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?) ORDER BY start",
            (document_id,),
        )
        return [row for (row,) in rows]

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return [row for (row,) in self._rows("SELECT row FROM chunks ORDER BY row")]

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of `rows`, in that order. Raises IndexCorrupt if a row does not exist."""
        chunks: dict[int, Chunk] = {}
        for batch in _batches(list(dict.fromkeys(rows))):
            query = (
                "SELECT c.row, d.id, c.start, c.end, c.headings, c.sentences FROM chunks c"
                f" JOIN documents d ON d.key = c.document WHERE c.row IN ({','.join('?' * len(batch))})"
            )
            for row, *columns in self._rows(query, batch):
                chunks[row] = self._cached_chunk(*columns)
        for row in rows:
            if row not in chunks:
                raise IndexCorrupt(f"The document store lacks chunk {row}.", REPAIR)
        return [chunks[row] for row in rows]

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the packed sentence vectors of each row that has them (`put_sentence_vectors`)."""
        vectors: dict[int, bytes] = {}
        for batch in _batches(list(rows)):
            marks = ",".join("?" * len(batch))
            vectors.update(self._rows(f"SELECT row, vectors FROM sentence_vectors WHERE row IN ({marks})", batch))
        return vectors

    def rows_by_embedded(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Return the first row of each hash of embedded text that is stored."""
        first_rows: dict[bytes, int] = {}
        for batch in _batches(hashes):
            marks = ",".join("?" * len(batch))
            first_rows.update(
                self._rows(
                    f"SELECT embedded_sha256, min(row) FROM chunks WHERE embedded_sha256 IN ({marks}) GROUP BY 1", batch
                )
            )
        return first_rows

    def problems(self) -> list[str]:
        """Return the faults that SQLite's check and the hashes of the texts find, one line each."""
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

    def _forget(self) -> None:
        """Drop what is cached of documents and chunks, because a document has changed."""
        self._cached_document.cache_clear()
        self._cached_chunk.cache_clear()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._file.rows(query, values)


_SUMMARY = (
    "SELECT id, title, source_path, length, (SELECT count(*) FROM chunks WHERE document = key), text_sha256,"
    f" masks, json_extract(metadata, '$.{LEFT_OUT_KEY}') FROM documents"
)


def _read_chunk(
    document_of: Callable[[str], Document | None],
    path: Path,
    document_id: str,
    start: int,
    end: int,
    headings: str,
    inner: str,
) -> Chunk:
    document = document_of(document_id)
    if document is None:
        raise IndexCorrupt(f"The document store lacks document {document_id!r}.", BUILD_AGAIN)
    try:
        span = Span(document_id, start, end)
        pairs = tuple((low, high) for low, high in json.loads(inner))
        # What `Chunk.locate` would check, without a span for each of the hundreds of sentences that a question passes.
        if not all(0 <= low <= high <= end - start for low, high in pairs):
            raise ValueError(f"a sentence lies outside {span}")
        return Chunk(span, document.slice(span), document.title, tuple(json.loads(headings)), pairs)
    except (ValueError, TypeError) as error:
        raise corrupt(path, error) from error


def optional_text(value: object) -> str | None:
    """Return a value of metadata as text, None if the key is absent."""
    return None if value is None else str(value)


def masked_characters(masks: Iterable[tuple[int, int, str]]) -> dict[str, int]:
    """Return the number of masked characters of each reason.

    >>> masked_characters([(0, 10, "share"), (20, 25, "credit"), (30, 31, "share")])
    {'share': 11, 'credit': 5}
    """
    characters = Counter[str]()
    for start, end, reason in masks:
        characters[reason] += end - start
    return dict(characters)


def _read_document(file: DatabaseFile, path: Path, document_id: str) -> Document | None:
    rows = file.rows(
        "SELECT text, title, format, source_path, source_sha256, metadata, layout, text_sha256 FROM documents"
        " WHERE id = ?",
        (document_id,),
    )
    if not rows:
        return None
    text, title, kind, source_path, sha, metadata, layout_json, text_sha256 = rows[0]
    try:
        layout = Layout(**{key: tuples(value) for key, value in json.loads(layout_json).items()})
        document = Document(document_id, text.decode(), title, kind, source_path, sha, json.loads(metadata), layout)
    except (ValueError, TypeError, AttributeError) as error:
        raise corrupt(path, error) from error
    if document.text_sha256 != text_sha256:
        raise IndexCorrupt(f"The text of {document_id!r} is not what was stored.", BUILD_AGAIN)
    return document


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + MAX_QUERY_VALUES] for start in range(0, len(values), MAX_QUERY_VALUES))


def _masks_json(masks: Sequence[Mask]) -> str:
    return _json([[mask.span.start, mask.span.end, mask.reason] for mask in masks])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
