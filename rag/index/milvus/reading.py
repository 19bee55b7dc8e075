"""Reads one version of an index from a server: its documents and passages, and its vectors."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.files.safe_json import json_value
from rag.core.types import Chunk, Document, DocumentSummary, Fields, Layout, Mask, Span, tuples
from rag.index.milvus.collections import AGAIN, METRIC
from rag.index.milvus.rows import BATCH_KEYS, PAGE_TEXTS, Rows, VisibleVersion, joined
from rag.index.storage.documents import MAX_CACHED_DOCUMENTS, optional_text
from rag.index.storage.metadata import METADATA_COLUMNS, fields_of
from rag.loading.composing import LEFT_OUT_KEY

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d, Ranking

DOCUMENT, REST, TEXT, SOURCE, PASSAGE, INNER, WORDS, SHARED = "d", "r", "t", "s", "a", "i", "w", "b"
"""Kinds of records: the facts, the rest and the text of a document; a source; the content and the sentence vectors of a
passage if they are too long for its row; word counts; the blocks that many documents share."""
MIN_GRAPH_CANDIDATES = 512
"""A graph search keeps at least so many candidates."""
MIN_RANGE_ROWS = 3


def named(kind: str, key: object) -> str:
    """Return the name of a record: its kind and a hash of its key, because a key may be longer than a field."""
    return f"{kind}:{hashlib.sha256(str(key).encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


class MilvusDocuments:
    """The documents, masks and passages of a version, with the reading methods of `documents.Store`."""

    def __init__(
        self, shown: str, parts: tuple[Rows, Rows], visible: VisibleVersion, ends: Mapping[str, int], count: int
    ) -> None:
        """Read the version `visible`. `ends` are the first unused numbers, `count` is the number of documents."""
        self._shown, self._visible, self._ends, self._count = shown, visible, ends, count
        self._passages, self._records = parts
        self._record = lru_cache(maxsize=MAX_CACHED_DOCUMENTS)(self._read_document)

    def close(self) -> None:
        """Do nothing, because the connection is shared."""

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""
        return self._count, self._passages.count(self._visible)

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        return {record["id"]: (record["path"], record["sha256"]) for record in self._all(SOURCE)}

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents of a source, in order."""
        return [about["id"] for about in self._about if about["source"] == source]

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source of a document, None if it has no source or is not stored."""
        record = self._record(document_id)
        return None if record is None else record[1]["source"]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        return [
            DocumentSummary(
                about["id"],
                about["title"],
                about["path"],
                about["length"],
                about["chunks"],
                about["text_sha256"],
                about.get("masked", {}),
                optional_text(about["metadata"].get(LEFT_OUT_KEY)),
            )
            for about in self._about
        ]

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        yield from ((about["id"], about["text_sha256"]) for about in self._about)

    @cached_property
    def fields(self) -> Fields:
        """Return the values that filters compare, read once."""
        return fields_of(
            (about["key"], {name: about[name] for name in METADATA_COLUMNS}, about["metadata"])
            for about in sorted(self._about, key=lambda about: int(about["key"]))
        )

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order."""
        rows = sorted(row for about in self._about if about["key"] in keys for row in rows_in(about["rows"]))
        return np.array(rows, np.int64)

    def document(self, document_id: str) -> Document | None:
        """Return a document, None if it is not stored. Raises IndexCorrupt if its text has changed since."""
        record = self._record(document_id)
        return None if record is None else record[0]

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        record = self._record(document_id)
        masks = [] if record is None else record[1]["masks"]
        return [Mask(Span(document_id, *span), reason) for *span, reason in masks]

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of their start."""
        record = self._record(document_id)
        return [] if record is None else rows_in(record[1]["rows"])

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return sorted(row for about in self._about for row in rows_in(about["rows"]))

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of `rows`, in that order. Raises IndexCorrupt if a row does not exist."""
        texts = self._passage_texts(rows, "about", PASSAGE)
        return [self._chunk(row, texts[row]) for row in rows]

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the vectors of the sentences of chunks by row, packed by `rag.index.storage.sentence_vectors`."""
        return {row: base64.b64decode(text) for row, text in self._passage_texts(rows, "inner", INNER).items()}

    @property
    def overlaps(self) -> "MilvusDocuments":
        """Return the object that has the sketches, which is this one."""
        return self

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, as `rag.index.storage.fingerprints.FingerprintTables.sketches` does."""
        rest = {record["id"]: record for record in self._all(REST)}
        newest = sorted(self._about, key=lambda about: str(about["id"]))
        newest.sort(key=lambda about: str(about["metadata"].get("published_at") or ""), reverse=True)
        first: dict[str, tuple[str, bytes]] = {}
        for about in newest:
            sketch = base64.b64decode(rest[about["id"]]["sketch"] or "")
            first.setdefault(about["text_sha256"], (about["id"], sketch))
        return {key: sketch for key, sketch in first.values() if sketch}

    def shared_blocks(self) -> frozenset[int]:
        """Return the hashes of the blocks that many documents share."""
        return frozenset(block for blocks in self._all(SHARED) for block in blocks)

    def problems(self) -> list[str]:
        """Return the faults of texts, whose hash is checked, and of passages, one line each."""
        lines, rows = [], self.rows()
        for document_id, _ in self.hashes():
            try:
                self._read_document(document_id)
            except IndexCorrupt as error:
                lines.append(error.message)
        for start in range(0, len(rows), BATCH_KEYS):
            try:
                self.chunks(rows[start : start + BATCH_KEYS])
            except IndexCorrupt as error:
                lines.append(error.message)
        return lines

    def embedded_hashes(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the hash of the embedded text of each row."""
        passages = self._passages.among("row", rows, self._visible, ["row", "embedded_sha256"])
        return {int(row["row"]): bytes.fromhex(row["embedded_sha256"]) for row in passages}

    def all_of(self, kind: str) -> Iterator[Any]:
        """Yield the content of all records of a kind."""
        yield from self._all(kind)

    @cached_property
    def _about(self) -> list[dict[str, Any]]:
        return sorted(self._all(DOCUMENT), key=lambda about: str(about["id"]))

    def _all(self, kind: str) -> Iterator[Any]:
        records: list[dict[str, Any]] = []
        page = PAGE_TEXTS if kind == TEXT else None
        options = {} if page is None else {"page": page}
        fields = ["number", "name", "piece", "body"]
        records.extend(self._records.pages(self._ends["record"], self._visible, fields, f'kind == "{kind}"', **options))
        yield from map(self._loaded, self._joined(records).values())

    def named(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the content of those records of these names that exist."""
        records = self._records.among("name", names, self._visible, ["name", "piece", "body"])
        return {name: self._loaded(text) for name, text in self._joined(records).items()}

    def _joined(self, records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        try:
            return joined(records)
        except ValueError as error:
            raise self._corrupt(error) from error

    def _loaded(self, text: str) -> Any:
        try:
            return json_value(text)
        except ValueError as error:
            raise self._corrupt(error) from error

    def _read_document(self, document_id: str) -> tuple[Document, dict[str, Any]] | None:
        names = {kind: named(kind, document_id) for kind in (DOCUMENT, REST, TEXT)}
        records = self.named(names.values())
        if not records:
            return None
        try:
            about, rest, text = (records[names[kind]] for kind in (DOCUMENT, REST, TEXT))
            text = text["text"]
            layout = Layout(**{key: tuples(value) for key, value in rest["layout"].items()})
            document = Document(
                document_id, text, about["title"], about["format"], about["path"], rest["source_sha256"],
                about["metadata"], layout,
            )  # fmt: skip
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._corrupt(error) from error
        if document.text_sha256 != about["text_sha256"]:
            raise IndexCorrupt(f"The text of {document_id!r} on {self._shown} is not what was stored.", AGAIN)
        return document, {**about, **rest}

    def _passage_texts(self, rows: Sequence[int], field: str, kind: str) -> dict[int, Any]:
        passages = self._passages.among("row", rows, self._visible, ["row", field])
        texts = {int(passage["row"]): passage[field] for passage in passages}
        for row in rows:
            if row not in texts:
                raise IndexCorrupt(f"{self._shown} lacks passage {row}.", AGAIN)
        rows_by_name = {named(kind, row): row for row, text in texts.items() if not text}
        records = self.named(rows_by_name) if rows_by_name else {}
        long_texts = {rows_by_name[name]: content for name, content in records.items()}
        return {row: long_texts.get(row, text) for row, text in texts.items()}

    def _chunk(self, row: int, stored: Any) -> Chunk:
        try:
            about = json_value(stored) if isinstance(stored, str) else stored
            pairs = tuple((low, high) for low, high in about["sentences"])
            span = Span(about["id"], about["start"], about["end"])
            chunk = Chunk(span, about["text"], about["title"], tuple(about["headings"]), pairs)
            for low, high in pairs:
                chunk.locate(low, high)
            return chunk
        except (ValueError, TypeError, KeyError) as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> IndexCorrupt:
        return IndexCorrupt(f"What {self._shown} holds is not what was written: {error}.", AGAIN)


class MilvusVectors:
    """The vectors of a version, searched by the server."""

    def __init__(self, passages: Rows, visible: VisibleVersion, dimension: int, count: int, end: int) -> None:
        """Use the `count` passages of the version `visible`, whose rows are below `end`."""
        self._passages, self._visible, self._dimension, self._count, self._end = (
            passages,
            visible,
            dimension,
            count,
            end,
        )

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    def __len__(self) -> int:
        """Return the number of rows that the manifest gives."""
        return self._count

    def rows(self) -> "Ints1d":
        """Return all rows, int64 (n,), in order."""
        return np.array(
            [passage["row"] for passage in self._passages.pages(self._end, self._visible, ["row"])], np.int64
        )

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the vectors of `rows`, float32 (n, dimension), in that order. Raises ValueError if one is missing."""
        vectors = {
            int(passage["row"]): passage["vector"]
            for passage in self._passages.among("row", rows.tolist(), self._visible, ["row", "vector"])
        }
        if any(row not in vectors for row in rows.tolist()):
            raise ValueError("a row is not stored")
        return np.array([vectors[row] for row in rows.tolist()], np.float32).reshape(len(rows), self._dimension)

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query the k rows of highest inner product, best first, ties in order of row.

        If `among` is given, only its rows are compared.
        """
        k = min(k, self._count if among is None else len(among))
        if k < 1 or not len(queries):
            return [[] for _ in queries]
        options = {"metric_type": METRIC, "params": {"ef": max(MIN_GRAPH_CANDIDATES, 2 * k)}}
        vectors = np.asarray(queries, np.float32).tolist()
        return self._passages.search(vectors, "vector", k, options, self._visible, row_condition(among))


def row_condition(among: "Ints1d | None") -> str:
    """Return the condition that a row is one of these: long runs as ranges, other rows by number."""
    if among is None or not len(among):
        return ""
    runs, single = [], []
    breaks = np.flatnonzero(np.diff(among) != 1) + 1
    for run in np.split(among, breaks):
        if len(run) > MIN_RANGE_ROWS:
            runs.append(f"(row >= {run[0]} and row <= {run[-1]})")
        else:
            single += run.tolist()
    if single:
        runs.append(f"row in {json.dumps(single)}")
    return f"({' or '.join(runs)})"


def row_runs(rows: Sequence[int]) -> list[list[int]]:
    """Return rows in order as runs of first row and length.

    >>> row_runs([4, 5, 6, 9])
    [[4, 3], [9, 1]]
    """
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([row, 1])
    return runs


def rows_in(runs: Iterable[Sequence[int]]) -> list[int]:
    """Return the rows of `row_runs`."""
    return [row for first, count in runs for row in range(first, first + count)]
