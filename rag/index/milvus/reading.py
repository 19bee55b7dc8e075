"""Reads one version of an index from a server: its documents and passages, and its vectors."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import IndexCorrupt
from rag.core.safe_json import json_value
from rag.core.types import Chunk, Document, DocumentSummary, Fields, Layout, Mask, Span, tuples
from rag.index.milvus.collections import AGAIN, METRIC
from rag.index.milvus.rows import IN_ONE, PAGE_OF_TEXTS, Rows, Seen, joined
from rag.index.storage.documents import MAX_CACHED_DOCUMENTS
from rag.index.storage.metadata import COLUMNS, fields_of

if TYPE_CHECKING:
    from rag.core.protocols import Floats2d, Ints1d, Ranking

DOCUMENT, REST, TEXT, SOURCE, PASSAGE, INNER, WORDS, SHARED = "d", "r", "t", "s", "a", "i", "w", "b"
"""Kinds of records: what is known of a document, the rest of it, its text; a source; what of a passage was too long
for its own row; word counts; the blocks that many documents share."""
EFFORT = 512
"""Candidates that a graph search keeps at least."""
FEWEST_RUN = 3


def named(kind: str, key: object) -> str:
    """Return the name of a record: its kind, and a hash of its key, which may be longer than a field."""
    return f"{kind}:{hashlib.sha256(str(key).encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


class MilvusDocuments:
    """The documents, masks and passages of a version; the same questions as `documents.Store` answers."""

    def __init__(self, shown: str, parts: tuple[Rows, Rows], seen: Seen, ends: Mapping[str, int], held: int) -> None:
        """Read what `seen` names. `ends` are the numbers no row or record has yet, `held` the count of documents."""
        self._shown, self._seen, self._ends, self._held = shown, seen, ends, held
        self._passages, self._records = parts
        self._record = lru_cache(maxsize=MAX_CACHED_DOCUMENTS)(self._read_document)

    def close(self) -> None:
        """Let go; the connection is shared."""

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""
        return self._held, self._passages.count(self._seen)

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""
        return {found["id"]: (found["path"], found["sha256"]) for found in self._all(SOURCE)}

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents that a source held."""
        return [about["id"] for about in self._about if about["source"] == source]

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source that a document came from; None where it has none or is not held."""
        found = self._record(document_id)
        return None if found is None else found[1]["source"]

    def summaries(self) -> list[DocumentSummary]:
        """Return all documents without their texts, in order of id."""
        keys = ("id", "title", "path", "length", "chunks", "text_sha256")
        return [DocumentSummary(*(about[key] for key in keys)) for about in self._about]

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""
        yield from ((about["id"], about["text_sha256"]) for about in self._about)

    @cached_property
    def fields(self) -> Fields:
        """Return what filters ask for, read once."""
        return fields_of(
            (about["key"], {name: about[name] for name in COLUMNS}, about["metadata"])
            for about in sorted(self._about, key=lambda about: int(about["key"]))
        )

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order."""
        rows = sorted(row for about in self._about if about["key"] in keys for row in unfolded(about["rows"]))
        return np.array(rows, np.int64)

    def document(self, document_id: str) -> Document | None:
        """Return a document, None where it is not held. Raises IndexCorrupt where its text is not what was stored."""
        found = self._record(document_id)
        return None if found is None else found[0]

    def masks(self, document_id: str) -> list[Mask]:
        """Return the masks of a document in order."""
        found = self._record(document_id)
        return [] if found is None else [Mask(Span(document_id, *span), reason) for *span, reason in found[1]["masks"]]

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of place."""
        found = self._record(document_id)
        return [] if found is None else unfolded(found[1]["rows"])

    def rows(self) -> list[int]:
        """Return all rows, in order."""
        return sorted(row for about in self._about for row in unfolded(about["rows"]))

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of rows, in the order asked. Raises IndexCorrupt for a row that is not held."""
        found = self._passage_texts(rows, "about", PASSAGE)
        return [self._chunk(row, found[row]) for row in rows]

    def sentence_vectors(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the vectors of the sentences of chunks by row, packed by `rag.index.storage.sentence_vectors`."""
        return {row: base64.b64decode(text) for row, text in self._passage_texts(rows, "inner", INNER).items()}

    @property
    def overlaps(self) -> "MilvusDocuments":
        """Return what tells where documents overlap: it is kept with them."""
        return self

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, as `rag.index.storage.fingerprints.FingerprintTables.sketches` does."""
        rest = {found["id"]: found for found in self._all(REST)}
        newest = sorted(self._about, key=lambda about: str(about["id"]))
        newest.sort(key=lambda about: str(about["metadata"].get("published_at") or ""), reverse=True)
        first: dict[str, tuple[str, bytes]] = {}
        for about in newest:
            held = base64.b64decode(rest[about["id"]]["sketch"] or "")
            first.setdefault(about["text_sha256"], (about["id"], held))
        return {key: held for key, held in first.values() if held}

    def problems(self) -> list[str]:
        """Return what our hashes find wrong, one line each: of every text, and of the number of passages."""
        lines, rows = [], self.rows()
        for document_id, _ in self.hashes():
            try:
                self._read_document(document_id)
            except IndexCorrupt as error:
                lines.append(error.message)
        for start in range(0, len(rows), IN_ONE):
            try:
                self.chunks(rows[start : start + IN_ONE])
            except IndexCorrupt as error:
                lines.append(error.message)
        return lines

    def embedded_hashes(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return the hash of what was embedded of each row."""
        found = self._passages.among("row", rows, self._seen, ["row", "embedded_sha256"])
        return {int(row["row"]): bytes.fromhex(row["embedded_sha256"]) for row in found}

    def all_of(self, kind: str) -> Iterator[Any]:
        """Yield what all records of a kind hold."""
        yield from self._all(kind)

    @cached_property
    def _about(self) -> list[dict[str, Any]]:
        return sorted(self._all(DOCUMENT), key=lambda about: str(about["id"]))

    def _all(self, kind: str) -> Iterator[Any]:
        found: list[dict[str, Any]] = []
        page = PAGE_OF_TEXTS if kind == TEXT else None
        options = {} if page is None else {"page": page}
        fields = ["number", "name", "piece", "body"]
        found.extend(self._records.pages(self._ends["record"], self._seen, fields, f'kind == "{kind}"', **options))
        yield from map(self._loaded, self._joined(found).values())

    def named(self, names: Iterable[str]) -> dict[str, Any]:
        """Return what the records of these names hold, those that are there."""
        found = self._records.among("name", names, self._seen, ["name", "piece", "body"])
        return {name: self._loaded(text) for name, text in self._joined(found).items()}

    def _joined(self, found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        try:
            return joined(found)
        except ValueError as error:
            raise self._corrupt(error) from error

    def _loaded(self, text: str) -> Any:
        try:
            return json_value(text)
        except ValueError as error:
            raise self._corrupt(error) from error

    def _read_document(self, document_id: str) -> tuple[Document, dict[str, Any]] | None:
        names = {kind: named(kind, document_id) for kind in (DOCUMENT, REST, TEXT)}
        found = self.named(names.values())
        if not found:
            return None
        try:
            about, rest, text = (found[names[kind]] for kind in (DOCUMENT, REST, TEXT))
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
        found = {int(row["row"]): row[field] for row in self._passages.among("row", rows, self._seen, ["row", field])}
        missing = [row for row in rows if row not in found]
        if missing:
            raise IndexCorrupt(f"{self._shown} lacks passage {missing[0]}.", AGAIN)
        long = {named(kind, row): row for row, text in found.items() if not text}
        elsewhere = {long[name]: held for name, held in self.named(long).items()} if long else {}
        return {row: elsewhere.get(row, text) for row, text in found.items()}

    def _chunk(self, row: int, stored: Any) -> Chunk:
        try:
            about = json_value(stored) if isinstance(stored, str) else stored
            pairs = tuple((low, high) for low, high in about["sentences"])
            span = Span(about["id"], about["start"], about["end"])
            made = Chunk(span, about["text"], about["title"], tuple(about["headings"]), pairs)
            for low, high in pairs:
                made.locate(low, high)
            return made
        except (ValueError, TypeError, KeyError) as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> IndexCorrupt:
        return IndexCorrupt(f"What {self._shown} holds is not what was written: {error}.", AGAIN)


class MilvusVectors:
    """The vectors of a version, searched by the server."""

    def __init__(self, passages: Rows, seen: Seen, dimension: int, held: int, end: int) -> None:
        """Use the passages that `seen` names: `held` of them, of rows below `end`."""
        self._passages, self._seen, self._dimension, self._held, self._end = passages, seen, dimension, held, end

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    def __len__(self) -> int:
        """Return the number of rows held, by the manifest."""
        return self._held

    def rows(self) -> "Ints1d":
        """Return all rows held, int64 (n,), in order."""
        return np.array([held["row"] for held in self._passages.pages(self._end, self._seen, ["row"])], np.int64)

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, float32 (n, dimension), in the order asked; one not held raises ValueError."""
        found = {
            int(held["row"]): held["vector"]
            for held in self._passages.among("row", rows.tolist(), self._seen, ["row", "vector"])
        }
        if any(row not in found for row in rows.tolist()):
            raise ValueError("a row is not stored")
        return np.array([found[row] for row in rows.tolist()], np.float32).reshape(len(rows), self._dimension)

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list["Ranking"]:
        """Return for each query the k rows of highest inner product, best first, ties in order of row.

        Only rows of `among` are looked at, where it is given.
        """
        k = min(k, self._held if among is None else len(among))
        if k < 1 or not len(queries):
            return [[] for _ in queries]
        options = {"metric_type": METRIC, "params": {"ef": max(EFFORT, 2 * k)}}
        vectors = np.asarray(queries, np.float32).tolist()
        return self._passages.search(vectors, "vector", k, options, self._seen, only(among))


def only(among: "Ints1d | None") -> str:
    """Return the condition that a row is one of these: runs of neighbours as ranges, the rest by number."""
    if among is None or not len(among):
        return ""
    runs, single = [], []
    breaks = np.flatnonzero(np.diff(among) != 1) + 1
    for run in np.split(among, breaks):
        if len(run) > FEWEST_RUN:
            runs.append(f"(row >= {run[0]} and row <= {run[-1]})")
        else:
            single += run.tolist()
    if single:
        runs.append(f"row in {json.dumps(single)}")
    return f"({' or '.join(runs)})"


def folded(rows: Sequence[int]) -> list[list[int]]:
    """Return rows in order as runs of first row and length.

    >>> folded([4, 5, 6, 9])
    [[4, 3], [9, 1]]
    """
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([row, 1])
    return runs


def unfolded(runs: Iterable[Sequence[int]]) -> list[int]:
    """Return what `folded` was given."""
    return [row for first, count in runs for row in range(first, first + count)]
