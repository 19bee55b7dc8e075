"""Names of Office Open XML, and the change of Strict packages, templates and files with macros into the usual form."""

import io
import re
import zipfile
from typing import IO, BinaryIO

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAME = re.compile(rb"http://purl\.oclc\.org/ooxml/([A-Za-z]+)/([A-Za-z]+)")
_CONTENT_TYPES = "[Content_Types].xml"
_MAIN_TYPE = re.compile(
    rb"application/vnd\.(?:ms-(?:word|powerpoint)|openxmlformats-officedocument\."
    rb"(?:wordprocessing|presentation)ml)\.(?:document|presentation|template|slideshow)"
    rb"(?:\.macroEnabled(?:Template)?)?\.main\+xml"
)
"""The type of the main part of a text or of slides, also of a template, a show or a file with macros."""
_READ_TYPES = {
    b"word": b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"presentation": b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
}
_RENAMED = {b"extendedProperties": b"extended-properties", b"customProperties": b"custom-properties"}


def transitional(file: BinaryIO) -> BinaryIO:
    """Return the file of a package, or a copy that the libraries read.

    The copy of Strict Open XML has Transitional names. That of a template, a show or a file with macros has the type of
    a plain document.
    """
    with zipfile.ZipFile(file) as package:
        names = package.namelist()
        is_strict = "_rels/.rels" in names and any(_is_strict(package, name) for name in _main_parts(names))
        if not is_strict and not (_CONTENT_TYPES in names and _has_other_type(package)):
            return file
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as changed:
            for name in dict.fromkeys(names):
                data = package.read(name)
                data = _MAIN_TYPE.sub(_read_type, data) if name == _CONTENT_TYPES else data
                changed.writestr(name, _changed(data) if name.endswith((".xml", ".rels")) else data)
    copy.seek(0)
    return copy


def _main_parts(names: list[str]) -> list[str]:
    main = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")
    return [name for name in names if name in ("_rels/.rels", *main)]


def _is_strict(package: zipfile.ZipFile, name: str) -> bool:
    with package.open(name) as part:
        return _STRICT in _beginning(part)


def _has_other_type(package: zipfile.ZipFile) -> bool:
    """Tell if the main part is a text or slides of a type that the libraries refuse."""
    match = _MAIN_TYPE.search(package.read(_CONTENT_TYPES))
    return match is not None and match[0] not in _READ_TYPES.values()


def _read_type(match: re.Match[bytes]) -> bytes:
    return _READ_TYPES[b"word" if b"word" in match[0] else b"presentation"]


def _beginning(part: IO[bytes]) -> bytes:
    return part.read(8_192)


def _changed(data: bytes) -> bytes:
    def transitional_name(match: re.Match[bytes]) -> bytes:
        return b"http://schemas.openxmlformats.org/%s/2006/%s" % (match[1], _RENAMED.get(match[2], match[2]))

    return _STRICT_NAME.sub(transitional_name, data)
