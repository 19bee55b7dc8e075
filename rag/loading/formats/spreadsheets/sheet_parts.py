"""Reads the parts of a sheet that openpyxl skips row by row: merged cells, comments, drawings, empty formulas."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.loading.composing import MAX_MERGED_CHARACTERS, MAX_MERGED_COLUMNS
from rag.loading.formats.office.drawing_parts import box_texts, chart_rows
from rag.loading.formats.office.office import xml_root

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]{0,100}?ref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_FORMULA = re.compile(
    rb"<(?:\w+:)?c(?![^<>]*\st=[\"']str[\"'])(?:\s[^<>]*)?>\s*"  # the result of `str` may be an empty text
    rb"<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)(?!\s*<(?:\w+:)?v>[^<])"
)
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


@dataclass(frozen=True)
class _MergedCell:
    """A range of merged cells, by numbers from 1."""

    column: int
    row: int
    last_column: int
    last_row: int


@dataclass
class SheetParts:
    """The merged cells of a sheet by their first row, its comments by row, its drawings, and its empty formulas."""

    merged: dict[int, list[_MergedCell]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)
    drawing_texts: list[str] = field(default_factory=list)
    formulas_without_value: int = 0


def sheet_parts(book: Any, sheet: Any) -> SheetParts:
    """Return the parts of a sheet of a workbook that openpyxl opened read-only."""
    from openpyxl.utils.cell import column_index_from_string as column

    archive, path = book._archive, sheet._worksheet_path
    data = archive.read(path)
    parts = SheetParts(formulas_without_value=sum(1 for _ in _FORMULA.finditer(data)))
    for match in _MERGED.finditer(data):
        cell = _MergedCell(column(match[1].decode()), int(match[2]), column(match[3].decode()), int(match[4]))
        parts.merged.setdefault(cell.row, []).append(cell)
    for reference, text in _comments(archive, path):
        place = _REFERENCE.fullmatch(reference)
        if place and text:
            parts.comments.setdefault(int(place[2]), []).append(f"Comment on {reference}: {text}")
    parts.drawing_texts.extend(_drawing_texts(archive, path))
    return parts


class MergedTexts:
    """Fills the cells below and beside a merged cell while the rows of a sheet go by."""

    def __init__(self, merged: dict[int, list[_MergedCell]]) -> None:
        """Begin before the first row."""
        self._merged = merged
        self._open: dict[int, tuple[int, Any]] = {}

    def filled(self, number: int, cells: list[Any]) -> list[Any]:
        """Return the cells of row `number` with the values of the merged cells over them."""
        self._open = {column: item for column, item in self._open.items() if item[0] >= number}
        values = list(cells)
        is_caption = sum(cell is not None for cell in cells) == 1
        for column, (_, value) in self._open.items():
            _fill(values, column, value)
        for cell in self._merged.get(number, ()):
            value = cells[cell.column - 1] if cell.column <= len(cells) else None
            text = "" if value is None else str(getattr(value, "value", value))
            if not text or len(text) > MAX_MERGED_CHARACTERS:
                continue
            last = cell.column if is_caption else min(cell.last_column, cell.column + MAX_MERGED_COLUMNS)
            for column in range(cell.column, last + 1):
                _fill(values, column, value)
                if cell.last_row > number and not is_caption and len(self._open) < MAX_MERGED_COLUMNS:
                    self._open[column] = (cell.last_row, value)
        return values


def _fill(values: list[Any], column: int, value: Any) -> None:
    if column > len(values):
        values.extend([None] * (column - len(values)))
    if values[column - 1] is None:
        values[column - 1] = value


def _comments(archive: Any, sheet_path: str) -> list[tuple[str, str]]:
    comments = []
    for _, root in _related(archive, sheet_path, "comments"):
        for comment in root.iter("{*}comment"):
            text = " ".join("".join(part.text or "" for part in comment.iter("{*}t")).split())
            comments.append((comment.get("ref", ""), text))
    return comments


def _drawing_texts(archive: Any, sheet_path: str) -> Iterator[str]:
    """Yield the texts of the boxes that lie on a sheet, and the rows of its charts."""
    for path, drawing in _related(archive, sheet_path, "drawing"):
        yield from box_texts(drawing)
        for _, chart in _related(archive, path, "chart"):
            yield from chart_rows(chart)


def _related(archive: Any, path: str, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield path and root of the parts that a part refers to by a kind of relationship."""
    folder, name = posixpath.split(path)
    try:
        relations = xml_root(archive.read(f"{folder}/_rels/{name}.rels"))
    except KeyError:
        return
    for relation in relations.iter("{*}Relationship"):
        target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
        if relation.get("Type", "").endswith(f"/{kind}") and target in archive.namelist():
            yield target, xml_root(archive.read(target))
