"""Copies the documents of a version for a writer, and compares two such copies.

A copy is a document store as in a folder (`rag.index.storage.documents`), without sentence vectors. Each write makes
one in a temporary folder, so that the same code decides a write for a folder and for a server.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.core.types import Chunk
from rag.index.milvus.reading import DOCUMENT, REST, SHARED, SOURCE, TEXT, MilvusDocuments, row_runs, rows_in
from rag.index.milvus.rows import BATCH_KEYS, encoded
from rag.index.storage.database import DatabaseFile
from rag.index.storage.documents import Store, masked_characters

DOCUMENT_COLUMNS = (
    "key, id, source, text, length, text_sha256, title, format, source_path, source_sha256, metadata, layout, masks"
)
NEW_ROWS = "SELECT row FROM chunks WHERE row NOT IN (SELECT row FROM old.chunks)"
OLD_ROWS = "SELECT row FROM old.chunks WHERE row NOT IN (SELECT row FROM chunks)"
CHANGED_DOCUMENTS = (
    "SELECT id FROM documents d WHERE NOT EXISTS (SELECT 1 FROM old.documents o WHERE o.key = d.key AND"
    " o.masks = d.masks AND o.source IS d.source AND o.source_path IS d.source_path)"
    f" OR key IN (SELECT document FROM chunks WHERE row IN ({NEW_ROWS}))"
    f" OR key IN (SELECT document FROM old.chunks WHERE row IN ({OLD_ROWS}))"
)


@dataclass(frozen=True)
class Changes:
    """The ids of documents and sources, and the rows, that a write added and removed, each in order."""

    documents: tuple[list[str], list[str]]
    sources: tuple[list[str], list[str]]
    rows: tuple[list[int], list[int]]
    shares: bool
    ends: dict[str, int]


def make_copy(documents: MilvusDocuments, ends: dict[str, int], path: Path) -> None:
    """Write the documents of a version to a new file at `path`."""
    store = Store(path, writable=True)
    store.commit()
    store.close()
    file = DatabaseFile(path, writable=True)
    file.rows("BEGIN")
    keys = _copy_documents(documents, file)
    for source in documents.all_of(SOURCE):
        file.rows("INSERT INTO sources VALUES (?,?,?)", (source["id"], source["path"], source["sha256"]))
    for blocks in documents.all_of(SHARED):
        for block in blocks:
            file.rows("INSERT INTO shared_blocks VALUES (?)", (block,))
    _copy_chunks(documents, keys, file)
    # A number is never used twice, not even the highest one after its row was deleted.
    for table, end in (("documents", ends["document"]), ("chunks", ends["row"])):
        file.rows("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        file.rows("INSERT INTO sqlite_sequence VALUES (?,?)", (table, end - 1))
    file.rows("COMMIT")
    file.close()


def _copy_documents(documents: MilvusDocuments, file: DatabaseFile) -> dict[int, list[int]]:
    """Copy the documents; return the rows of each key."""
    rest = {record["id"]: record for record in documents.all_of(REST)}
    texts = {record["id"]: record["text"] for record in documents.all_of(TEXT)}
    keys = {}
    for about in documents.all_of(DOCUMENT):
        more, key = rest[about["id"]], about["key"]
        keys[key] = rows_in(about["rows"])
        file.insert(
            f"INSERT INTO documents ({DOCUMENT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                key, about["id"], about["source"], texts[about["id"]].encode(), about["length"], about["text_sha256"],
                about["title"], about["format"], about["path"], more["source_sha256"], encoded(about["metadata"]),
                encoded(more["layout"]), encoded(more["masks"]),
            ),
        )  # fmt: skip
        for table in ("sketch", "trace"):
            if more[table]:
                name = {"sketch": "sketches", "trace": "traces"}[table]
                file.insert(f"INSERT INTO {name} VALUES (?,?)", (key, base64.b64decode(more[table])))
    return keys


def _copy_chunks(documents: MilvusDocuments, keys: dict[int, list[int]], file: DatabaseFile) -> None:
    document_of = {row: key for key, rows in keys.items() for row in rows}
    rows = sorted(document_of)
    for start in range(0, len(rows), BATCH_KEYS):
        batch = rows[start : start + BATCH_KEYS]
        hashes = documents.embedded_hashes(batch)
        for row, chunk in zip(batch, documents.chunks(batch), strict=True):
            file.insert(
                "INSERT INTO chunks VALUES (?,?,?,?,?,?,?)",
                (
                    row, document_of[row], chunk.span.start, chunk.span.end, encoded(chunk.headings),
                    encoded(chunk.sentences), hashes[row],
                ),
            )  # fmt: skip


def changes(new: Path, old: Path) -> Changes:
    """Return the differences between two copies."""
    file = DatabaseFile(new, writable=False)
    file.rows("ATTACH DATABASE ? AS old", (str(old),))

    def column(query: str) -> list[Any]:
        return sorted({value for (value,) in file.rows(query)})

    added = column(CHANGED_DOCUMENTS)
    removed = {*column("SELECT id FROM old.documents")} - {*column("SELECT id FROM documents")}
    removed |= {*added} & {*column("SELECT id FROM old.documents")}
    sources = (
        column("SELECT id FROM (SELECT * FROM sources EXCEPT SELECT * FROM old.sources)"),
        column("SELECT id FROM (SELECT * FROM old.sources EXCEPT SELECT * FROM sources)"),
    )
    shared = [column(f"SELECT block FROM {schema}shared_blocks") for schema in ("", "old.")]
    highest = dict(file.rows("SELECT name, seq FROM sqlite_sequence"))
    ends = {"document": highest.get("documents", 0) + 1, "row": highest.get("chunks", 0) + 1}
    rows = column(NEW_ROWS), column(OLD_ROWS)
    file.close()
    return Changes((added, sorted(removed)), sources, rows, shared[0] != shared[1], ends)


def records_of(path: Path, ids: Iterable[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield kind, key and content of the records of documents."""
    file = DatabaseFile(path, writable=False)
    for document_id in ids:
        ((key, _, source, text, length, sha, title, kind, source_path, source_sha, metadata, layout, masks),) = (
            file.rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE id = ?", (document_id,))
        )
        rows = [row for (row,) in file.rows("SELECT row FROM chunks WHERE document = ? ORDER BY start", (key,))]
        about = {
            "id": document_id, "key": key, "source": source, "title": title, "format": kind, "path": source_path,
            "metadata": json.loads(metadata), "length": length, "text_sha256": sha, "chunks": len(rows),
            "rows": row_runs(rows), "masked": masked_characters(json.loads(masks)),
        }  # fmt: skip
        rest = {"id": document_id, "source_sha256": source_sha, "layout": json.loads(layout)}
        rest["masks"] = json.loads(masks)
        for name, table in (("sketch", "sketches"), ("trace", "traces")):
            blobs = file.rows(f"SELECT {name} FROM {table} WHERE document = ?", (key,))
            rest[name] = base64.b64encode(blobs[0][0]).decode() if blobs else ""
        yield DOCUMENT, document_id, about
        yield REST, document_id, rest
        yield TEXT, document_id, {"id": document_id, "text": text.decode()}
    file.close()


def embedded_of(path: Path, rows: Iterable[int]) -> dict[int, tuple[int, bytes]]:
    """Return the document key and the hash of the embedded text of each row."""
    file = DatabaseFile(path, writable=False)
    query = f"SELECT row, document, embedded_sha256 FROM chunks WHERE row IN ({','.join(map(str, rows))})"
    embedded = {row: (key, sha256) for row, key, sha256 in file.rows(query)}
    file.close()
    return embedded


def passage_texts(chunk: Chunk) -> dict[str, Any]:
    """Return the stored content of a chunk, without its vectors."""
    return {
        "id": chunk.span.document_id, "start": chunk.span.start, "end": chunk.span.end, "text": chunk.text,
        "title": chunk.title, "headings": chunk.headings, "sentences": chunk.sentences,
    }  # fmt: skip
