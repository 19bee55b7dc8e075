"""Keeps documents, their masks and their chunks in one SQLite file: the source of truth of an index.

A saved file is never written again: a writer works on its own copy, which becomes visible with the commit of the
whole index (`rag.index`). So a reader opens it as immutable and needs no lock, and the writer needs no journal.
Texts are stored as UTF-8 bytes, because SQLite's own functions stop at NUL.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rag.errors import IndexCorrupt
from rag.types import Chunk, Document, Mask, Span

SCHEMA = """
CREATE TABLE sources (id TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT, text BLOB NOT NULL,
    text_sha256 TEXT NOT NULL, title TEXT, format TEXT NOT NULL, source_path TEXT, source_sha256 TEXT,
    metadata TEXT NOT NULL, masks TEXT NOT NULL);
CREATE INDEX documents_by_source ON documents (source);
CREATE INDEX documents_by_text ON documents (text_sha256);
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    headings TEXT NOT NULL, sentences TEXT NOT NULL, embedded_sha256 BLOB NOT NULL);
CREATE INDEX chunks_by_document ON chunks (document);
CREATE INDEX chunks_by_embedded ON chunks (embedded_sha256);
"""
CACHED_DOCUMENTS = 256
VARIABLES = 500


@dataclass(frozen=True)
class DocumentSummary:
    """A document without its text."""

    id: str
    title: str | None
    source_path: str | None
    length: int
    chunks: int
    text_sha256: str


class Store:
    """The document store in one file."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        """Open a store, or with `writable` make one where there is none. Raises IndexCorrupt where it is not one."""
        self._path = path
        new = writable and not path.exists()
        location = f"file:{quote(str(path.absolute()))}"
        mode = "?mode=rwc" if writable else "?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(location + mode, uri=True, check_same_thread=False, isolation_level=None)
            if writable:
                self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
            if new:
                self._database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise _corrupt(path, error) from error
        self._cached_document = lru_cache(maxsize=CACHED_DOCUMENTS)(self._read_document)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def begin(self) -> None:
        """Start collecting writes; they reach the file at `commit`."""
        self._database.execute("BEGIN")

    def commit(self) -> None:
        """Write what was collected. Raises OSError where the disk refuses."""
        try:
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OSError(f"{self._path}: {error}") from error

    # Writing

    def put(
        self, document: Document, source: str | None, masks: Sequence[Mask], chunks: Sequence[Chunk],
        embedded_sha256: Sequence[bytes],
    ) -> list[int]:  # fmt: skip
        """Store a document with its masks and chunks; return the new rows of the chunks, in order."""
        key = self._execute(
            "INSERT INTO documents (id, source, text, text_sha256, title, format, source_path, source_sha256,"
            " metadata, masks) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                document.id, source, document.text.encode(), document.text_sha256, document.title, document.format,
                document.source_path, document.source_sha256, _json(dict(document.metadata)),
                _json([[mask.span.start, mask.span.end, mask.reason] for mask in masks]),
            ),
        ).lastrowid  # fmt: skip
        return [
            int(self._execute(
                "INSERT INTO chunks (document, start, end, headings, sentences, embedded_sha256) VALUES (?,?,?,?,?,?)",
                (key, made.span.start, made.span.end, _json(made.headings), _json(made.sentences), sha),
            ).lastrowid or 0)
            for made, sha in zip(chunks, embedded_sha256, strict=True)
        ]  # fmt: skip

    def delete(self, document_id: str) -> list[int]:
        """Drop a document; return the rows its chunks had. One that is not held gives none."""
        rows = self.rows_of(document_id)
        self._execute("DELETE FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?)", (document_id,))
        self._execute("DELETE FROM documents WHERE id = ?", (document_id,))
        self._cached_document.cache_clear()
        return rows

    def put_source(self, source: str, path: str, sha256: str) -> None:
        """Remember where a source lies and the hash of its bytes."""
        self._execute("INSERT OR REPLACE INTO sources VALUES (?,?,?)", (source, path, sha256))

    def delete_source(self, source: str) -> None:
        """Forget a source."""
        self._execute("DELETE FROM sources WHERE id = ?", (source,))

    # Reading

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""
        return (
            int(self._execute("SELECT count(*) FROM documents").fetchone()[0]),
            int(self._execute("SELECT count(*) FROM chunks").fetchone()[0]),
        )

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        return {key: (path, sha) for key, path, sha in self._execute("SELECT id, path, sha256 FROM sources")}

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents that a source held."""
        return [found[0] for found in self._execute("SELECT id FROM documents WHERE source = ? ORDER BY id", (source,))]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        found = self._execute(
            "SELECT id, title, source_path, text, (SELECT count(*) FROM chunks WHERE document = key), text_sha256"
            " FROM documents ORDER BY id"
        )
        return [
            DocumentSummary(key, title, path, len(text.decode()), chunks, sha)
            for key, title, path, text, chunks, sha in found
        ]

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        yield from self._execute("SELECT id, text_sha256 FROM documents ORDER BY id")

    def document(self, document_id: str) -> Document | None:
        """Return a document, None where it is not held. Raises IndexCorrupt where its text is not what was stored."""
        return self._cached_document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        found = self._execute("SELECT masks FROM documents WHERE id = ?", (document_id,)).fetchone()
        return [
            Mask(Span(document_id, start, end), reason)
            for start, end, reason in (json.loads(found[0]) if found else [])
        ]

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of place."""
        found = self._execute(
            "SELECT row FROM chunks WHERE document = (SELECT key FROM documents WHERE id = ?) ORDER BY start",
            (document_id,),
        )
        return [row for (row,) in found]

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return [row for (row,) in self._execute("SELECT row FROM chunks ORDER BY row")]

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of rows, in the order asked. Raises IndexCorrupt for a row that is not held."""
        found: dict[int, Chunk] = {}
        for batch in _batches(list(dict.fromkeys(rows))):
            query = (
                "SELECT c.row, d.id, c.start, c.end, c.headings, c.sentences FROM chunks c"
                f" JOIN documents d ON d.key = c.document WHERE c.row IN ({','.join('?' * len(batch))})"
            )
            for row, *columns in self._execute(query, batch).fetchall():
                found[row] = self._chunk(*columns)
        missing = [row for row in rows if row not in found]
        if missing:
            raise IndexCorrupt(f"The document store lacks chunk {missing[0]}.", "Run `rag check --repair`.")
        return [found[row] for row in rows]

    def rows_by_embedded(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Return for each hash of embedded text a row that has it, where there is one."""
        found: dict[bytes, int] = {}
        for batch in _batches(hashes):
            marks = ",".join("?" * len(batch))
            found.update(
                self._execute(
                    f"SELECT embedded_sha256, min(row) FROM chunks WHERE embedded_sha256 IN ({marks}) GROUP BY 1", batch
                ).fetchall()
            )
        return found

    def problems(self) -> list[str]:
        """Return what SQLite's own check and our hashes find wrong, one line each; empty where all is well."""
        try:
            lines = [line for (line,) in self._execute("PRAGMA integrity_check") if line != "ok"]
            for key, text, sha in self._execute("SELECT id, text, text_sha256 FROM documents"):
                if Document(key, text.decode()).text_sha256 != sha:
                    lines.append(f"the text of document {key!r} is not what was stored")
        except (sqlite3.DatabaseError, UnicodeDecodeError, IndexCorrupt) as error:
            lines = [str(error)]
        return lines

    def _chunk(self, document_id: str, start: int, end: int, headings: str, inner: str) -> Chunk:
        document = self.document(document_id)
        if document is None:
            raise IndexCorrupt(f"The document store lacks document {document_id!r}.", "Build the index again.")
        span = Span(document_id, start, end)
        pairs = tuple((low, high) for low, high in json.loads(inner))
        return Chunk(span, document.slice(span), document.title, tuple(json.loads(headings)), pairs)

    def _read_document(self, document_id: str) -> Document | None:
        found = self._execute(
            "SELECT text, title, format, source_path, source_sha256, metadata, text_sha256 FROM documents WHERE id = ?",
            (document_id,),
        ).fetchone()
        if found is None:
            return None
        text, title, kind, path, sha, metadata, text_sha256 = found
        document = Document(document_id, text.decode(), title, kind, path, sha, json.loads(metadata))
        if document.text_sha256 != text_sha256:
            raise IndexCorrupt(f"The text of {document_id!r} is not what was stored.", "Build the index again.")
        return document

    def _execute(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(query, values)
        except sqlite3.OperationalError as error:
            if "full" in str(error) or "disk I/O" in str(error):
                raise OSError(f"{self._path}: {error}") from error
            raise _corrupt(self._path, error) from error
        except sqlite3.DatabaseError as error:
            raise _corrupt(self._path, error) from error


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + VARIABLES] for start in range(0, len(values), VARIABLES))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _corrupt(path: Path, error: Exception) -> IndexCorrupt:
    return IndexCorrupt(f"{path} is damaged: {error}.", "Run `rag check`, then build the index again.")
