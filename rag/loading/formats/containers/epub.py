"""Loads EPUB books: the chapters in reading order, each a named part of the document."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from rag.core.errors import LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.formats.markup.html import compose, decode_html, parsed
from rag.loading.formats.office.office import opened_package, xml_root
from rag.loading.sources import Source, source_sha256
from rag.loading.web_text.markup import markup_blocks, struck_count

_DC = "{http://purl.org/dc/elements/1.1/}"
_NAMES = {"author": "creator", "publisher": "publisher", "published_at": "date", "language": "language"}


def load_epub(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a book. Raises LoadError, and the zip reader's errors if the file is no book.

    If the book lists chapters that it does not hold, an error that names them follows.
    """
    composer = Composer(source)
    absent_chapters = []
    with opened_package(source) as file, zipfile.ZipFile(file) as book:
        if "META-INF/encryption.xml" in book.namelist() and b"EncryptionMethod" in book.read("META-INF/encryption.xml"):
            _require_only_fonts(book.read("META-INF/encryption.xml"), source)
        package_path = _package_path(book)
        package = xml_root(book.read(package_path))
        for name in _spine(package, posixpath.dirname(package_path), book.namelist()):
            try:
                data = book.read(name)
            except KeyError:
                absent_chapters.append(name)
                continue
            root = parsed(decode_html(data, f"{source.name}, {name}")[0])
            composer.part(name)
            if root is not None:
                composer.leave_out("struck texts", struck_count(root))
                compose(composer, list(markup_blocks(root)))
    properties = {key: text for key, name in _NAMES.items() if (text := _first(package, name))}
    yield composer.document("epub", source_sha256(source.path), _first(package, "title"), properties)
    if absent_chapters:
        raise UnreadableSource(
            f"{source.name} lacks its chapters {', '.join(absent_chapters[:10])}.", "Download it again."
        )


def _require_only_fonts(encryption: bytes, source: Source) -> None:
    """Raise UnreadableSource if more than fonts are encrypted: the text of such a book cannot be read."""
    names = re.findall(rb"URI=\"([^\"]+)\"", encryption)
    if not all(name.lower().endswith((b".otf", b".ttf", b".woff", b".woff2")) for name in names):
        raise UnreadableSource(f"{source.name} is protected against copying (DRM).", "Give a copy without it.")


def _package_path(book: zipfile.ZipFile) -> str:
    container = xml_root(book.read("META-INF/container.xml"))
    return str(next(element.get("full-path") for element in container.iter("{*}rootfile")))


def _spine(package: Any, folder: str, members: list[str]) -> list[str]:
    """Return the names of the chapters' files, in reading order; a name that differs in its letters' case is mended."""
    files = {item.get("id"): item.get("href") for item in package.iter("{*}item")}
    hrefs = [files.get(item.get("idref")) for item in package.iter("{*}itemref")]
    names = [posixpath.normpath(posixpath.join(folder, unquote(re.split("[#?]", href)[0]))) for href in hrefs if href]
    by_lower = {name.lower(): name for name in members}
    return list(dict.fromkeys(name if name in members else by_lower.get(name.lower(), name) for name in names))


def _first(package: Any, name: str) -> str | None:
    return next((" ".join(element.text.split()) for element in package.iter(_DC + name) if element.text), None)
