"""Turns rows with named columns into Documents: one column holds the text, the others are metadata.

Used for CSV, TSV, JSON and XLSX. JSON Lines have fixed names and a room of their own.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document, Layout
from rag.loading.metadata import gather, json_safe
from rag.loading.sources import Source

TEXT_COLUMNS = ("text", "content", "body", "article", "passage", "full_text", "document")
"""Columns taken for the text where none is chosen, the first that is there."""
TITLE_COLUMNS = ("title", "headline", "subject", "name")

Row = tuple[int, Mapping[str, object]]
"""The number of a row in its file, counted from 1, and its values by column."""


def text_column(columns: Iterable[str], source: Source) -> str | None:
    """Return the column that holds the text: the one chosen, else one of the usual names, else None.

    Raises UnreadableSource where a column was chosen and is not there.
    """
    names = list(columns)
    if source.text_column:
        if source.text_column in names:
            return source.text_column
        held = ", ".join(names[:20]) or "none"
        what = f"{source.name} has no column {source.text_column!r}; its columns are: {held[:500]}."
        raise UnreadableSource(what, "Name one of them: --set text_column=NAME (with --rebuild), or leave it out.")
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in TEXT_COLUMNS if name in lower), None)


def row_documents(rows: Iterable[Row], column: str, source: Source, part: str = "") -> Iterator[Document | LoadError]:
    """Yield a document for each row, and an error naming the row for each that is none.

    A row is known by its `_id`, or, where it has none, by its number, which is then a part of its citation.
    """
    seen: set[str] = set()
    for number, fields in rows:
        where = f"{source.name}, {f'sheet {part}, ' if part else ''}row {number}"
        try:
            document = _document(dict(fields), number, column, source, part)
        except ValueError as error:
            yield UnreadableSource(f"{where}: {error}.", "Mend the row or leave it out.")
            continue
        if not document.text.strip():
            yield EmptyDocument(f"{where}: its {column!r} is empty.", "Fill it or leave the row out.")
        elif document.id in seen:
            yield UnreadableSource(f"{where}: the id {document.id!r} was used before.", "Give each row its own _id.")
        else:
            seen.add(document.id)
            yield document


def _document(fields: dict[str, object], number: int, column: str, source: Source, part: str) -> Document:
    text = fields.pop(column, None)
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise ValueError(f"its {column!r} is {json.dumps(text, default=str)[:40]}, not a text")
    title_key = next((key for key in fields if key.strip().lower() in TITLE_COLUMNS), None)
    title = fields.pop(title_key) if title_key else None
    given = fields.pop("_id", None)
    name = str(given).strip() if given is not None else ""
    kept = {key: value for key, value in fields.items() if key and value not in (None, "")}
    json_safe([text, title, name])
    row = json.dumps(json_safe({**kept, column: text, "title": title}), sort_keys=True, ensure_ascii=False)
    return Document(
        id=name or f"{source.document_id}#{f'{part}:' if part else ''}{number}",
        text=text,
        title=str(title).strip() or None if title is not None else None,
        format="text",
        source_path=source.name,
        source_sha256=hashlib.sha256(row.encode()).hexdigest(),
        metadata=gather(kept, text),
        layout=Layout(parts=((0, part),) if part else (), rows=() if name else ((0, number),)),
    )
