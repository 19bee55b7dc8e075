"""Opens Office packages safely, and loads slides (PPTX) with their tables and notes, one slide a page."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import BlockKind, Document
from rag.loading.composing import Composer, row_text
from rag.loading.formats.office.ooxml import transitional
from rag.loading.sources import Source, open_source, source_sha256

MAX_PACKAGE_BYTES = 512 * 1024 * 1024
"""Unpacked bytes of all parts of a package; the libraries hold pictures in memory too."""
MAX_PART_BYTES = 64 * 1024 * 1024
"""Unpacked bytes of one XML part: its tree takes some ten times that in memory."""
MAX_PACKAGE_PARTS = 20_000
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@contextmanager
def opened_package(source: Source) -> Iterator[BinaryIO]:
    """Give the file of a package if its parts, by their declared sizes, fit into memory.

    If a part is longer than it declares, the zip reader stops at the declared size. Raises UnreadableSource.
    """
    with open_source(source.path) as file:
        if file.read(8) == _OLD:
            what = f"{source.name} is encrypted, or of the Office format of before 2007."
            raise UnreadableSource(what, "Save it without a password in the newer format.")
        try:
            with zipfile.ZipFile(file) as package:
                parts = package.infolist()
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
            what = f"{source.name} is cut off or damaged: {error}."
            raise UnreadableSource(what, "Download or export it again.") from error
        texts = [part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels", "html", ".htm"))]
        if sum(part.file_size for part in parts) > MAX_PACKAGE_BYTES or max(texts, default=0) > MAX_PART_BYTES:
            raise UnreadableSource(f"{source.name} unpacks to more than can be held in memory.", "Split it.")
        if len(parts) > MAX_PACKAGE_PARTS:
            raise UnreadableSource(
                f"{source.name} has {len(parts)} parts, at most {MAX_PACKAGE_PARTS} are read.", "Split it."
            )
        file.seek(0)
        package_file = transitional(file)
        package_file.seek(0)
        yield package_file


def xml_root(data: bytes) -> Any:
    """Return the root element of an XML part; entities are not resolved."""
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def core_properties(properties: Any) -> dict[str, object]:
    """Return the properties of an Office document under the names that citations use."""
    keywords = [word.strip() for word in str(properties.keywords or "").replace(";", ",").split(",")]
    values = {
        "title": properties.title,
        "author": properties.author if hasattr(properties, "author") else properties.creator,
        "created": properties.created or properties.modified,
        "language": properties.language,
        "tags": [word for word in keywords if word],
        "subject": properties.subject,
    }
    # A template's or a copy's date is that of a file, not the day its text was published.
    values["created"] = values["created"].date().isoformat() if values["created"] else None
    made_by_library = ("python-docx", "openpyxl")
    return {key: value for key, value in values.items() if value and value not in made_by_library}


def load_pptx(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a presentation. Raises LoadError, and the library's errors if the file is none."""
    from pptx import Presentation

    with opened_package(source) as file:
        deck = Presentation(file)
    composer = Composer(source)
    for slide in deck.slides:
        composer.page()
        title = slide.shapes.title
        for shape in slide.shapes:
            _add_shape(composer, shape, title is not None and shape.shape_id == title.shape_id)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            for paragraph in slide.notes_slide.notes_text_frame.paragraphs:
                composer.add(paragraph.text)
    properties = core_properties(deck.core_properties)
    title_text = str(properties.pop("title", ""))
    title_text = "" if title_text == "PowerPoint Presentation" else title_text
    yield composer.document("pptx", source_sha256(source.path), title_text, properties)


def _add_shape(composer: Composer, shape: Any, is_title: bool) -> None:
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            _add_shape(composer, inner, False)
    elif getattr(shape, "has_table", False):
        for number, row in enumerate(shape.table.rows):
            cells = [cell.text for cell in row.cells]
            kind: BlockKind = "table_header" if number == 0 and len(cells) > 1 else "table_row"
            composer.add(row_text(cells), kind)
    elif getattr(shape, "has_text_frame", False):
        if is_title:
            composer.add(shape.text_frame.text.replace("\v", "\n"), "heading", 1)
            return
        paragraphs = [paragraph.text.replace("\v", "\n") for paragraph in shape.text_frame.paragraphs]
        listed = sum(bool(text.strip()) for text in paragraphs) > 1
        for text in paragraphs:
            composer.add(text, "list_item" if listed else "paragraph")
