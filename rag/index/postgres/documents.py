"""Reads and writes the documents, masks and passages of an index in PostgreSQL.

The methods are those of `rag.index.storage.documents.Store`. A reader sees one committed version. A writer sees
the last one with the changes of its own transaction.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.files.safe_json import json_value
from rag.core.text.plain_text import printable
from rag.core.types import Chunk, Document, DocumentSummary, Fields, Layout, Mask, Span, tuples
from rag.index.postgres.fingerprints import PostgresFingerprints
from rag.index.postgres.values import MAX_KEYS, key_batches, multirange, restored_name, sql_name, sql_text, text_of
from rag.index.storage.documents import MAX_CACHED_CHUNKS, MAX_CACHED_DOCUMENTS, masked_characters, optional_text
from rag.index.storage.metadata import LazyFields
from rag.index.storage.remedies import BUILD_AGAIN
from rag.loading.composing import LEFT_OUT_KEY

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d

RunQuery = Callable[[str, Sequence[Any]], list[Any]]
"""Runs a query and returns all of its rows."""
SUMMARY_COLUMNS = (
    "d.id, d.title, d.source_path, d.length, d.text_sha256, d.metadata::text, d.key,"
    " (SELECT count(*) FROM passages p WHERE p.document = d.key AND {passage})"
)


class Visible(NamedTuple):
    """Selects the rows of a version. None selects the rows of the version being written."""

    version: int | None

    def of(self, table: str) -> str:
        """Return the condition on a table.

        >>> Visible(None).of("d")
        'd.removed_in IS NULL'
        """
        if self.version is None:
            return f"{table}.removed_in IS NULL"
        return f"{table}.added_in <= {self.version} AND coalesce({table}.removed_in > {self.version}, true)"


class PostgresDocuments:
    """The documents of one version."""

    def __init__(self, shown: str, rows: RunQuery, visible: Visible, counts: tuple[int, int]) -> None:
        """Read by `rows`. `counts` are the numbers of documents and passages."""
        self._shown, self._rows, self._visible, self._counts = shown, rows, visible, counts
        self.overlaps = PostgresFingerprints(rows, visible.of("d"))
        self._cached_document = lru_cache(maxsize=MAX_CACHED_DOCUMENTS)(self._read_document)
        self._cached_chunks: dict[int, Chunk] = {}

    def close(self) -> None:
        """Do nothing, because connections are shared."""

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and passages."""
        return self._counts

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        rows = self._rows("SELECT id, path, sha256 FROM sources", ())
        return {_name(key): (_name(path), sha256) for key, path, sha256 in rows}

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source of a document, None if it has no source or is not stored."""
        rows = self._rows(f"SELECT source FROM documents d WHERE id = %s AND {self._documents}", (_sql(document_id),))
        return restored_name(rows[0][0]) if rows else None

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents of a source, in order."""
        query = f"SELECT id FROM documents d WHERE source = %s AND {self._documents} ORDER BY id"
        return [_name(key) for (key,) in self._rows(query, (_sql(source),))]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        return self._summaries("", ())

    def summaries_of(self, document_ids: Sequence[str]) -> Iterator[DocumentSummary]:
        """Yield the documents of these ids without their texts; an id that is not stored is passed over."""
        for batch in key_batches(document_ids):
            yield from self._summaries("AND id = ANY(%s)", (list(map(_sql, batch)),))

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        for key, sha256 in self._rows(
            f"SELECT id, text_sha256 FROM documents d WHERE {self._documents} ORDER BY id", ()
        ):
            yield _name(key), sha256

    def facts(self) -> Iterator[tuple[Any, ...]]:
        """Yield the facts of `Store.facts`, so that the fingerprint of an equal index in a folder is the same."""
        query = "SELECT id, text_sha256, title, metadata::text, layout::text FROM documents d"
        for key, sha256, title, metadata, layout in self._rows(f"{query} WHERE {self._documents} ORDER BY id", ()):
            yield _name(key), sha256, restored_name(title), metadata, layout
        query = (
            "SELECT d.id, p.start_offset, p.embedded_sha256 FROM passages p JOIN documents d ON d.key = p.document"
            f" WHERE {self._passages} AND {self._documents} ORDER BY d.id, p.start_offset"
        )
        for key, start, sha in self._rows(query, ()):
            yield _name(key), start, bytes(sha)

    @cached_property
    def fields(self) -> Fields:
        """Return the values that filters compare. Each key is read once."""
        columns = {"path": "source_path", "metadata": "metadata::text"}
        query = "SELECT key, {} FROM documents d WHERE {} ORDER BY key"

        def column(name: str) -> list[tuple[int, object]]:
            rows = self._rows(query.format(columns.get(name, name), self._documents), ())
            return [(key, value if name == "metadata" else restored_name(value)) for key, value in rows]

        return LazyFields(column, self._corrupt)

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order."""
        query = f"SELECT id FROM passages p WHERE document <@ %s::int8multirange AND {self._passages}"
        if len(keys) <= MAX_KEYS:
            query = f"SELECT id FROM passages p WHERE document = ANY(%s) AND {self._passages}"
            rows = self._rows(query, (list(keys),))
        else:
            rows = self._rows(query, (multirange(np.fromiter(keys, np.int64, len(keys))),))
        return np.sort(np.array([row for (row,) in rows], np.int64))

    def document(self, document_id: str) -> Document | None:
        """Return a document, None if it is not stored. Raises IndexCorrupt if its text has changed since."""
        return self._cached_document(document_id)

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        query = (
            "SELECT m.start_offset, m.end_offset, m.reason FROM masks m JOIN documents d ON d.key = m.document"
            f" WHERE d.id = %s AND {self._documents} AND {self._visible.of('m')} ORDER BY 1, 2"
        )
        return [
            Mask(Span(document_id, start, end), reason)
            for start, end, reason in self._rows(query, (_sql(document_id),))
        ]

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's passages, in order of their start."""
        query = (
            "SELECT p.id FROM passages p JOIN documents d ON d.key = p.document"
            f" WHERE d.id = %s AND {self._documents} AND {self._passages} ORDER BY p.start_offset"
        )
        return [row for (row,) in self._rows(query, (_sql(document_id),))]

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return [row for (row,) in self._rows(f"SELECT id FROM passages p WHERE {self._passages} ORDER BY id", ())]

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the passages of `rows`, in that order. Raises IndexCorrupt if a row does not exist."""
        chunks = {row: self._cached_chunks[row] for row in rows if row in self._cached_chunks}
        for batch in key_batches([row for row in dict.fromkeys(rows) if row not in chunks]):
            query = (
                "SELECT p.id, d.id, d.title, p.start_offset, p.end_offset, d.nul_offsets, p.headings::text,"
                " p.sentences::text, substr(d.text, p.start_offset + 1, p.end_offset - p.start_offset)"
                " FROM passages p JOIN documents d ON d.key = p.document"
                f" WHERE p.id = ANY(%s) AND {self._passages} AND {self._documents}"
            )
            for row, *columns in self._rows(query, (list(batch),)):
                chunks[row] = self._chunk(*columns)
        for row in rows:
            if row not in chunks:
                raise IndexCorrupt(f"{self._shown} lacks passage {row}.", BUILD_AGAIN)
        if len(self._cached_chunks) > MAX_CACHED_CHUNKS:
            self._cached_chunks = {}
        self._cached_chunks.update(chunks)
        return [chunks[row] for row in rows]

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the packed sentence vectors of each row that has them."""
        vectors: dict[int, bytes] = {}
        for batch in key_batches(list(rows)):
            query = "SELECT passage, vectors FROM sentence_vectors WHERE passage = ANY(%s)"
            vectors.update((row, bytes(packed)) for row, packed in self._rows(query, (list(batch),)))
        return vectors

    def rows_by_embedded(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Return the first row of each hash of embedded text that is stored."""
        first_rows: dict[bytes, int] = {}
        for batch in key_batches(hashes):
            query = (
                "SELECT embedded_sha256, min(id) FROM passages p"
                f" WHERE embedded_sha256 = ANY(%s) AND {self._passages} GROUP BY 1"
            )
            first_rows.update((bytes(sha), row) for sha, row in self._rows(query, (list(batch),)))
        return first_rows

    def problems(self) -> list[str]:
        """Return the faults that the hashes of texts and the counts of rows show, one line each."""
        lines = []
        for document_id, _ in self.hashes():
            try:
                self._read_document(document_id)
            except IndexCorrupt as error:
                lines.append(error.message)
        for table in ("vectors", "words", "sentence_vectors"):
            query = (
                f"SELECT count(*) FROM passages p WHERE {self._passages}"
                f" AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.passage = p.id)"
            )
            ((count,),) = self._rows(query, ())
            if count:
                lines.append(f"{self._shown}: {count} passages have no row in {table}")
        return lines

    @cached_property
    def _documents(self) -> str:
        return self._visible.of("d")

    @cached_property
    def _passages(self) -> str:
        return self._visible.of("p")

    def _summaries(self, condition: str, values: Sequence[Any]) -> list[DocumentSummary]:
        columns = SUMMARY_COLUMNS.format(passage=self._passages)
        query = f"SELECT {columns} FROM documents d WHERE {self._documents} {condition} ORDER BY d.id"
        documents = self._rows(query, values)
        masks: dict[int, list[tuple[int, int, str]]] = {}
        for batch in key_batches([row[6] for row in documents]):
            query = (
                "SELECT document, start_offset, end_offset, reason FROM masks m"
                f" WHERE document = ANY(%s) AND {self._visible.of('m')} ORDER BY 1, 2, 3"
            )
            for key, *mask in self._rows(query, (list(batch),)):
                masks.setdefault(key, []).append((mask[0], mask[1], mask[2]))
        return [
            DocumentSummary(
                _name(document_id), restored_name(title), restored_name(path), length, chunks, sha256,
                masked_characters(masks.get(key, ())), optional_text(json_value(metadata).get(LEFT_OUT_KEY)),
            )
            for document_id, title, path, length, sha256, metadata, key, chunks in documents
        ]  # fmt: skip

    def _read_document(self, document_id: str) -> Document | None:
        rows = self._rows(
            "SELECT text, nul_offsets, title, format, source_path, source_sha256, metadata::text, layout::text,"
            f" text_sha256 FROM documents d WHERE id = %s AND {self._documents}", (_sql(document_id),),
        )  # fmt: skip
        if not rows:
            return None
        text, nul_offsets, title, kind, path, source_sha256, metadata, layout_json, text_sha256 = rows[0]
        try:
            layout = Layout(**{key: tuples(value) for key, value in json_value(layout_json).items()})
            document = Document(
                document_id, text_of(text, nul_offsets), restored_name(title), kind, restored_name(path), source_sha256,
                json_value(metadata), layout,
            )  # fmt: skip
        except (ValueError, TypeError, AttributeError) as error:
            raise self._corrupt(error) from error
        if document.text_sha256 != text_sha256:
            raise IndexCorrupt(f"The text of {document_id!r} in {self._shown} is not what was stored.", BUILD_AGAIN)
        return document

    def _chunk(
        self, document_id: str, title: str | None, start: int, end: int, nul_offsets: list[int] | None, headings: str,
        sentences: str, text: str,
    ) -> Chunk:  # fmt: skip
        try:
            span = Span(_name(document_id), start, end)
            pairs = tuple((low, high) for low, high in json_value(sentences))
            if len(text) != end - start or not all(0 <= low <= high <= end - start for low, high in pairs):
                raise ValueError(f"{span} is not in its document")
            text = text_of(text, nul_offsets, start)
            return Chunk(span, text, restored_name(title), tuple(json_value(headings)), pairs)
        except (ValueError, TypeError) as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> IndexCorrupt:
        return IndexCorrupt(f"{self._shown} is damaged: {printable(str(error))[:200]}.", BUILD_AGAIN)

    def forget(self) -> None:
        """Empty the caches, because a document has changed."""
        self._cached_document.cache_clear()
        self._cached_chunks = {}


def document_values(document: Document, source: str | None) -> tuple[Any, ...]:
    """Return the columns of a document from `id` to `layout`."""
    text, nul_offsets = sql_text(document.text)
    return (
        _sql(document.id), sql_name(source), sql_name(document.title), document.format, sql_name(document.source_path),
        document.source_sha256, stored_json(dict(document.metadata)), len(document.text), document.text_sha256, text,
        nul_offsets, stored_json(asdict(document.layout)),
    )  # fmt: skip


def stored_json(value: object) -> str:
    """Return a value as the JSON text that a folder stores, because the fingerprint is made from it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sql(text: str) -> str:
    return str(sql_name(text))


def _name(stored: str) -> str:
    return str(restored_name(stored))
