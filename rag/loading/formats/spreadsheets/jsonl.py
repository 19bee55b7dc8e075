"""Loads JSON Lines: one document a row, read as a stream, plain or gzipped."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.files.safe_json import json_value
from rag.core.types import Document, Layout
from rag.loading.formats.spreadsheets.tables import value_lines
from rag.loading.metadata import gather, json_safe
from rag.loading.rows import TEXT_COLUMNS
from rag.loading.sources import Source, open_source, unreadable

MAX_ROW_BYTES = 256 * 1024 * 1024
"""Bytes of one row; a longer one is skipped, so that a file that is one endless line cannot fill the memory."""

_SHAPE = 'Each row must be an object like {"_id": "a", "title": "A title", "text": "The text"}, in UTF-8.'


def load_jsonl(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a JSON Lines file, and an error naming the line for each row that is none.

    Blank lines are skipped. The file is never held in memory, only its ids. Raises UnreadableSource.
    """
    used_ids: set[str] = set()
    line = 0
    try:
        with open_source(source.path) as raw:
            for line, row in _rows(_unzipped(raw, source)):
                result = _document(row, source, line, used_ids)
                if result is not None:
                    yield result
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        where = f"{source.name}, after line {line}"
        raise UnreadableSource(f"{where}: the gzip data is damaged ({error}).", "Download or pack it again.") from error
    except OSError as error:
        raise unreadable(source.path, error) from error


def _unzipped(raw: BinaryIO, source: Source) -> BinaryIO:
    zipped = source.path.name.lower().endswith(".gz")
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if zipped else raw


def _rows(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield line numbers from 1 with the row's bytes without its line end; None for a row that is too long."""
    line = 0
    while piece := file.readline(MAX_ROW_BYTES):
        line += 1
        too_long = False
        while not piece.endswith(b"\n") and len(piece) == MAX_ROW_BYTES:
            too_long = True
            piece = file.readline(MAX_ROW_BYTES)
        row = piece.removeprefix(b"\xef\xbb\xbf") if line == 1 else piece
        yield line, None if too_long else row.rstrip(b"\r\n")


def _document(row: bytes | None, source: Source, line: int, used_ids: set[str]) -> Document | LoadError | None:
    where = f"{source.name}, line {line}"
    if row is None:
        return UnreadableSource(f"{where}: the row is longer than {MAX_ROW_BYTES} bytes.", _SHAPE)
    if not row.strip():
        return None
    try:
        fields = _fields(row)
        document = _record(fields, row, source, line)
    except ValueError as error:
        return UnreadableSource(f"{where}: {error}.", _SHAPE)
    if not document.text.strip():
        return EmptyDocument(f"{where}: the text of {document.id!r} is empty.", "Fill it or leave the row out.")
    if document.id in used_ids:
        return UnreadableSource(f"{where}: the id {document.id!r} was used before.", "Give each row its own _id.")
    used_ids.add(document.id)
    return document


def _fields(row: bytes) -> dict[str, Any]:
    try:
        fields = json_value(row.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} of the row is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON, {error.msg} at character {error.pos}") from None
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def _record(fields: dict[str, Any], row: bytes, source: Source, line: int) -> Document:
    """Return the document of a row; an inner object `metadata` is read as if its keys were the row's own.

    A row without an id is known by its line. A row without a text has a line for each of its values.
    """
    has_id = "_id" in fields or "id" in fields
    name = _id(fields.pop("_id" if "_id" in fields else "id")) if has_id else f"{source.document_id}#{line}"
    text_key = next((name for name in TEXT_COLUMNS if name in fields), None)
    text = fields.pop(text_key) if text_key else "\n".join(value_lines(fields))
    title = fields.pop("title", None)
    if isinstance(fields.get("metadata"), dict):
        fields = {**fields.pop("metadata"), **fields}
    if not isinstance(text, str) or not (text_key or text):
        raise ValueError("no text" if not text else f"text is {_shown(text)}, not a text")
    title = str(title).strip() if title is not None else ""
    json_safe([name, text, title])
    return Document(
        id=name,
        text=text,
        title=title or None,
        format="text",
        source_path=source.name,
        source_sha256=hashlib.sha256(row).hexdigest(),
        metadata=gather(fields if text_key else {}, text),
        layout=Layout() if has_id else Layout(rows=((0, line),)),
    )


def _id(value: object) -> str:
    """Return the id of a row. Raises ValueError."""
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"_id is {_shown(value)}, not a text" if value is not None else "no _id")
    return name


def _shown(value: object) -> str:
    return json.dumps(value)[:40]
