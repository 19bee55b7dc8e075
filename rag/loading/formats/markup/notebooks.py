"""Loads Jupyter notebooks: the text of Markdown cells, the code, and the texts that the code printed."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from rag.core.errors import LoadError, UnreadableSource
from rag.core.files.safe_json import json_value
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.decoding import decode
from rag.loading.formats.markup.markdown import ATX_HEADING, plain_heading
from rag.loading.sources import Source, read_source

_ITEM = re.compile(r"(?:[-*+]|\d{1,4}[.)])\s+\S")


def load_notebook(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a notebook; each cell is a part. Raises LoadError."""
    data = read_source(source)
    try:
        notebook = json_value(decode(data, source.name)[0])
    except ValueError as error:
        raise UnreadableSource(f"{source.name} is no notebook: {error}.", "Save or export it again.") from None
    cells = _cells(notebook)
    if cells is None:
        raise UnreadableSource(f"{source.name} is no notebook: it has no cells.", "Save or export it again.")
    composer = Composer(source)
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict):
            composer.part(f"cell {number}")
            _add_cell(composer, cell)
    yield composer.document("notebook", hashlib.sha256(data).hexdigest(), None, {})


def _cells(notebook: object) -> list[Any] | None:
    """Return the cells, before format 4 those of all worksheets."""
    if not isinstance(notebook, dict):
        return None
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list):
        return [cell for sheet in sheets if isinstance(sheet, dict) for cell in _cells(sheet) or ()]
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else None


def _add_cell(composer: Composer, cell: dict[str, Any]) -> None:
    text = _joined(cell.get("source", cell.get("input")))
    if cell.get("cell_type") == "heading":
        composer.add(text, "heading", _level(cell.get("level")))
        return
    if cell.get("cell_type") == "code":
        composer.add(text, "code")
        for output in cell.get("outputs") or ():
            _add_output(composer, output)
        return
    for paragraph in re.split(r"\n[ \t]*\n", text):
        _add_markdown(composer, paragraph)


def _level(value: object) -> int:
    return min(max(value, 1), 6) if isinstance(value, int) else 1


def _add_markdown(composer: Composer, paragraph: str) -> None:
    """Add a paragraph; a heading on its first line is a block of its own."""
    first, _, rest = paragraph.lstrip("\n").partition("\n")
    heading = ATX_HEADING.match(first)
    if heading:
        composer.add(plain_heading(first), "heading", len(heading[1]))
        paragraph = rest
    composer.add(paragraph, "list_item" if _ITEM.match(paragraph.lstrip()) else "paragraph")


def _add_output(composer: Composer, output: object) -> None:
    if not isinstance(output, dict):
        return
    data = output.get("data") if isinstance(output.get("data"), dict) else {}
    text = _joined(output.get("text")) or _joined(data.get("text/plain") if isinstance(data, dict) else None)
    composer.add(text)
    if isinstance(data, dict) and any(kind.startswith("image/") for kind in data):
        composer.leave_out("pictures")


def _joined(value: object) -> str:
    """Return the text of a list of lines, which have their line ends since format 3."""
    if isinstance(value, list):
        lines = [line for line in value if isinstance(line, str)]
        return ("" if any(line.endswith("\n") for line in lines[:-1]) else "\n").join(lines)
    return value if isinstance(value, str) else ""
