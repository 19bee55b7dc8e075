"""Writes the documents, masks and passages of the next version of an index in PostgreSQL."""

from collections.abc import Sequence

from rag.core.types import Chunk, Document, Mask
from rag.index.postgres.documents import PostgresDocuments, Visible, document_values, stored_json
from rag.index.postgres.session import WriteSession
from rag.index.postgres.values import sql_name

MAX_BUFFERED_ROWS = 512
CURRENT = Visible(None)


class NewPostgresDocuments(PostgresDocuments):
    """The documents of the version that is being written."""

    def __init__(self, session: WriteSession) -> None:
        """Read and write in the transaction of the session."""
        super().__init__(session.shown, session.rows, CURRENT, (0, 0))
        self._session = session
        self._sentence_vectors: list[tuple[int, bytes]] = []

    def put(
        self, document: Document, source: str | None, masks: Sequence[Mask], chunks: Sequence[Chunk],
        embedded_sha256: Sequence[bytes],
    ) -> list[int]:  # fmt: skip
        """Store a document with its masks and passages; return the new rows of the passages, in order."""
        session = self._session
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
            "INSERT INTO sources VALUES (%s,%s,%s)"
            " ON CONFLICT (id) DO UPDATE SET path = excluded.path, sha256 = excluded.sha256",
            (sql_name(source), sql_name(path), sha256),
        )

    def delete_source(self, source: str) -> None:
        """Delete the record of a source."""
        self._session.rows("DELETE FROM sources WHERE id = %s", (sql_name(source),))

    def commit(self) -> None:
        """Write what is buffered. The transaction is committed later, with the version."""
        self._flush()

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
