"""Opens originals, by other means than the loaders where there are any, and looks where a citation leads."""

import csv
import email
import email.message
import email.policy
import json
import mailbox
import re
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import Path

from docx import Document as open_docx
from openpyxl import load_workbook
from pptx import Presentation
from pypdfium2 import PdfDocument

from rag.core.citations import Place


def resolves(path: Path, kind: str, document_id: str, quote: str, place: Place) -> bool:
    """Tell whether the original holds the quote at the page, part, row or line that its citation names."""
    quoted = " ".join(quote.split())
    return quoted in " ".join(LOOKS[kind](path, document_id, place).split())


def _line(path: Path, document_id: str, place: Place) -> str:
    assert place.editor_link is not None
    name, line, column = place.editor_link.rsplit(":", 2)
    assert Path(name) == path and int(line) == place.line_start
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join([lines[int(line) - 1][int(column) - 1 :], *lines[int(line) : place.line_end]])


def _pdf(path: Path, document_id: str, place: Place) -> str:
    assert place.page_number is not None
    with PdfDocument(path) as pdf:
        return str(pdf[place.page_number - 1].get_textpage().get_text_range())


def _docx(path: Path, document_id: str, place: Place) -> str:
    """Return what stands under the heading that the citation names."""
    found, inside = [], False
    for paragraph in open_docx(str(path)).paragraphs:
        if paragraph.style is not None and str(paragraph.style.name).startswith("Heading"):
            inside = paragraph.text == place.headings[-1]
        found += [paragraph.text] if inside else []
    return "\n".join(found)


def _pptx(path: Path, document_id: str, place: Place) -> str:
    assert place.page_number is not None
    slide = Presentation(str(path)).slides[place.page_number - 1]
    return "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)


def _xlsx(path: Path, document_id: str, place: Place) -> str:
    assert place.part is not None and place.row is not None
    row = load_workbook(path)[place.part][place.row]
    return " | ".join(str(cell.value) for cell in row)


def _table(path: Path, document_id: str, place: Place) -> str:
    assert place.row is not None
    delimiter = {".tsv": "\t"}.get(path.suffix, ";" if "table" in path.name else ",")
    with path.open(encoding="utf-8", newline="") as file:
        return delimiter.join(list(csv.reader(file, delimiter=delimiter))[place.row - 1])


def _json(path: Path, document_id: str, place: Place) -> str:
    assert place.row is not None
    return str(json.loads(path.read_text(encoding="utf-8"))["articles"][place.row - 1]["body"])


def _jsonl(path: Path, document_id: str, place: Place) -> str:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return next(str(row["text"]) for row in rows if row["_id"] == document_id)


def _epub(path: Path, document_id: str, place: Place) -> str:
    assert place.part is not None
    with zipfile.ZipFile(path) as book:
        return _without_tags(book.read(place.part).decode())


def _odt(path: Path, document_id: str, place: Place) -> str:
    with zipfile.ZipFile(path) as package:
        return _without_tags(package.read("content.xml").decode())


def _srt(path: Path, document_id: str, place: Place) -> str:
    """Return the words at the time that the citation names."""
    cues = path.read_text(encoding="utf-8").split("\n\n")
    return next(cue for cue in cues if f"\n{place.part}," in cue)


def _ipynb(path: Path, document_id: str, place: Place) -> str:
    number = int(str(place.part).removeprefix("cell "))
    return "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][number - 1]["source"])


def _eml(path: Path, document_id: str, place: Place) -> str:
    body = email.message_from_bytes(path.read_bytes(), policy=email.policy.default).get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


def _mbox(path: Path, document_id: str, place: Place) -> str:
    number = int(document_id.rpartition("-")[2].removesuffix(".eml"))
    with closing(mailbox.mbox(path, create=False)) as box:
        body = list(box)[number - 1].get_payload(0)
    content = body.get_payload(decode=True) if isinstance(body, email.message.Message) else b""
    return content.decode() if isinstance(content, bytes) else ""


def _mht(path: Path, document_id: str, place: Place) -> str:
    body = email.message_from_bytes(path.read_bytes(), policy=email.policy.default).get_body(("html",))
    return _without_tags(str(body.get_content())) if body is not None else ""


def _html(path: Path, document_id: str, place: Place) -> str:
    return _without_tags(path.read_text(encoding="utf-8"))


def _zip(path: Path, document_id: str, place: Place) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read(document_id.partition("/")[2]).decode()


def _tar(path: Path, document_id: str, place: Place) -> str:
    with tarfile.open(path) as archive:
        member = archive.extractfile(document_id.partition("/")[2])
        return _without_tags(member.read().decode()) if member else ""


def _rtf(path: Path, document_id: str, place: Place) -> str:
    return path.read_text(encoding="ascii")


def _without_tags(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page))


LOOKS: dict[str, Callable[[Path, str, Place], str]] = {
    "odt": _odt, "srt": _srt, "ipynb": _ipynb, "py": _line, "tex": _line, "mht": _mht, "xml": _html,
    "txt": _line, "md": _line, "rst": _line, "html": _html, "pdf": _pdf, "docx": _docx, "pptx": _pptx,
    "xlsx": _xlsx, "rows.xlsx": _xlsx, "epub": _epub, "rtf": _rtf, "eml": _eml, "mbox": _mbox, "csv": _table,
    "table.csv": _table, "tsv": _table, "json": _json, "jsonl": _jsonl, "zip": _zip, "tar.gz": _tar,
}  # fmt: skip
