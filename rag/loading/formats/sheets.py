"""Loads workbooks (XLSX): a document for each row if a column holds texts, else one for all sheets."""

import datetime
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from rag.core.errors import EmptyDocument, LoadError
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, row_text
from rag.loading.formats.office import core_properties, opened_package
from rag.loading.rows import Row, row_documents, text_column
from rag.loading.sources import Source, file_sha256

MAX_COLUMNS = 1_000
"""Cells of a row that are read: a sheet may have 16,384, and few of them are ever used."""
_Cells = tuple[int, list[Any]]


def load_xlsx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a workbook. Raises LoadError, and the library's errors if the file is none.

    Cells give the values they show last, not their formulas.
    """
    from openpyxl import load_workbook

    with opened_package(source) as file:
        book = load_workbook(file, read_only=True, data_only=True)
        try:
            yield from _documents(book, source)
        finally:
            book.close()


def _documents(book: Any, source: Source) -> Iterator[Document | LoadError]:
    composer, has_row_documents = Composer(source), False
    for sheet in book.worksheets:
        rows = _rows(sheet)
        first = next(rows, None)
        if first is None:
            continue
        columns = [_shown(value) for value in first[1]]
        column = text_column(columns, source)
        if column is None:
            _add_sheet(composer, sheet.title, chain([first], rows))
        else:
            has_row_documents = True
            yield from row_documents(_named(columns, rows), column, source, sheet.title)
    properties = core_properties(book.properties)
    title = str(properties.pop("title", "")) or None
    try:
        document = composer.document("xlsx", file_sha256(source.path), title, properties)
    except EmptyDocument:
        if not has_row_documents:
            raise
    else:
        yield document


def _rows(sheet: Any) -> Iterator[_Cells]:
    """Yield number and cells of the rows that hold anything."""
    sheet.reset_dimensions()  # the declared size may be wrong
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = list(islice(row, MAX_COLUMNS))
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if cells:
            yield number, cells


def _named(columns: list[str], rows: Iterator[_Cells]) -> Iterator[Row]:
    names = [name or f"column {number}" for number, name in enumerate(columns, start=1)]
    for number, cells in rows:
        extra = [f"column {place}" for place in range(len(names) + 1, len(cells) + 1)]
        values = [value if isinstance(value, str | int | float | bool) else _shown(value) for value in cells]
        yield number, dict(zip([*names, *extra], values, strict=False))


def _add_sheet(composer: Composer, title: str, rows: Iterator[_Cells]) -> None:
    composer.part(title)
    composer.add(title, "heading", 1)
    header = True
    for number, cells in rows:
        kind: BlockKind = "table_header" if header and len(cells) > 1 else "table_row"
        # A line of one cell above the table is its caption, not its header.
        header = header and len(cells) == 1
        composer.add(row_text([_shown(value) for value in cells]), kind, row=number)


def _shown(value: object) -> str:
    """Return a cell's value as text: dates as ISO 8601, whole numbers without a fraction."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
