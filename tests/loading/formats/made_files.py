"""Makes files of every format that is read, each with one planted sentence, and tells where in the file it stands.

    python tests/loading/formats/made_files.py FOLDER [FILES_OF_A_FORMAT] [--tools]

With `--tools`, pandoc and LibreOffice write those they can; else Python libraries write all.
"""

import csv
import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from pathlib import Path

from docx import Document as new_docx
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

THINGS = ("lighthouse", "town hall", "railway bridge", "glass factory", "observatory", "botanical garden", "old mill")
VERBS = ("restored", "designed", "paid for", "destroyed", "painted", "bought", "sold")
FIRST = ("Dorothea", "Emil", "Farida", "Gustav", "Henrike", "Ilja", "Jamila", "Konrad", "Ludmila", "Magnus")
LAST = ("Kallweit", "Brandner", "Oyelaran", "Sandqvist", "Petrosyan", "Whitlock", "Marchetti", "Nakagawa")
STARTS = (
    "Ven",
    "Tor",
    "Kel",
    "Mar",
    "Dun",
    "Hal",
    "Ost",
    "Bry",
    "Fen",
    "Gar",
    "Lin",
    "Pel",
    "Quen",
    "Ros",
    "Syl",
    "Wex",
)
ENDS = (
    "sham",
    "dorf",
    "mouth",
    "ville",
    "stead",
    "bury",
    "grad",
    "holm",
    "ford",
    "moor",
    "wick",
    "hausen",
    "ton",
    "by",
)
FILLER = (
    "The council met on Monday and put the decision off until the budget for next year is known.",
    "Shares in the region's largest employer fell by three per cent after the announcement.",
    "Several witnesses told the inquiry that they had heard nothing unusual that evening.",
    "The coach praised his young side, which had not lost a match since the end of October.",
    "Doctors warn that the new rules will make waiting lists longer before they make them shorter.",
    "A spokesman for the ministry declined to comment on figures that had not been published.",
    "The film opens in fifty cinemas on Friday and has already won two prizes at festivals.",
    "Engineers expect the work to take four months, weather and supplies permitting.",
    "Passengers were asked to use the replacement buses, which leave from the northern exit.",
    "Prices rose faster than wages for the third quarter in a row, the statistics office said.",
)


@dataclass(frozen=True)
class Article:
    """A made article: paragraphs under two headings, one sentence of which is planted."""

    title: str
    headings: tuple[str, str]
    sections: tuple[tuple[str, ...], tuple[str, ...]]
    planted: str
    question: str


@dataclass(frozen=True)
class Made:
    """A file, the sentence in it, the question that it answers, and its section's heading (empty: it has none)."""

    path: Path
    kind: str
    planted: str
    question: str
    heading: str


def article(number: int) -> Article:
    """Return article `number`: the same one each time, about a place that no other has."""
    random_ = random.Random(number)
    place = STARTS[number % len(STARTS)] + ENDS[number // len(STARTS) % len(ENDS)]
    thing, verb = random_.choice(THINGS), random_.choice(VERBS)
    planted = (
        f"The {thing} of {place} was {verb} by {random_.choice(FIRST)} {random_.choice(LAST)} in {1850 + number % 150}."
    )
    first, second = ([" ".join(random_.sample(FILLER, 4)) for _ in range(3)] for _ in range(2))
    before, after = random_.sample(FILLER, 2)
    second[1] = f"{before} {planted} {after}"
    heads = ("What was decided", f"A look back at {place}")
    return Article(
        f"News from {place}", heads, (tuple(first), tuple(second)), planted, f"Who {verb} the {thing} of {place}?"
    )


def paragraphs(made: Article) -> Iterator[tuple[str, str]]:
    """Yield kind and text of the parts of an article: `title`, `heading`, `text`."""
    yield "title", made.title
    for heading, section in zip(made.headings, made.sections, strict=True):
        yield "heading", heading
        yield from (("text", text) for text in section)


def make_txt(path: Path, made: Article) -> None:
    path.write_text("\n\n".join(text for _, text in paragraphs(made)) + "\n", encoding="utf-8")


def markdown(made: Article) -> str:
    marks = {"title": "# ", "heading": "## ", "text": ""}
    return "\n\n".join(marks[kind] + text for kind, text in paragraphs(made)) + "\n"


def make_md(path: Path, made: Article) -> None:
    path.write_text(markdown(made), encoding="utf-8")


def make_rst(path: Path, made: Article) -> None:
    under = {"title": "=", "heading": "-"}
    parts = (text + (f"\n{under[kind] * len(text)}" if kind in under else "") for kind, text in paragraphs(made))
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def html(made: Article) -> str:
    tags = {"title": "h1", "heading": "h2", "text": "p"}
    body = "\n".join(f"<{tags[kind]}>{escape(text)}</{tags[kind]}>" for kind, text in paragraphs(made))
    menu = "".join(f'<li><a href="/{name}">{name.title()}</a></li>' for name in ("home", "news", "sport", "contact"))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{made.title}</title></head><body>'
        f"<nav><ul>{menu}</ul></nav><main><article>{body}</article></main><footer>© The Paper</footer></body></html>"
    )


def make_html(path: Path, made: Article) -> None:
    path.write_text(html(made), encoding="utf-8")


def make_pdf(path: Path, made: Article) -> None:
    styles = getSampleStyleSheet()
    names = {"title": "Title", "heading": "Heading2", "text": "BodyText"}
    story: list[object] = []
    for kind, text in paragraphs(made):
        story += [PageBreak()] if text == made.headings[1] else []
        story.append(Paragraph(escape(text), styles[names[kind]]))
    story.append(Table([["Year", "Visitors"], ["2019", "1200"]]))
    SimpleDocTemplate(str(path), title=made.title, author="Ann Bell").build(story)


def make_docx(path: Path, made: Article) -> None:
    word = new_docx()
    word.core_properties.title = made.title
    for kind, text in paragraphs(made):
        if kind == "text":
            word.add_paragraph(text)
        else:
            word.add_heading(text, 0 if kind == "title" else 1)
    word.save(str(path))


def make_pptx(path: Path, made: Article) -> None:
    deck = Presentation()
    for heading, section in zip(made.headings, made.sections, strict=True):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = heading
        slide.placeholders[1].text_frame.text = section[0]
        for text in section[1:]:
            slide.placeholders[1].text_frame.add_paragraph().text = text
    deck.core_properties.title = made.title
    deck.save(str(path))


def make_xlsx(path: Path, made: Article) -> None:
    book = Workbook()
    book.active.title = "Notes"
    book.active.append(["Number", "Note"])
    for number, (_, text) in enumerate(paragraphs(made)):
        book.active.append([number, text])
    book.create_sheet("Empty")
    book.save(path)


def make_rows_xlsx(path: Path, made: Article) -> None:
    book = Workbook()
    book.active.title = "Articles"
    book.active.append(["title", "text", "date"])
    for kind, text in paragraphs(made):
        book.active.append([kind, text, "2024-05-06"])
    book.save(path)


def make_epub(path: Path, made: Article) -> None:
    items = "".join(f'<item id="c{n}" href="text/c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in (1, 2))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(made.title)}</dc:title><dc:creator>Ann Bell'
        f'</dc:creator></metadata><manifest>{items}</manifest><spine><itemref idref="c1"/><itemref idref="c2"/></spine>'
        "</package>"
    )
    container = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/b.opf"/></rootfiles></container>'  # noqa: E501
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr("META-INF/container.xml", container)
        book.writestr("OPS/b.opf", package)
        for n, (heading, section) in enumerate(zip(made.headings, made.sections, strict=True), start=1):
            body = f"<h1>{escape(heading)}</h1>" + "".join(f"<p>{escape(text)}</p>" for text in section)
            page = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'
            book.writestr(f"OPS/text/c{n}.xhtml", page)


def make_rtf(path: Path, made: Article) -> None:
    body = "\n".join(f"{text}\\par\\par" for _, text in paragraphs(made))
    path.write_text("{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\n" + body + "}", encoding="ascii")


ODF = "urn:oasis:names:tc:opendocument:xmlns:{0}:1.0"
ODF_NAMES = " ".join(f'xmlns:{name}="{ODF.format(name)}"' for name in ("office", "text", "table"))


def opendocument(path: Path, body: str) -> None:
    """Write an OpenDocument file with this content of its body."""
    draw = f'xmlns:draw="{ODF.format("drawing")}" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    content = f"<office:document-content {ODF_NAMES} {draw}><office:body>{body}</office:body></office:document-content>"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        package.writestr("content.xml", content)


def make_odt(path: Path, made: Article) -> None:
    levels = {"title": "1", "heading": "2"}
    parts = (
        f'<text:h text:outline-level="{levels[kind]}">{escape(text)}</text:h>'
        if kind in levels
        else f"<text:p>{escape(text)}</text:p>"
        for kind, text in paragraphs(made)
    )
    opendocument(path, f"<office:text>{''.join(parts)}</office:text>")


def make_srt(path: Path, made: Article) -> None:
    cues = (
        f"{number}\n00:{number:02d}:00,000 --> 00:{number:02d}:09,500\n{text}\n"
        for number, (_, text) in enumerate(paragraphs(made), start=1)
    )
    path.write_text("\n".join(cues), encoding="utf-8")


def make_ipynb(path: Path, made: Article) -> None:
    marks = {"title": "# ", "heading": "## ", "text": ""}
    cells = [{"cell_type": "markdown", "source": [marks[kind] + text]} for kind, text in paragraphs(made)]
    code = {"cell_type": "code", "source": "print(1)", "outputs": [{"output_type": "stream", "text": ["1\n"]}]}
    path.write_text(json.dumps({"nbformat": 4, "cells": [code, *cells]}), encoding="utf-8")


def make_py(path: Path, made: Article) -> None:
    path.write_text("\n\n".join(f"# {text}" for _, text in paragraphs(made)) + "\n\nLIMIT = 3\n", encoding="utf-8")


def make_tex(path: Path, made: Article) -> None:
    marks = {"title": "\\title{%s}\n\\begin{document}", "heading": "\\section{%s}", "text": "%s"}
    lines = [marks[kind] % text.replace("%", "\\%") for kind, text in paragraphs(made)]
    path.write_text("\n\n".join(["\\documentclass{article}", *lines, "\\end{document}"]), encoding="utf-8")


def make_mht(path: Path, made: Article) -> None:
    message = EmailMessage()
    message["Subject"], message["Snapshot-Content-Location"] = made.title, "https://example.org/page"
    message.set_content(html(made), subtype="html")
    message.make_related()
    path.write_bytes(bytes(message))


def make_xml(path: Path, made: Article) -> None:
    """Write an article in DocBook."""
    title, *rest = paragraphs(made)
    parts = [f"<article><info><title>{escape(title[1])}</title></info><section>"]
    parts += [
        f"<para>{escape(text)}</para>" if kind == "text" else f"</section><section><title>{escape(text)}</title>"
        for kind, text in rest
    ]
    path.write_text("\n".join([*parts, "</section></article>"]), encoding="utf-8")


def make_eml(path: Path, made: Article) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = made.title, "Ann Bell <ann@example.org>", "bo@example.org"
    message["Date"] = "Mon, 06 May 2024 07:00:00 +0000"
    message.set_content("\n\n".join(text for _, text in paragraphs(made)))
    message.add_alternative(html(made), subtype="html")
    path.write_bytes(bytes(message))


def make_mbox(path: Path, made: Article) -> None:
    make_eml(path, made)
    path.write_bytes(b"From ann@example.org Mon May  6 07:00:00 2024\n" + path.read_bytes())


def table(made: Article, delimiter: str, columns: tuple[str, str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows((number, text) for number, (_, text) in enumerate(paragraphs(made)))
    return out.getvalue()


def make_csv(path: Path, made: Article) -> None:
    path.write_text(table(made, ",", ("number", "text")), encoding="utf-8", newline="")


def make_table_csv(path: Path, made: Article) -> None:
    path.write_text(table(made, ";", ("number", "note")), encoding="utf-8", newline="")


def make_tsv(path: Path, made: Article) -> None:
    path.write_text(table(made, "\t", ("number", "note")), encoding="utf-8", newline="")


def make_json(path: Path, made: Article) -> None:
    rows = [{"title": kind, "body": text} for kind, text in paragraphs(made)]
    path.write_text(json.dumps({"articles": rows}), encoding="utf-8")


def make_jsonl(path: Path, made: Article) -> None:
    rows = ({"_id": f"{path.stem}-{n}", "text": text} for n, (_, text) in enumerate(paragraphs(made)))
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def make_zip(path: Path, made: Article) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/news.md", markdown(made))


def make_tar_gz(path: Path, made: Article) -> None:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("inner/news.html")
        data = html(made).encode()
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


MAKERS: dict[str, Callable[[Path, Article], None]] = {
    "txt": make_txt, "md": make_md, "rst": make_rst, "html": make_html, "pdf": make_pdf, "docx": make_docx,
    "pptx": make_pptx, "xlsx": make_xlsx, "rows.xlsx": make_rows_xlsx, "epub": make_epub, "rtf": make_rtf,
    "eml": make_eml, "mbox": make_mbox, "csv": make_csv, "table.csv": make_table_csv, "tsv": make_tsv,
    "json": make_json, "jsonl": make_jsonl, "odt": make_odt, "srt": make_srt, "ipynb": make_ipynb,
    "py": make_py, "tex": make_tex, "mht": make_mht, "xml": make_xml,
    "zip": make_zip, "tar.gz": make_tar_gz,
}  # fmt: skip
FLAT = frozenset(["py", "rtf", "rows.xlsx", "xlsx", "csv", "table.csv", "tsv", "json", "jsonl", "eml", "mbox", "srt"])
"""Formats that, as they are made here, have no headings."""
BY_PANDOC = ("docx", "epub", "rtf", "rst", "html")


def make_files(folder: Path, each: int, tools: bool = False) -> list[Made]:
    """Write `each` files of each format into `folder`; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for place, (kind, make) in enumerate(MAKERS.items()):
        for n in range(each):
            about = article(place * each + n)
            path = folder / f"{kind.replace('.', '-')}-{n}.{kind.removeprefix('rows.').removeprefix('table.')}"
            if tools and kind in BY_PANDOC:
                _by_pandoc(path, about)
            else:
                make(path, about)
            found.append(Made(path, kind, about.planted, about.question, "" if kind in FLAT else about.headings[1]))
    if tools and shutil.which("soffice"):
        _by_libreoffice(folder, [made for made in found if made.kind == "pdf"])
    return found


def _by_pandoc(path: Path, about: Article) -> None:
    command = [
        "pandoc",
        "--standalone",
        "--from",
        "markdown",
        "--metadata",
        f"title={about.title}",
        "--output",
        str(path),
    ]
    subprocess.run(command, input=markdown(about), text=True, check=True)


def _by_libreoffice(folder: Path, pdfs: list[Made]) -> None:
    """Write the PDFs anew from Word documents of the same articles."""
    work = folder.parent / "libreoffice"
    work.mkdir(exist_ok=True)
    first = list(MAKERS).index("pdf") * len(pdfs)
    for n, made in enumerate(pdfs):
        make_docx(work / f"{made.path.stem}.docx", article(first + n))
    convert = ["soffice", "--headless", f"-env:UserInstallation=file://{work}/profile", "--convert-to", "pdf"]
    documents = map(str, sorted(work.glob("*.docx")))
    subprocess.run([*convert, "--outdir", str(folder), *documents], check=True, capture_output=True, timeout=300)


if __name__ == "__main__":
    made_files = make_files(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 11, "--tools" in sys.argv)
    sys.stdout.write(f"{len(made_files)} files in {sys.argv[1]}\n")
