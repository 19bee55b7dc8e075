"""Source code, saved web pages, and articles and books in XML: a citation leads there, and nothing hidden is text."""

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from rag.answering.citation import place
from rag.core.errors import LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document, Span
from rag.loading import Source, load

JATS = """<?xml version="1.0"?>
<article xmlns:m="http://www.w3.org/1998/Math/MathML"><front><article-meta>
<title-group><article-title>Tides of <italic>Avon</italic></article-title></title-group>
<contrib-group><contrib><name><surname>Bell</surname><given-names>Ann</given-names></name></contrib></contrib-group>
<pub-date><day>5</day><month>3</month><year>2024</year></pub-date>
<abstract><p>Tides were measured&mdash;twice.</p></abstract></article-meta></front>
<body><sec><title>Methods</title><p>The gauge<fn><p>Made by Orr.</p></fn> stood
at the pier
<inline-formula><alternatives><m:math>h</m:math><tex-math>$h$</tex-math></alternatives></inline-formula>.</p>
<table-wrap><label>Table 1</label>
<table><tr><th>Month</th><th>Height</th></tr><tr><td>May</td><td>3.2 m</td></tr></table>
</table-wrap></sec></body></article>"""
DOCBOOK = """<?xml version="1.0"?>
<!DOCTYPE book [<!ENTITY product "Tern">]>
<book xmlns="http://docbook.org/ns/docbook"><info><title>&product; Guide</title><author><personname>
<firstname>Ann</firstname><surname>Bell</surname></personname></author></info>
<chapter><title>Setup</title><para>Start &product; first.<remark>Check this!</remark></para>
<orderedlist><listitem><para>Open the valve.</para></listitem><listitem><para>Wait.</para></listitem></orderedlist>
<variablelist><varlistentry>
<term>Port</term><listitem><para>The left side.</para></listitem></varlistentry></variablelist>
<table><title>Oils</title><tgroup cols="2"><thead><row><entry>Part</entry><entry>Oil</entry></row></thead>
<tbody><row><entry>Pump</entry><entry>SAE 30</entry></row></tbody></tgroup></table></chapter></book>"""
TEI = """<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Letters</title>
<author>Ann Bell</author></titleStmt></fileDesc></teiHeader><text><body><div><head>To Bo</head>
<p>The <del>old</del> mill was <choice><sic>sould</sic><corr>sold</corr></choice> in May<lb/>to Orr.</p></div>
</body></text></TEI>"""


LATEX = r"""\documentclass{article}
\title{Tides of Avon}
\author{Ann Bell}
\begin{document}
\section{Methods} % a note
The gauge stood
at the pier. % remove this
It rose 5\% a year.

\begin{itemize}
\item Open the valve.
\end{itemize}
\begin{verbatim}
x = 1 % no comment
\end{verbatim}
\begin{tabular}{ll}
Pump & SAE 30 \\
\end{tabular}
\iffalse
Never shown.
\fi
\begin{comment}
Hidden too.
\end{comment}
\end{document}
After the end.
"""


def read(folder: Path, name: str, content: str) -> Document | LoadError:
    (folder / name).write_text(content, encoding="utf-8")
    (item,) = load(Source(folder / name, name))
    return item


@pytest.mark.thorough
def test_source_code_is_text_with_its_lines(tmp_path: Path) -> None:
    code = "# Copyright\n\ndef berth(name):\n    return f'{name} lies at quay 7'\n\n\nLIMIT = 3\n"
    document = read(tmp_path, "harbour.py", code)
    assert isinstance(document, Document) and document.text == code
    start = document.text.index("quay 7")
    link = place(document, Span(document.id, start, start + 6)).editor_link
    assert link == f"{tmp_path / 'harbour.py'}:4:29"
    assert {kind for _, _, kind, _, _ in document.layout.blocks} == {"code"}


def test_a_saved_page_is_its_page_with_its_address(tmp_path: Path) -> None:
    message = MIMEMultipart("related")
    message["Snapshot-Content-Location"] = "https://example.org/ferry"
    page = "<title>Ferry</title><h1>Fares</h1><p>The crossing costs seven €.</p><p hidden>Secret.</p>"
    for html in (page, "<p>Advertisement</p>"):
        message.attach(MIMEText(html, "html", "iso-8859-15"))
    message.attach(MIMEText("p {}", "css"))
    document = read(tmp_path, "ferry.mhtml", message.as_string())
    assert isinstance(document, Document)
    assert (document.text, document.title) == ("Fares\n\nThe crossing costs seven €.", "Fares")
    assert document.metadata["uri"] == "https://example.org/ferry"
    assert document.metadata["left_out"] == "embedded pages (1)"
    broken = read(tmp_path, "broken.mht", "Subject: none\n\ntext")
    assert isinstance(broken, UnreadableSource) and "no part of it is HTML" in broken.message


def test_an_article_of_a_journal_is_read_with_its_abstract_sections_tables_and_notes(tmp_path: Path) -> None:
    document = read(tmp_path, "a.xml", JATS)
    assert isinstance(document, Document) and document.format == "jats"
    assert document.text == (
        "Tides of Avon\n\nAnn Bell\n\nTides were measured—twice.\n\nMethods\n\nThe gauge stood at the pier h.\n\n"
        "Made by Orr.\n\nTable 1\n\nMonth | Height\nMay | 3.2 m"
    )
    metadata = {key: document.metadata[key] for key in ("author", "published_at")}
    assert metadata == {"author": "Ann Bell", "published_at": "2024-03-05"}
    start = document.text.index("pier")
    assert place(document, Span(document.id, start, start + 4)).line_start == 8


def test_a_book_in_docbook_is_read_without_remarks(tmp_path: Path) -> None:
    document = read(tmp_path, "a.xml", DOCBOOK)
    assert isinstance(document, Document) and document.format == "docbook"
    assert document.text == (
        "Tern Guide\n\nSetup\n\nStart Tern first.\n\n1. Open the valve.\n2. Wait.\n\nPort\n    The left side.\n\n"
        "Oils\n\nPart | Oil\nPump | SAE 30"
    )
    assert (document.metadata["left_out"], document.metadata["author"]) == ("remarks (1)", "Ann Bell")
    assert "table_header" in {block[2] for block in document.layout.blocks}
    assert [block[3] for block in document.layout.blocks if block[2] == "heading"] == [1, 2]


def test_a_section_that_is_text_keeps_the_names_of_entities(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<article><para>A&nbsp;b.</para><screen><![CDATA[Write &nbsp; here.]]></screen></article>", "utf-8")
    (document,) = load(Source(path, path.name))
    assert isinstance(document, Document)
    assert "A b." in document.text.replace("\xa0", " ") and "Write &nbsp; here." in document.text


def test_a_text_in_tei_is_read_without_deleted_words(tmp_path: Path) -> None:
    document = read(tmp_path, "a.xml", TEI)
    assert isinstance(document, Document) and document.format == "tei"
    assert document.text == "Letters\n\nTo Bo\n\nThe mill was sould in May\nto Orr."
    assert document.metadata["left_out"] == "deleted texts (1)"


def test_latex_keeps_its_text_and_no_comment_or_command_is_content(tmp_path: Path) -> None:
    document = read(tmp_path, "a.tex", LATEX)
    assert isinstance(document, Document) and document.text == LATEX
    assert (document.title, document.metadata["author"]) == ("Tides of Avon", "Ann Bell")
    content = [(kind, LATEX[start:end]) for start, end, kind, _, reason in document.layout.blocks if reason is None]
    assert content == [
        ("heading", "Methods"),
        ("paragraph", "The gauge stood\nat the pier."),
        ("paragraph", r"It rose 5\% a year."),
        ("list_item", r"\item Open the valve."),
        ("code", "x = 1 % no comment"),
        ("table_row", r"Pump & SAE 30 \\"),
    ]
    start = LATEX.index("pier")
    assert place(document, Span(document.id, start, start + 4)).editor_link == f"{tmp_path / 'a.tex'}:7:8"


def test_records_of_an_article_are_not_glued_and_its_front_matter_is_read(tmp_path: Path) -> None:
    person = "<name><surname>Orr</surname><given-names>Bo</given-names></name>"
    front = (
        f"<contrib-group><contrib>{person}<xref>1</xref></contrib></contrib-group>"
        "<aff><institution>Institute of Tides</institution><country>Wales</country></aff>"
        "<kwd-group><kwd>gauges</kwd><kwd>piers</kwd></kwd-group>"
    )
    reference = (
        f"<ref-list><ref><element-citation><person-group>{person}</person-group><year>2019</year>"
        "<article-title>On piers</article-title></element-citation></ref></ref-list>"
    )
    article = f"<article><front><article-meta>{front}</article-meta></front><back>{reference}</back></article>"
    document = read(tmp_path, "a.nxml", article)
    assert isinstance(document, Document)
    assert document.text.split("\n\n") == [
        "Bo Orr", "Institute of Tides Wales", "gauges, piers", "Orr Bo 2019 On piers"
    ]  # fmt: skip


def test_a_heading_of_latex_ends_with_its_brace_and_the_text_behind_it_is_read(tmp_path: Path) -> None:
    source = "\\paragraph{The \\emph{rate}}\\label{a} It is set by $x_{1}$. We varied\nit daily.\n"
    document = read(tmp_path, "a.tex", source)
    assert isinstance(document, Document)
    content = [source[start:end] for start, end, _, _, reason in document.layout.blocks if reason is None]
    assert content == ["The \\emph{rate}", "It is set by $x_{1}$. We varied\nit daily."]


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (JATS[:600], UnreadableSource, "no sound XML"),
        ("<config><a>1</a></config>", UnsupportedFormat, "root element is 'config'"),
        ("<!DOCTYPE book [<!ENTITY a '" + "x" * 1000 + "'>"
         + "".join(f"<!ENTITY a{n} '{f'&a{n - 1 or str()};' * 20}'>" for n in range(1, 9))
         + "]><book><para>&a8;</para></book>", UnreadableSource, "no sound XML"),
    ],
)  # fmt: skip
def test_xml_that_cannot_be_read_is_an_error_that_says_why(
    content: str, kind: type[LoadError], reason: str, tmp_path: Path
) -> None:
    error = read(tmp_path, "a.xml", content)
    assert isinstance(error, kind) and reason in error.message


def test_an_attached_invitation_and_the_signs_of_enriched_text_are_read(tmp_path: Path) -> None:
    headers = "From: ann@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
    parts = "--x\nContent-Type: text/enriched\n\n<bold>Tide</bold> <<2 m\n--x\nContent-Type: text/calendar\n"
    disposition = "Content-Disposition: attachment; filename=invitation\n\nSUMMARY:Launch of the Tern\n--x--\n"
    (tmp_path / "a.eml").write_text(headers + parts + disposition)
    letter, invitation = load(Source(tmp_path / "a.eml", "a.eml"))
    assert isinstance(letter, Document) and letter.text.endswith("Tide <2 m")
    assert isinstance(invitation, Document) and invitation.text.strip() == "SUMMARY:Launch of the Tern"
