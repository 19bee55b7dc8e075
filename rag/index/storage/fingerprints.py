"""Stores a MinHash sketch and the block hashes of each document, and the blocks that many documents share.

The tables are part of the file of the document store (`rag.index.storage.documents`). The next write adds them to an
index that is older than these tables.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from rag.index.storage.database import DatabaseFile

FINGERPRINT_TABLES = """
CREATE TABLE IF NOT EXISTS sketches (document INTEGER PRIMARY KEY, sketch BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS traces (document INTEGER PRIMARY KEY, trace BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS shared_blocks (block INTEGER PRIMARY KEY)
"""


BLOCK_HASH = np.dtype([("block", "<i8"), ("length", "<u4")])
"""The hash of a block and its length in characters. The hash is 0 if the block is never masked as repeated."""


class Fingerprint(NamedTuple):
    """The MinHash sketch (`near_duplicates.sketch`) and the block hashes (`repeated_blocks.block_hashes`) of a text."""

    sketch: bytes
    block_hashes: bytes


class FingerprintTables:
    """The tables of a document store that hold the fingerprints of its documents and their shared blocks."""

    def __init__(self, file: DatabaseFile, writable: bool) -> None:
        """Use the tables in `file`. If it is `writable`, create those that it lacks."""
        self._file = file
        for statement in FINGERPRINT_TABLES.split(";") if writable else ():
            file.rows(statement)

    def put(self, document_id: str, fingerprint: Fingerprint) -> None:
        """Store the fingerprint of a document."""
        for table, value in (("sketches", fingerprint.sketch), ("traces", fingerprint.block_hashes)):
            self._file.rows(
                f"INSERT OR REPLACE INTO {table} SELECT key, ? FROM documents WHERE id = ?", (value, document_id)
            )

    def missing_documents(self) -> list[str]:
        """Return the ids of the documents without a fingerprint, in order."""
        rows = self._file.rows(
            "SELECT id FROM documents WHERE key NOT IN (SELECT document FROM sketches)"
            " OR key NOT IN (SELECT document FROM traces) ORDER BY id"
        )
        return [document_id for (document_id,) in rows]

    def drop_orphans(self) -> None:
        """Delete the fingerprints of documents that are no longer stored."""
        for table in ("sketches", "traces"):
            self._file.rows(f"DELETE FROM {table} WHERE document NOT IN (SELECT key FROM documents)")

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, newest first, then by id. If texts are equal, only the first counts."""
        if not self._file.rows("SELECT 1 FROM sqlite_master WHERE name = 'sketches'"):
            return {}  # the index is older than this table
        rows = self._file.rows(
            "SELECT id, text_sha256, sketch FROM documents JOIN sketches ON document = key"
            " ORDER BY json_extract(metadata, '$.published_at') DESC, id"
        )
        first: dict[str, tuple[str, bytes]] = {}
        for document_id, sha256, sketch in rows:
            first.setdefault(sha256, (document_id, sketch))
        return dict(first.values())

    def sketches_like(self, document_ids: Sequence[str]) -> dict[str, bytes]:
        """Return all sketches, because they are read as fast as they could be searched."""
        return self.sketches()

    def text_count(self) -> int:
        """Return the number of different texts."""
        return int(self._file.rows("SELECT count(DISTINCT text_sha256) FROM documents")[0][0])

    def fingerprints(self) -> list[Fingerprint]:
        """Return the fingerprint of every document by id. If texts are equal, only the first counts."""
        rows = self._file.rows(
            "SELECT text_sha256, sketch, trace FROM documents JOIN sketches s ON s.document = key"
            " JOIN traces t ON t.document = key ORDER BY id"
        )
        first: dict[str, Fingerprint] = {}
        for sha256, sketch, hashes in rows:
            first.setdefault(sha256, Fingerprint(sketch, hashes))
        return [*first.values()]

    def documents_with(self, blocks: Iterable[int]) -> list[str]:
        """Return the ids of the documents that have at least one of these blocks, in order."""
        block_array = np.array(sorted(blocks), np.int64)
        rows = self._file.rows("SELECT id, trace FROM documents JOIN traces ON document = key ORDER BY id")
        return [
            document_id
            for document_id, hashes in rows
            if np.isin(np.frombuffer(hashes, BLOCK_HASH)["block"], block_array).any()
        ]

    def shared_blocks(self) -> frozenset[int]:
        """Return the hashes of the blocks that `put_shared_blocks` stored last."""
        if not self._file.rows("SELECT 1 FROM sqlite_master WHERE name = 'shared_blocks'"):
            return frozenset()  # the index is older than this table
        return frozenset(block for (block,) in self._file.rows("SELECT block FROM shared_blocks"))

    def put_shared_blocks(self, blocks: Iterable[int]) -> None:
        """Replace the stored hashes of the blocks that many documents share."""
        self._file.rows("DELETE FROM shared_blocks")
        for block in sorted(blocks):
            self._file.rows("INSERT INTO shared_blocks VALUES (?)", (block,))
