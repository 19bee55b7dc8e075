"""Loads CSV, TSV and JSON: a document for each row if a column holds texts, else one for the table.

A table keeps the file's own text; each record is a block, and the first one heads them all.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import chain, count, islice

from rag.core.errors import LoadError, UnreadableSource
from rag.core.files.safe_json import json_value
from rag.core.types import BlockKind, Document, Layout
from rag.loading.composing import Composer
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import gather
from rag.loading.rows import SAMPLE_ROWS, Row, row_documents, text_column
from rag.loading.sources import MAX_FILE_BYTES, Source

DELIMITERS = (",", ";", "\t", "|")
RARE_DELIMITERS = ("~", "^", ":")
"""Signs that often stand in texts: they delimit only if every record has equally many of them."""
_NO_DELIMITER = "\x1f"
"""Cuts a file of one column, whose texts may hold any other sign."""
_SAMPLE_CHARACTERS, _SAMPLE_RECORDS = 20_000, 20
MAX_PATH_KEYS = 4
"""Keys above a value that its line names."""
_Record = tuple[int, int, int, list[str]]
"""The number of a record (from 1, blank ones count), its start and end in the text, and its fields."""


def load_csv(source: Source) -> Iterator[Document | LoadError]:
    """Yield the documents of a CSV or TSV file. Raises LoadError.

    The first record names the columns. If none of them holds texts, the file is one document.
    """
    text, sha256, properties = read_text(source)
    delimiter = "\t" if source.path.suffix.lower() == ".tsv" else _delimiter(text)
    records = _records(text, delimiter, source)
    columns = next(records)[3]
    sample = list(islice(records, SAMPLE_ROWS))
    records = chain(sample, records)
    column = text_column(columns, source, (fields for *_, fields in sample))
    if column is not None:
        rows = ((number, _fields(columns, record)) for number, _, _, record in records if any(record))
        yield from row_documents(rows, column, source)
        return
    layout = _table_layout(text, _records(text, delimiter, source), own_lines=not source.depth)
    yield Document(
        source.document_id, text, None, "csv", source.name, sha256, gather(properties, text), layout=layout
    )  # fmt: skip


def load_json(source: Source) -> Iterator[Document | LoadError]:
    """Yield a document for each object of a JSON file with a text, or one of all values. Raises LoadError.

    The objects are a list, or the one list of objects inside an object.
    """
    text, sha256, encoding = read_text(source)
    try:
        content = json_value(text)
    except ValueError as error:
        raise UnreadableSource(f"{source.name} is no JSON: {error}.", "Save or export it again.") from None
    rows = _objects(content)
    columns = dict.fromkeys(str(key) for row in rows for key in row)
    column = text_column(columns, source, ([row.get(key) for key in columns] for row in rows))
    if column is None:
        composer = Composer(source)
        for line in value_lines(content):
            composer.add(line, "list_item")
        yield composer.document("json", sha256, None, encoding)
        return
    numbered: Iterator[Row] = ((number, row) for number, row in enumerate(rows, start=1))
    yield from row_documents(numbered, column, source)


def value_lines(content: object) -> Iterator[str]:
    """Yield a line for each value, such as `departures.Douglas: 07:15`; objects of a list have their number."""
    pending: list[tuple[tuple[str, ...], object]] = [((), content)]
    while pending:
        path, value = pending.pop()
        items: list[tuple[str, object]] = []
        if isinstance(value, dict):
            items = [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list):
            items = [(str(number), item) for number, item in enumerate(value, start=1)]
        elif value is not None and value != "":
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"{'.'.join(path)}: {shown}" if path else shown
        pending += [((*path, key)[-MAX_PATH_KEYS:], item) for key, item in reversed(items)]


def _objects(content: object) -> list[dict[str, object]]:
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list) and value and _are_objects(value)]
        content = lists[0] if len(lists) == 1 else [content]
    return [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []


def _are_objects(values: list[object]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _table_layout(text: str, records: Iterator[_Record], own_lines: bool) -> Layout:
    blocks: list[tuple[int, int, BlockKind, int | None, str | None]] = []
    rows = []
    for number, start, end, fields in records:
        words = text[start:end]
        start += len(words) - len(words.lstrip())
        end = start + len(words.strip())
        kind: BlockKind = "table_header" if not blocks and len(fields) > 1 else "table_row"
        if start < end:
            blocks.append((start, end, kind, None, None))
            rows.append((start, number))
    return Layout(tuple(blocks), rows=tuple(rows), own_lines=own_lines)


def _fields(columns: list[str], record: list[str]) -> dict[str, object]:
    """Return a record's fields by column; those beyond the last named column are kept under its number."""
    names = [name or f"column {number}" for number, name in enumerate(columns, start=1)]
    names += [f"column {number}" for number in range(len(names) + 1, len(record) + 1)]
    return dict(zip(names, record, strict=False))


def _delimiter(text: str) -> str:
    """Return the sign that cuts the first records into the most columns."""
    counts = {sign: _column_counts(text, sign) for sign in (*DELIMITERS, *RARE_DELIMITERS)}
    best = max(DELIMITERS, key=lambda sign: (min(counts[sign][:5]), -DELIMITERS.index(sign)))
    if min(counts[best][:5]) > 1:
        return best
    rare = [sign for sign in RARE_DELIMITERS if len(counts[sign]) > 1 and len({*counts[sign]}) == 1 < counts[sign][0]]
    return rare[0] if rare else _NO_DELIMITER


def _column_counts(text: str, delimiter: str) -> list[int]:
    sample = text[:_SAMPLE_CHARACTERS]
    # The last line of the sample may be cut.
    sample = sample[: sample.rfind("\n") + 1] or sample if len(text) > len(sample) else sample
    reader = csv.reader(StringIO(sample, newline=""), delimiter=delimiter)
    try:
        return [len(record) for record in islice(reader, _SAMPLE_RECORDS) if record] or [1]
    except csv.Error:
        return [1]


def _records(text: str, delimiter: str, source: Source) -> Iterator[_Record]:
    """Yield the records that are not blank. Raises UnreadableSource.

    A quote that is never closed would make one record of the rest of the file. From there on each line is a record.
    """
    at = start = 0

    def lines() -> Iterator[str]:
        nonlocal at
        for line in StringIO(text, newline=""):
            at += len(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter)
    for number in count(1):
        try:
            with _long_fields():
                record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = f"{source.name}, line {reader.line_num}: {error}."
            raise UnreadableSource(what, "Mend the quotes there, or save it again.") from None
        if at == len(text) and _is_quote_open(text, start):
            yield from _line_records(text, start, number, delimiter)
            return
        if text[start:at].strip():
            yield number, start, at, record
        start = at


def _is_quote_open(text: str, start: int) -> bool:
    """Tell if a record of several lines that ends with the file has an open quote."""
    return "\n" in text[start:].rstrip() and text.count('"', start) % 2 == 1


def _line_records(text: str, start: int, number: int, delimiter: str) -> Iterator[_Record]:
    """Yield a record for each line; quotes count only if the line closes them."""
    for line in StringIO(text[start:], newline=""):
        end = start + len(line)
        if line.strip():
            is_sound = line.count('"') % 2 == 0
            with _long_fields():
                record = next(csv.reader([line], delimiter=delimiter, quotechar='"' if is_sound else None))
            yield number, start, end, record
            number += 1
        start = end


@contextmanager
def _long_fields() -> Iterator[None]:
    # The module's limit of 131,072 characters is for the whole process: it is lifted for one record at a time.
    limit = csv.field_size_limit(MAX_FILE_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
