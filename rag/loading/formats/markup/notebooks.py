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
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise UnreadableSource(f"{source.name} is no notebook: it has no cells.", "Save it in format 4 or later.")
    composer = Composer(source)
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict):
            composer.part(f"cell {number}")
            _add_cell(composer, cell)
    yield composer.document("notebook", hashlib.sha256(data).hexdigest(), None, {})


def _add_cell(composer: Composer, cell: dict[str, Any]) -> None:
    text = _joined(cell.get("source"))
    if cell.get("cell_type") == "code":
        composer.add(text, "code")
        for output in cell.get("outputs") or ():
            _add_output(composer, output)
        return
    for paragraph in re.split(r"\n[ \t]*\n", text):
        _add_markdown(composer, paragraph)


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
    if isinstance(value, list):
        return "".join(piece for piece in value if isinstance(piece, str))
    return value if isinstance(value, str) else ""
