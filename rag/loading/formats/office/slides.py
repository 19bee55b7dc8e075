"""Loads slides (PPTX) with their tables, charts, notes and comments, one slide a page."""

from collections.abc import Iterator
from typing import Any

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, row_text
from rag.loading.formats.office.drawing_parts import chart_rows, comments, diagram_texts, table_rows
from rag.loading.formats.office.office import core_properties, opened_package
from rag.loading.sources import Source, source_sha256


def load_pptx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a presentation. Raises LoadError, and the library's errors if the file is none."""
    from pptx import Presentation

    with opened_package(source) as file:
        deck = Presentation(file)
    composer = Composer(source)
    for slide in deck.slides:
        composer.page()
        if slide.element.get("show") in ("0", "false"):
            composer.leave_out("hidden slides")
        else:
            _add_slide(composer, slide)
    properties = core_properties(deck.core_properties)
    title_text = str(properties.pop("title", ""))
    title_text = "" if title_text == "PowerPoint Presentation" else title_text
    yield composer.document("pptx", source_sha256(source.path), title_text, properties)


def _add_slide(composer: Composer, slide: Any) -> None:
    title = slide.shapes.title
    for shape in slide.shapes:
        _add_shape(composer, shape, title is not None and shape.shape_id == title.shape_id)
    for text in diagram_texts(slide):
        composer.add(text, "list_item")
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for paragraph in slide.notes_slide.notes_text_frame.paragraphs:
            composer.add(paragraph.text)
    for text in comments(slide):
        composer.add(f"Comment: {text}" if text else "")


def _add_shape(composer: Composer, shape: Any, is_title: bool) -> None:
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            _add_shape(composer, inner, False)
    elif getattr(shape, "has_table", False):
        for number, cells in enumerate(table_rows(shape.table)):
            kind: BlockKind = "table_header" if number == 0 and len(cells) > 1 else "table_row"
            composer.add(row_text(cells), kind)
    elif getattr(shape, "has_chart", False):
        for number, text in enumerate(chart_rows(shape.chart._chartSpace)):
            composer.add(text, "table_row" if number else "table_header")
    elif getattr(shape, "has_text_frame", False):
        _add_text_frame(composer, shape.text_frame, is_title)


def _add_text_frame(composer: Composer, frame: Any, is_title: bool) -> None:
    if is_title:
        composer.add(frame.text.replace("\v", "\n"), "heading", 1)
        return
    paragraphs = [paragraph.text.replace("\v", "\n") for paragraph in frame.paragraphs]
    listed = sum(bool(text.strip()) for text in paragraphs) > 1
    for text in paragraphs:
        composer.add(text, "list_item" if listed else "paragraph")
