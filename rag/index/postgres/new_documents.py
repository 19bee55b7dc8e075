"""Writes the documents, masks and passages of the next version of an index in PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from rag.core.types import Chunk, Document, Mask
from rag.index.postgres.documents import PostgresDocuments, Visible, document_values, stored_json
from rag.index.postgres.fingerprints import FINGERPRINTED, PostgresFingerprints
from rag.index.postgres.session import WriteSession
from rag.index.postgres.values import key_batches, restored_name, sql_name
from rag.index.storage.fingerprints import BLOCK_HASH, Fingerprint
from rag.index.writing.repeated_blocks import min_owners, shared_among
from rag.loading.sources import place_of, printable_path

MAX_BUFFERED_ROWS, OWNERS_PER_QUERY = 512, 64
CURRENT = Visible(None)


class NewPostgresDocuments(PostgresDocuments):
    """The documents of the version that is being written."""

    def __init__(self, session: WriteSession) -> None:
        """Read and write in the transaction of the session."""
        super().__init__(session.shown, session.rows, CURRENT, (0, 0))
        self._session = session
        self.overlaps: NewPostgresFingerprints = NewPostgresFingerprints(session)
        self._sentence_vectors: list[tuple[int, bytes]] = []

    def put(
        self, document: Document, source: str | None, masks: Sequence[Mask], chunks: Sequence[Chunk],
        embedded_sha256: Sequence[bytes],
    ) -> list[int]:  # fmt: skip
        """Store a document with its masks and passages; return the new rows of the passages, in order."""
        session = self._session
        self.overlaps.note_change(document.text_sha256)
        (key,) = session.new_numbers("next_document", 1)
        session.counts["documents"] += 1
        session.rows(
            "INSERT INTO documents (key, added_in, id, source, title, format, source_path, source_sha256, metadata,"
            " length, text_sha256, text, nul_offsets, layout)"
            " VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s::text::json,%s,%s,%s,%s,%s::text::json)",
            (key, session.version, *document_values(document, source)),
        )
        self.forget()
        return self._put_chunks(key, masks, chunks, embedded_sha256)

    def replace_chunks(
        self, document_id: str, masks: Sequence[Mask], chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]
    ) -> tuple[dict[int, bytes], list[int]]:
        """Replace the masks and passages of a stored document. Return the result of `delete` and that of `put`."""
        key = self._key(document_id)
        old_rows = self._drop_chunks(key)
        self.forget()
        return old_rows, self._put_chunks(key, masks, chunks, embedded_sha256)

    def put_sentence_vectors(self, row: int, vectors: bytes) -> None:
        """Store the vectors of a passage's sentences, packed by `sentence_vectors.packed`."""
        self._sentence_vectors.append((row, vectors))
        if len(self._sentence_vectors) >= MAX_BUFFERED_ROWS:
            self._flush()

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the packed sentence vectors of each row that has them."""
        self._flush()
        return super().sentence_vectors(rows)

    def move(self, document_id: str, source: str | None, source_path: str | None) -> None:
        """Record the new source and path of a stored document."""
        version, place = self._session.version, (sql_name(source), sql_name(source_path))
        old = self._session.rows(
            "UPDATE documents SET removed_in = %s WHERE id = %s AND removed_in IS NULL RETURNING key, added_in",
            (version, sql_name(document_id)),
        )
        key, added_in = old[0]
        columns = "format, title, source_sha256, metadata, length, text_sha256, text, nul_offsets, layout"
        if added_in == version:
            query = (
                "UPDATE documents SET removed_in = NULL, source = %s, source_path = %s WHERE key = %s AND added_in = %s"
            )
            self._session.rows(query, (*place, key, version))
        else:
            self._session.rows(
                f"INSERT INTO documents (key, id, {columns}, source, source_path, added_in)"
                f" SELECT key, id, {columns}, %s, %s, %s FROM documents WHERE key = %s AND added_in = %s",
                (*place, version, key, added_in),
            )
        self.forget()

    def delete(self, document_id: str) -> dict[int, bytes]:
        """Delete a document. Return the hash of the embedded text of each of its rows, none if it is not stored."""
        query = "SELECT text_sha256 FROM documents WHERE id = %s AND removed_in IS NULL"
        for (text_sha256,) in self._session.rows(query, (sql_name(document_id),)):
            self.overlaps.note_change(text_sha256)
        keys = self._session.rows(
            "UPDATE documents SET removed_in = %s WHERE id = %s AND removed_in IS NULL RETURNING key",
            (self._session.version, sql_name(document_id)),
        )
        self.forget()
        self._session.counts["documents"] -= len(keys)
        return self._drop_chunks(keys[0][0]) if keys else {}

    def put_source(self, source: str, path: str, sha256: str) -> None:
        """Record the path of a source and the hash of its bytes."""
        self._session.rows(
            "INSERT INTO sources VALUES (%s,%s,%s,%s)"
            " ON CONFLICT (id) DO UPDATE SET path = excluded.path, sha256 = excluded.sha256, place = excluded.place",
            (sql_name(source), sql_name(path), sha256, sql_name(printable_path(place_of(path)))),
        )

    def delete_source(self, source: str) -> None:
        """Delete the record of a source."""
        self._session.rows("DELETE FROM sources WHERE id = %s", (sql_name(source),))

    def hashes_like(self, document_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document with the text of one of these, in order of id."""
        hashes: set[str] = set()
        for batch in key_batches(list(map(sql_name, document_ids))):
            query = "SELECT text_sha256 FROM documents WHERE id = ANY(%s) AND removed_in IS NULL"
            hashes.update(sha256 for (sha256,) in self._session.rows(query, (list(batch),)))
        query = "SELECT id, text_sha256 FROM documents WHERE text_sha256 = ANY(%s) AND removed_in IS NULL ORDER BY id"
        for key, sha256 in self._session.rows(query, (sorted(hashes),)):
            yield str(restored_name(key)), sha256

    def commit(self) -> None:
        """Write the buffered rows. The transaction is committed later, with the version."""
        self._flush()
        self.overlaps.text_count()

    def compact(self) -> bool:
        """Return False, because the server gives free space back by itself."""
        return False

    def _key(self, document_id: str) -> int:
        query = "SELECT key FROM documents WHERE id = %s AND removed_in IS NULL"
        ((key,),) = self._session.rows(query, (sql_name(document_id),))
        return int(key)

    def _put_chunks(
        self, key: int, masks: Sequence[Mask], chunks: Sequence[Chunk], embedded_sha256: Sequence[bytes]
    ) -> list[int]:
        session = self._session
        rows = session.new_numbers("next_passage", len(chunks))
        session.counts["passages"] += len(chunks)
        session.copy(
            "masks", "document, start_offset, end_offset, reason, added_in",
            [(key, mask.span.start, mask.span.end, mask.reason, session.version) for mask in masks],
        )  # fmt: skip
        session.copy(
            "passages", "id, document, start_offset, end_offset, headings, sentences, embedded_sha256, added_in",
            [
                (
                    row, key, chunk.span.start, chunk.span.end, stored_json(chunk.headings),
                    stored_json(chunk.sentences), sha256, session.version,
                )
                for row, chunk, sha256 in zip(rows, chunks, embedded_sha256, strict=True)
            ],
        )  # fmt: skip
        return list(rows)

    def _drop_chunks(self, key: int) -> dict[int, bytes]:
        closing_values = (self._session.version, key)
        condition = "WHERE document = %s AND removed_in IS NULL"
        self._session.rows(f"UPDATE masks SET removed_in = %s {condition}", closing_values)
        rows = self._session.rows(
            f"UPDATE passages SET removed_in = %s {condition} RETURNING id, embedded_sha256", closing_values
        )
        self._session.counts["passages"] -= len(rows)
        return {row: bytes(sha256) for row, sha256 in rows}

    def _flush(self) -> None:
        rows, self._sentence_vectors = self._sentence_vectors, []
        self._session.copy("sentence_vectors", "passage, vectors", rows)


class NewPostgresFingerprints(PostgresFingerprints):
    """The fingerprints of the version that is being written, with the counts of its blocks."""

    def __init__(self, session: WriteSession) -> None:
        """Read and write in the transaction of the session."""
        super().__init__(session.rows, "d.removed_in IS NULL")
        self._session = session
        self._before: dict[str, frozenset[int] | None] = {}

    def note_change(self, text_sha256: str) -> None:
        """Remember the counted blocks of a text before a document with it is added or removed."""
        if text_sha256 not in self._before:
            self._before[text_sha256] = self._counted([text_sha256]).get(text_sha256)

    def put(self, document_id: str, fingerprint: Fingerprint) -> None:
        """Store the fingerprint of a document."""
        hashes = np.unique(np.frombuffer(fingerprint.block_hashes, BLOCK_HASH)["block"]).tolist()
        self._rows(
            "INSERT INTO fingerprints SELECT key, %s, %s, %s::bigint[], %s::bigint[] FROM documents d"
            f" WHERE id = %s AND {self._visible}",
            (
                fingerprint.sketch, fingerprint.block_hashes, hashes, _pairs(fingerprint.sketch),
                sql_name(document_id),
            ),
        )  # fmt: skip

    def missing_documents(self) -> list[str]:
        """Return no document, because each is stored with its fingerprint."""
        return []

    def sketches_like(self, document_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the sketches that share a pair of neighbouring figures with one of these documents, in order.

        Near documents share at least 13 of 64 pairs (`rag.index.writing.near_duplicates`).
        """
        pairs: set[int] = set()
        for batch in key_batches(list(map(sql_name, document_ids))):
            query = f"SELECT sketch_pairs {FINGERPRINTED} WHERE d.id = ANY(%s) AND {self._visible}"
            pairs.update(pair for (own,) in self._rows(query, (list(batch),)) for pair in own)
        condition = "(f.sketch_pairs && %s::bigint[] OR d.id = ANY(%s))"
        return self._sketches(condition, (sorted(pairs), list(map(sql_name, document_ids))))

    def text_count(self) -> int:
        """Return the number of different texts."""
        self._count_changes()
        return self._session.counts["texts"]

    def shared_now(self, share: float) -> frozenset[int]:
        """Return the result of `shared_blocks` (`rag.index.writing.repeated_blocks`) for all documents."""
        self._count_changes()
        count = self._session.counts["texts"]
        if not share or not count:
            return frozenset()
        query = "SELECT block FROM block_counts WHERE texts > 4 AND texts >= %s ORDER BY block"
        blocks = [block for (block,) in self._rows(query, (min_owners(count, share),))]
        return shared_among({block: self._owners(block) for block in blocks})

    def put_shared_blocks(self, blocks: Iterable[int]) -> None:
        """Replace the stored hashes of the blocks that many documents share."""
        self._rows("DELETE FROM shared_blocks", ())
        self._rows("INSERT INTO shared_blocks SELECT unnest(%s::bigint[])", (sorted(blocks),))

    def _owners(self, block: int) -> Iterator[Fingerprint]:
        """Yield the fingerprints of the texts with a block, in order of id; of equal texts only the first."""
        last, is_first = "", (
            "NOT EXISTS (SELECT 1 FROM documents o WHERE o.text_sha256 = d.text_sha256 AND o.id < d.id"
            " AND o.removed_in IS NULL)"
        )  # fmt: skip
        while True:
            rows = self._rows(
                f"SELECT id, sketch, blocks {FINGERPRINTED} WHERE f.block_hashes @> ARRAY[%s::bigint] AND d.id > %s"
                f" AND {self._visible} AND {is_first} ORDER BY id LIMIT %s",
                (block, last, OWNERS_PER_QUERY),
            )
            yield from (Fingerprint(bytes(sketch), bytes(blocks)) for _, sketch, blocks in rows)
            if len(rows) < OWNERS_PER_QUERY:
                return
            last = rows[-1][0]

    def _count_changes(self) -> None:
        before, self._before = self._before, {}
        changes = Counter[int]()
        for batch in key_batches(list(before)):
            after = self._counted(batch)
            for text_sha256 in batch:
                old, new = before[text_sha256], after.get(text_sha256)
                self._session.counts["texts"] += (new is not None) - (old is not None)
                changes.update(new or ())
                changes.subtract(old or ())
        changed = [(block, change) for block, change in sorted(changes.items()) if change]
        for batch in key_batches(changed):
            self._rows(
                "INSERT INTO block_counts SELECT * FROM unnest(%s::bigint[], %s::int[])"
                " ON CONFLICT (block) DO UPDATE SET texts = block_counts.texts + excluded.texts",
                ([block for block, _ in batch], [change for _, change in batch]),
            )
            self._rows("DELETE FROM block_counts WHERE texts = 0 AND block = ANY(%s)", ([block for block, _ in batch],))

    def _counted(self, hashes: Sequence[str]) -> dict[str, frozenset[int]]:
        """Return the blocks of the first document, by id, with each of these texts."""
        query = f"SELECT DISTINCT ON (text_sha256) text_sha256, f.block_hashes {FINGERPRINTED}"
        rows = self._rows(
            f"{query} WHERE text_sha256 = ANY(%s) AND {self._visible} ORDER BY text_sha256, id", (list(hashes),)
        )
        return {sha256: frozenset(blocks) - {0} for sha256, blocks in rows}


def _pairs(sketch: bytes) -> list[int]:
    """Return a hash of each pair of neighbouring figures and its position, int64."""
    pairs = np.frombuffer(sketch, "<u8")
    salted = (pairs ^ np.arange(len(pairs), dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    return list((salted + np.arange(len(pairs), dtype=np.uint64)).view(np.int64).tolist())


class PostgresSources:
    """The sources of the version that is being written, read one by one."""

    def __init__(self, session: WriteSession) -> None:
        """Read in the transaction of the session."""
        self._rows = session.rows

    def get(self, source: str) -> tuple[str, str] | None:
        """Return path and hash of a source, None if it is not stored."""
        rows = self._rows("SELECT path, sha256 FROM sources WHERE id = %s", (sql_name(source),))
        return (str(restored_name(rows[0][0])), rows[0][1]) if rows else None

    def put(self, source: str, path: str, sha256: str) -> None:
        """Do nothing, because `put_source` of the documents has stored it."""

    def drop(self, source: str) -> None:
        """Do nothing, because `delete_source` of the documents has deleted it."""

    def at(self, place: str, folder: Callable[[str], str]) -> str | None:
        """Return the id of the source whose path is at a place, None if there is none."""
        rows = self._rows("SELECT id FROM sources WHERE place = %s ORDER BY id", (sql_name(place),))
        return restored_name(rows[-1][0]) if rows else None

    def with_hash(self, sha256: str) -> list[str]:
        """Return the ids of the sources with these bytes."""
        return [str(restored_name(key)) for (key,) in self._rows("SELECT id FROM sources WHERE sha256 = %s", (sha256,))]
