"""Turns tables into the records that the reader reads, and keeps the place of every cell.

A row is read as `Header 1: value 1; Header 2: value 2.`, a caption as a sentence of its own before it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Range = tuple[int, int]
STROKE = " | "
PERIOD = re.compile(r"(?:[A-Z]\w+ \d{1,2}, )?(?:FY|Q[1-4] )?(?:19|20)\d\d(?: ?\(\d+\))?")
"""A cell that heads a column of figures: a year, a quarter or a date."""


@dataclass(frozen=True)
class Table:
    """A table: its caption, a header for each row and the rows' cells. A row of one cell heads those below it."""

    caption: str
    headers: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Records:
    """Some rows as text, with the range of every value by row and column."""

    text: str
    cells: dict[tuple[int, int], Range]


def table_of(text: str) -> Table:
    """Return the table of a passage whose lines are rows, the first one with several cells being the header."""
    lines = [tuple(cell.strip() for cell in line.split(STROKE)) for line in text.split("\n")]
    first = next((i for i, line in enumerate(lines) if len(line) > 1), 0)
    caption = " ".join(line[0] for line in lines[:first])
    header: tuple[str, ...] = lines[first]
    headers, rows = [], []
    for i in range(first + 1, len(lines)):
        line = lines[i]
        if i + 1 < len(lines) and _is_header(line, lines[i + 1]):
            header = line
            continue
        headers.append(("",) * (len(line) - len(header)) + header if len(line) > 1 else ("",))
        rows.append(line)
    return Table(caption, tuple(headers), tuple(rows))


def cell_at(text: str, start: int) -> tuple[int, int] | None:
    """Return row and column of the cell of values that holds an offset of such a passage, None if a header holds it.

    Rows are counted as in `table_of`.
    """
    line_start = text.rfind("\n", 0, start) + 1
    column = text[line_start:start].count(STROKE)
    cells = tuple(cell.strip() for cell in text[line_start:].split("\n")[0].split(STROKE))
    rows = table_of(text).rows
    return (rows.index(cells), column) if cells in rows else None


def written(table: Table, rows: Iterable[int], captioned: bool = True) -> Records:
    """Return rows of a table as records.

    >>> table = Table("Stock", (("Item", "Price"),), (("Rope", "12.50"),))
    >>> written(table, [0]).text
    'Stock. Item: Rope; Price: 12.50.'
    """
    parts = [f"{stopped(table.caption.rstrip(' ,;:'))} "] if captioned and table.caption else []
    length = sum(map(len, parts))
    cells: dict[tuple[int, int], Range] = {}
    for row in rows:
        text, places = record(table.headers[row], table.rows[row])
        for column, (start, end) in places.items():
            cells[row, column] = (length + start, length + end)
        parts.append(f"{text} ")
        length += len(text) + 1
    return Records("".join(parts).rstrip(), cells)


def record(header: Sequence[str], values: Sequence[str]) -> tuple[str, dict[int, Range]]:
    """Return one row as a record, and the range of each value that is not empty.

    >>> record(("Item", "Price"), ("Rope", "12.50"))
    ('Item: Rope; Price: 12.50.', {0: (6, 10), 1: (19, 24)})
    """
    text = ""
    places: dict[int, Range] = {}
    for column, value in enumerate(values):
        if not value:
            continue
        name = header[column] if column < len(header) else ""
        text += ("; " if text else "") + (f"{name}: " if name else "")
        places[column] = (len(text), len(text) + len(value))
        text += value
    return stopped(text), places


def stopped(text: str) -> str:
    """Return a text that ends with a full stop or another mark that ends a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _is_header(line: tuple[str, ...], following: tuple[str, ...]) -> bool:
    """Tell whether a line inside a table heads the columns of the rows below it: they have one cell more."""
    return len(line) + 1 == len(following) and all(PERIOD.fullmatch(cell) for cell in line)
