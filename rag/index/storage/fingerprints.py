"""Stores a MinHash sketch and the block hashes of each document, and the blocks that many documents share.

The tables are part of the document store, whose file is given (`rag.index.storage.documents`). An index that was
written before there were such tables gets them with its next write.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from rag.index.storage.database import DatabaseFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS sketches (document INTEGER PRIMARY KEY, sketch BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS traces (document INTEGER PRIMARY KEY, trace BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS shared_blocks (block INTEGER PRIMARY KEY)
"""


TRACE = np.dtype([("block", "<i8"), ("length", "<u4")])
"""An entry of a trace: the hash of a block, 0 for one that is never masked as repeated, and its characters."""


class Traced(NamedTuple):
    """What is known of a document without its text: `rag.index.writing.near_duplicates.sketch` and `trace`."""

    sketch: bytes
    trace: bytes


class Overlaps:
    """The tables of a document store that say what its documents have in common."""

    def __init__(self, file: DatabaseFile, writable: bool) -> None:
        """Use the tables in `file`; make them where it is `writable` and has none."""
        self._file = file
        for statement in SCHEMA.split(";") if writable else ():
            file.rows(statement)

    def put(self, document_id: str, sketch: bytes, trace: bytes) -> None:
        """Store what `rag.index.writing.near_duplicates` and `rag.index.writing.repeated_blocks` make of a document."""
        for table, value in (("sketches", sketch), ("traces", trace)):
            self._file.rows(
                f"INSERT OR REPLACE INTO {table} SELECT key, ? FROM documents WHERE id = ?", (value, document_id)
            )

    def lacking(self) -> list[str]:
        """Return the documents for which `put` is still to be called, in order of id."""
        found = self._file.rows(
            "SELECT id FROM documents WHERE key NOT IN (SELECT document FROM sketches)"
            " OR key NOT IN (SELECT document FROM traces) ORDER BY id"
        )
        return [document_id for (document_id,) in found]

    def drop_orphans(self) -> None:
        """Drop what is known of documents that are not held any more."""
        for table in ("sketches", "traces"):
            self._file.rows(f"DELETE FROM {table} WHERE document NOT IN (SELECT key FROM documents)")

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, newest first, then in order of id; of equal texts only the first."""
        if not self._file.rows("SELECT 1 FROM sqlite_master WHERE name = 'sketches'"):
            return {}  # the index was written before there were any
        found = self._file.rows(
            "SELECT id, text_sha256, sketch FROM documents JOIN sketches ON document = key"
            " ORDER BY json_extract(metadata, '$.published_at') DESC, id"
        )
        first: dict[str, tuple[str, bytes]] = {}
        for document_id, sha256, held in found:
            first.setdefault(sha256, (document_id, held))
        return dict(first.values())

    def traced(self) -> list[Traced]:
        """Return sketch and trace of every document in order of id; of equal texts only the first."""
        found = self._file.rows(
            "SELECT text_sha256, sketch, trace FROM documents JOIN sketches s ON s.document = key"
            " JOIN traces t ON t.document = key ORDER BY id"
        )
        first: dict[str, Traced] = {}
        for sha256, sketch, trace in found:
            first.setdefault(sha256, Traced(sketch, trace))
        return [*first.values()]

    def holders(self, blocks: Iterable[int]) -> list[str]:
        """Return the documents that have at least one of these blocks, in order of id."""
        wanted = np.array(sorted(blocks), np.int64)
        found = self._file.rows("SELECT id, trace FROM documents JOIN traces ON document = key ORDER BY id")
        return [key for key, trace in found if np.isin(np.frombuffer(trace, TRACE)["block"], wanted).any()]

    def shared(self) -> frozenset[int]:
        """Return the blocks that `put_shared` stored last."""
        return frozenset(block for (block,) in self._file.rows("SELECT block FROM shared_blocks"))

    def put_shared(self, blocks: Iterable[int]) -> None:
        """Store which blocks are shared by many documents, in place of what was stored."""
        self._file.rows("DELETE FROM shared_blocks")
        for block in sorted(blocks):
            self._file.rows("INSERT INTO shared_blocks VALUES (?)", (block,))
