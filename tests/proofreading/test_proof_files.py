"""The files that proofreading writes: a web page, comments in Word, footnotes. The words of the draft stay."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag import Assistant, proofread
from rag.cli.commands.proof_command import _write
from rag.core.errors import InvalidInput
from rag.proofreading.drafts import Draft, draft_at, draft_of_text
from rag.proofreading.reports.docx_comments import write_comments
from rag.proofreading.reports.footnotes import with_footnotes
from rag.proofreading.reports.html_report import html_report

if TYPE_CHECKING:
    from rag.index.index import Index

QUOTED = "Never did we experience any anti-Semitism"
DRAFT = f"""# A <b>draft</b>

He said “{QUOTED}”. Israel buys 14 percent of its oil from Azerbaijan.

Azerbaijan produces 300 million barrels of gas a year <script>alert()</script>.
"""


@pytest.fixture(scope="module")
def assistant(seeds_index: "Index") -> Assistant:
    return Assistant(seeds_index)


def test_the_page_shows_draft_and_sources_escaped_and_has_no_script(assistant: Assistant) -> None:
    draft = draft_of_text(DRAFT, "draft & co.md")
    page = html_report(proofread(assistant, draft), draft.document)
    assert "<script" not in page and "&lt;script&gt;alert()&lt;/script&gt;" in page
    assert '<mark class="exact">' + QUOTED in page and '<mark class="contradicted">14 percent</mark>' in page
    assert "<b>40 percent</b>" in page and "Proof of draft &amp; co.md" in page
    assert not re.search(r"(?:src|href)=", page)


def test_footnotes_add_marks_and_citations_and_change_no_word(assistant: Assistant) -> None:
    draft = draft_of_text(DRAFT)
    cited = with_footnotes(proofread(assistant, draft), draft)
    body, _, notes = cited.partition("\n[^1]: ")
    assert re.sub(r"\[\^\d+\]", "", body) == DRAFT
    assert f"{QUOTED}”.[^1] Israel" in body and QUOTED in notes and "14 percent" not in notes
    assert "300 million barrels" in notes


def test_comments_stand_at_the_words_and_change_no_word(assistant: Assistant, tmp_path: Path) -> None:
    from docx import Document as open_docx

    word = open_docx()
    paragraph = word.add_paragraph("He said “Never did ")
    paragraph.add_run("we experience").bold = True
    paragraph.add_run(" any anti-Semitism”. Israel buys 14 percent of its oil from Azerbaijan.")
    path, copy = tmp_path / "draft.docx", tmp_path / "checked.docx"
    word.save(str(path))
    report = proofread(assistant, path)
    assert write_comments(report, path, copy) == len(report.findings)
    checked = open_docx(str(copy))
    assert [item.text for item in checked.paragraphs] == [item.text for item in word.paragraphs]
    texts = [comment.text for comment in checked.comments]
    assert any("CONTRADICTED figure: “14 percent”" in text and "[40 percent]" in text for text in texts)
    assert {comment.author for comment in checked.comments} == {"Pincite"}
    bold = [run.text for run in checked.paragraphs[0].runs if run.bold]
    assert bold == ["we experience"]
    with pytest.raises(InvalidInput, match="is the draft itself"):
        write_comments(report, path, path)


def test_a_draft_of_another_format_is_a_mistake_with_a_remedy(assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "draft.html").write_text(f"<p>He said “{QUOTED}”.</p>", encoding="utf-8")
    draft = draft_at(tmp_path / "draft.html")
    report = proofread(assistant, draft)
    with pytest.raises(InvalidInput, match="Footnotes are written"):
        with_footnotes(report, draft)
    with pytest.raises(InvalidInput, match="is no Word document"):
        write_comments(report, tmp_path / "draft.html", tmp_path / "copy.docx")
    assert isinstance(draft, Draft) and report.findings[0].status == "exact"


def test_a_file_that_cannot_be_written_is_a_mistake_that_names_it(assistant: Assistant, tmp_path: Path) -> None:
    draft, page = draft_of_text(DRAFT), tmp_path / "none" / "page.html"
    with pytest.raises(InvalidInput, match=r"page\.html: No such file"):
        _write(proofread(assistant, draft), draft, page, None, None)
