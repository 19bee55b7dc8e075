"""Names of Office Open XML, and the change of a Strict package into the Transitional names that the libraries read."""

import io
import re
import zipfile
from typing import IO, BinaryIO

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/([A-Za-z]+)/([A-Za-z]+)")
_RENAMED = {b"extendedProperties": b"extended-properties", b"customProperties": b"custom-properties"}


def transitional(file: BinaryIO) -> BinaryIO:
    """Return the file of a package, or a copy with Transitional names if its names are those of Strict Open XML."""
    with zipfile.ZipFile(file) as package:
        names = package.namelist()
        if "_rels/.rels" not in names or not any(_is_strict(package, name) for name in _main_parts(names)):
            return file
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as changed:
            for name in dict.fromkeys(names):
                data = package.read(name)
                changed.writestr(name, _changed(data) if name.endswith((".xml", ".rels")) else data)
    copy.seek(0)
    return copy


def _main_parts(names: list[str]) -> list[str]:
    main = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")
    return [name for name in names if name in ("_rels/.rels", *main)]


def _is_strict(package: zipfile.ZipFile, name: str) -> bool:
    with package.open(name) as part:
        return _STRICT in _beginning(part)


def _beginning(part: IO[bytes]) -> bytes:
    return part.read(8_192)


def _changed(data: bytes) -> bytes:
    def transitional_name(match: re.Match[bytes]) -> bytes:
        return b"http://schemas.openxmlformats.org/%s/2006/%s" % (match[1], _RENAMED.get(match[2], match[2]))

    return _STRICT_NAME.sub(transitional_name, data)
