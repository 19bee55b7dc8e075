"""Opens Office packages safely, and reads their properties."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from rag.core.errors import UnreadableSource
from rag.loading.formats.office.ooxml import transitional
from rag.loading.sources import Source, open_source

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
