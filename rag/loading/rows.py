"""Turns rows with named columns into Documents: one column holds the text, the others are metadata.

Used for CSV, TSV, JSON and XLSX. JSON Lines have fixed names and a module of their own.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document, Layout
from rag.loading.metadata import gather, json_safe
from rag.loading.sources import Source

TEXT_COLUMNS = ("text", "content", "body", "article", "passage", "full_text", "document")
"""Names of text columns: if the user chose none, the first of these that exists is the text."""
LABEL_COLUMNS = frozenset(["content", "body", "article", "document"])
"""Names of text columns that a table may also give to a column of labels, such as the articles of a price list."""
SAMPLE_ROWS = 20
MIN_TEXT_WORDS = 5
"""Words that the values of such a column have on average in the first rows; else it holds labels."""
TITLE_COLUMNS = ("title", "headline", "subject", "name")

Row = tuple[int, Mapping[str, object]]
"""The number of a row in its file, counted from 1, and its values by column."""


def text_column(columns: Iterable[str], source: Source, sample: Iterable[Sequence[object]] = ()) -> str | None:
    """Return the column that holds the text: the one chosen, else one of the usual names, else None.

    `sample` holds the values of the first rows in the order of `columns`: a column of labels is no text.

    Raises UnreadableSource if the chosen column does not exist.
    """
    names = list(columns)
    if source.text_column:
        if source.text_column in names:
            return source.text_column
        column_names = ", ".join(names[:20]) or "none"
        what = f"{source.name} has no column {source.text_column!r}; its columns are: {column_names[:500]}."
        raise UnreadableSource(what, "Name one of them: --set text_column=NAME (with --rebuild), or leave it out.")
    lower = {name.strip().lower(): i for i, name in reversed(list(enumerate(names)))}
    rows = [] if "_id" in lower else list(islice(sample, SAMPLE_ROWS))
    usual = ((name, lower[name]) for name in TEXT_COLUMNS if name in lower)
    return next((names[i] for name, i in usual if name not in LABEL_COLUMNS or not _are_labels(rows, i)), None)


def _are_labels(rows: Sequence[Sequence[object]], column: int) -> bool:
    """Tell whether the values of a column are too short for texts."""
    values = [row[column] for row in rows if column < len(row)]
    counts = [len(str(value).split()) for value in values if value not in (None, "")]
    return bool(counts) and sum(counts) < MIN_TEXT_WORDS * len(counts)


def row_documents(rows: Iterable[Row], column: str, source: Source, part: str = "") -> Iterator[Document | LoadError]:
    """Yield a document for each row, and an error naming the row for each that is none.

    A row is known by its `_id`. If it has none, its number is its id and a part of its citation.
    """
    used_ids: set[str] = set()
    for number, fields in rows:
        where = f"{source.name}, {f'sheet {part}, ' if part else ''}row {number}"
        try:
            document = _document(dict(fields), number, column, source, part)
        except ValueError as error:
            yield UnreadableSource(f"{where}: {error}.", "Mend the row or leave it out.")
            continue
        if not document.text.strip():
            yield EmptyDocument(f"{where}: its {column!r} is empty.", "Fill it or leave the row out.")
        elif document.id in used_ids:
            yield UnreadableSource(f"{where}: the id {document.id!r} was used before.", "Give each row its own _id.")
        else:
            used_ids.add(document.id)
            yield document


def _document(fields: dict[str, object], number: int, column: str, source: Source, part: str) -> Document:
    text = fields.pop(column, None)
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise ValueError(f"its {column!r} is {json.dumps(text, default=str)[:40]}, not a text")
    title_key = next((key for key in fields if key.strip().lower() in TITLE_COLUMNS), None)
    title = fields.pop(title_key) if title_key else None
    own_id = fields.pop("_id", None)
    name = str(own_id).strip() if own_id is not None else ""
    values = {key: value for key, value in fields.items() if key and value not in (None, "")}
    json_safe([text, title, name])
    row = json.dumps(json_safe({**values, column: text, "title": title}), sort_keys=True, ensure_ascii=False)
    return Document(
        id=name or f"{source.document_id}#{f'{part}:' if part else ''}{number}",
        text=text,
        title=str(title).strip() or None if title is not None else None,
        format="text",
        source_path=source.name,
        source_sha256=hashlib.sha256(row.encode()).hexdigest(),
        metadata=gather(values, text),
        layout=Layout(parts=((0, part),) if part else (), rows=() if name else ((0, number),)),
    )
