"""Loads workbooks (XLSX): a document for each row if a column holds texts, else one for all sheets."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, row_text
from rag.loading.formats.office.office import core_properties, opened_package
from rag.loading.formats.spreadsheets.number_formats import general_number, shown_number
from rag.loading.formats.spreadsheets.sheet_parts import MergedTexts, SheetParts, sheet_parts
from rag.loading.rows import SAMPLE_ROWS, Row, row_documents, text_column
from rag.loading.sources import Source, source_sha256

MAX_COLUMNS = 1_000
"""Cells of a row that are read: a sheet may have 16,384, and few of them are ever used."""
_Cells = tuple[int, list[Any]]


def load_xlsx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a workbook. Raises LoadError, and the library's errors if the file is none.

    Cells give the values they show last, not their formulas. Hidden sheets are left out.
    """
    from openpyxl import load_workbook

    with opened_package(source) as file:
        book = load_workbook(file, read_only=True, data_only=True)
        try:
            yield from _documents(book, source)
        finally:
            book.close()


def _documents(book: Any, source: Source) -> Iterator[Document | LoadError]:
    composer, has_rows = Composer(source), False
    last_row: Document | None = None
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            composer.leave_out("hidden sheets")
            continue
        parts = sheet_parts(book, sheet)
        composer.leave_out("formulas without stored values", parts.formulas_without_value)
        rows = _rows(sheet, parts)
        first = next(rows, None)
        if first is None:
            composer.part(sheet.title)
            _add_comments(composer, parts)
            continue
        columns = [_shown(cell) for cell in first[1]]
        sample = list(islice(rows, SAMPLE_ROWS))
        rows = chain(sample, rows)
        column = text_column(columns, source, ([cell and cell.value for cell in cells] for _, cells in sample))
        if column is None:
            _add_sheet(composer, sheet.title, chain([first], rows), parts)
        else:
            has_rows = True
            for item in row_documents(_named(columns, rows), column, source, sheet.title):
                if not isinstance(item, Document):
                    yield item
                    continue
                if last_row is not None:
                    yield last_row
                last_row = item
            composer.part(sheet.title)
            _add_comments(composer, parts)
    properties = core_properties(book.properties)
    title = str(properties.pop("title", "")) or None
    if last_row is not None:
        # If there is no other document, the last row says what is left out.
        note = composer.left_out if composer.is_empty else {}
        yield replace(last_row, metadata={**last_row.metadata, **note})
    if not has_rows or not composer.is_empty:
        yield composer.document("xlsx", source_sha256(source.path), title, properties)


def _rows(sheet: Any, parts: SheetParts) -> Iterator[_Cells]:
    """Yield number and cells of the rows that hold anything."""
    sheet.reset_dimensions()  # the declared size may be wrong
    merged = MergedTexts(parts.merged)
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [cell if cell.value not in (None, "") else None for cell in islice(row, MAX_COLUMNS)]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield number, merged.filled(number, cells)


def _named(columns: list[str], rows: Iterator[_Cells]) -> Iterator[Row]:
    names = [name or f"column {number}" for number, name in enumerate(columns, start=1)]
    for number, cells in rows:
        extra = [f"column {place}" for place in range(len(names) + 1, len(cells) + 1)]
        values = [cell.value if _is_plain(cell) else _shown(cell) for cell in cells]
        yield number, dict(zip([*names, *extra], values, strict=False))


def _is_plain(cell: Any) -> bool:
    return cell is not None and isinstance(cell.value, str | int | float | bool)


def _add_sheet(composer: Composer, title: str, rows: Iterator[_Cells], parts: SheetParts) -> None:
    composer.part(title)
    composer.add(title, "heading", 1)
    header = True
    for number, cells in rows:
        kind: BlockKind = "table_header" if header and len(cells) > 1 else "table_row"
        # A line of one cell above the table is its caption, not its header.
        header = header and len(cells) == 1
        composer.add(row_text([_shown(cell) for cell in cells]), kind, row=number)
    _add_comments(composer, parts)


def _add_comments(composer: Composer, parts: SheetParts) -> None:
    for number, comments in sorted(parts.comments.items()):
        for comment in comments:
            composer.add(comment, "list_item", row=number)
    for text in parts.drawing_texts:
        composer.add(text, "table_row")


def _shown(cell: Any) -> str:
    """Return the text of a cell: numbers as the sheet shows them, dates as ISO 8601."""
    value = cell.value if cell is not None else None
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        number_format = getattr(cell, "number_format", "General")
        return shown_number(value, number_format) if number_format else general_number(value)
    return str(value)
