"""A writer's own copy of the documents of a version, and what differs between two such copies.

The copy is the file that an index in a folder has (`rag.index.storage.documents`), without sentence vectors, made anew
for each write in
a folder that goes with it: all that decides what a write does is the same for a folder and for a server.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.core.types import Chunk
from rag.index.milvus.reading import DOCUMENT, REST, SHARED, SOURCE, TEXT, MilvusDocuments, folded, unfolded
from rag.index.milvus.rows import IN_ONE, encoded
from rag.index.storage.database import DatabaseFile
from rag.index.storage.documents import Store

DOCUMENT_COLUMNS = (
    "key, id, source, text, length, text_sha256, title, format, source_path, source_sha256, metadata, layout, masks"
)
NEW_ROWS = "SELECT row FROM chunks WHERE row NOT IN (SELECT row FROM old.chunks)"
OLD_ROWS = "SELECT row FROM old.chunks WHERE row NOT IN (SELECT row FROM chunks)"
CHANGED = (
    "SELECT id FROM documents d WHERE NOT EXISTS (SELECT 1 FROM old.documents o WHERE o.key = d.key AND"
    " o.masks = d.masks AND o.source IS d.source AND o.source_path IS d.source_path)"
    f" OR key IN (SELECT document FROM chunks WHERE row IN ({NEW_ROWS}))"
    f" OR key IN (SELECT document FROM old.chunks WHERE row IN ({OLD_ROWS}))"
)


@dataclass(frozen=True)
class Changes:
    """What a write changed, in order: ids of documents and sources, and rows, that are to be put and that are gone."""

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
    # A number that was once given is not given again, also where it was the highest and is gone.
    for table, end in (("documents", ends["document"]), ("chunks", ends["row"])):
        file.rows("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        file.rows("INSERT INTO sqlite_sequence VALUES (?,?)", (table, end - 1))
    file.rows("COMMIT")
    file.close()


def _copy_documents(documents: MilvusDocuments, file: DatabaseFile) -> dict[int, list[int]]:
    """Copy the documents; return the rows of each key."""
    rest = {found["id"]: found for found in documents.all_of(REST)}
    texts = {found["id"]: found["text"] for found in documents.all_of(TEXT)}
    keys = {}
    for about in documents.all_of(DOCUMENT):
        more, key = rest[about["id"]], about["key"]
        keys[key] = unfolded(about["rows"])
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
    for start in range(0, len(rows), IN_ONE):
        batch = rows[start : start + IN_ONE]
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
    """Return what differs between two copies."""
    file = DatabaseFile(new, writable=False)
    file.rows("ATTACH DATABASE ? AS old", (str(old),))

    def column(query: str) -> list[Any]:
        return sorted({value for (value,) in file.rows(query)})

    put = column(CHANGED)
    gone = {*column("SELECT id FROM old.documents")} - {*column("SELECT id FROM documents")}
    gone |= {*put} & {*column("SELECT id FROM old.documents")}
    both = (
        column("SELECT id FROM (SELECT * FROM sources EXCEPT SELECT * FROM old.sources)"),
        column("SELECT id FROM (SELECT * FROM old.sources EXCEPT SELECT * FROM sources)"),
    )
    shared = [column(f"SELECT block FROM {place}shared_blocks") for place in ("", "old.")]
    highest = dict(file.rows("SELECT name, seq FROM sqlite_sequence"))
    ends = {"document": highest.get("documents", 0) + 1, "row": highest.get("chunks", 0) + 1}
    made = Changes((put, sorted(gone)), both, (column(NEW_ROWS), column(OLD_ROWS)), shared[0] != shared[1], ends)
    file.close()
    return made


def records_of(path: Path, ids: Iterable[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield kind, key and content of the records that documents become."""
    file = DatabaseFile(path, writable=False)
    for document_id in ids:
        ((key, _, source, text, length, sha, title, kind, place, source_sha, metadata, layout, masks),) = file.rows(
            f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE id = ?", (document_id,)
        )
        rows = [row for (row,) in file.rows("SELECT row FROM chunks WHERE document = ? ORDER BY start", (key,))]
        about = {
            "id": document_id, "key": key, "source": source, "title": title, "format": kind, "path": place,
            "metadata": json.loads(metadata), "length": length, "text_sha256": sha, "chunks": len(rows),
            "rows": folded(rows),
        }  # fmt: skip
        rest = {"id": document_id, "source_sha256": source_sha, "layout": json.loads(layout)}
        rest["masks"] = json.loads(masks)
        for name, table in (("sketch", "sketches"), ("trace", "traces")):
            found = file.rows(f"SELECT {name} FROM {table} WHERE document = ?", (key,))
            rest[name] = base64.b64encode(found[0][0]).decode() if found else ""
        yield DOCUMENT, document_id, about
        yield REST, document_id, rest
        yield TEXT, document_id, {"id": document_id, "text": text.decode()}
    file.close()


def embedded_of(path: Path, rows: Iterable[int]) -> dict[int, tuple[int, bytes]]:
    """Return for each row the key of its document and the hash of what was embedded."""
    file = DatabaseFile(path, writable=False)
    query = f"SELECT row, document, embedded_sha256 FROM chunks WHERE row IN ({','.join(map(str, rows))})"
    found = {row: (key, sha256) for row, key, sha256 in file.rows(query)}
    file.close()
    return found


def passage_texts(chunk: Chunk) -> dict[str, Any]:
    """Return what is stored of a chunk beside its vectors."""
    return {
        "id": chunk.span.document_id, "start": chunk.span.start, "end": chunk.span.end, "text": chunk.text,
        "title": chunk.title, "headings": chunk.headings, "sentences": chunk.sentences,
    }  # fmt: skip
