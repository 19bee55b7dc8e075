"""A draft against the seed articles: what is said of each quotation, and the proof of it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag import Assistant, proofread
from rag.cli.main import main
from rag.core.errors import InvalidInput, VerificationError
from rag.proofreading.drafts import MAX_DRAFT_CHARACTERS, draft_at, draft_of_text
from rag.proofreading.records import ProofFinding

if TYPE_CHECKING:
    from rag.index.index import Index

EXACT = "Israel is proud to have been one of the first nations to recognize the independent Republic of Azerbaijan"


@pytest.fixture(scope="module")
def assistant(seeds_index: "Index") -> Assistant:
    return Assistant(seeds_index)


def finding_of(assistant: Assistant, draft: str) -> ProofFinding:
    (finding,) = proofread(assistant, draft).findings
    return finding


@pytest.mark.parametrize(
    ("quotation", "status", "notes"),
    [
        (EXACT, "exact", ()),
        ("Azerbaijan is a model of interfaith and multicultural harmony,", "exact", ()),
        ("[Our] community has never been persecuted …", "exact", ()),
        ("series of quiet political … understandings", "exact", ("words left out",)),
        ("Series of *quiet*  political and military understandings", "exact",
         ("markup", "white space", "capital letters")),
        ("The Jewish state — has been dependent", "exact", ("dashes", "capital letters")),
        (EXACT.replace("first", "last"), "changed", ()),
        ("Never did we ever experience any anti-Semitism", "changed", ()),
        ("The moon is a harsh mistress for any farmer", "not_found", ()),
        ("harsh mistress", "not_found", ()),
    ],
)  # fmt: skip
def test_a_quotation_is_exact_changed_or_not_in_the_sources(
    assistant: Assistant, quotation: str, status: str, notes: tuple[str, ...]
) -> None:
    finding = finding_of(assistant, f"They wrote: “{quotation}” and left.")
    assert (finding.status, finding.notes, finding.text) == (status, notes, quotation)
    assert bool(finding.sources) == (status != "not_found")


def test_changed_words_are_marked_on_both_sides(assistant: Assistant) -> None:
    draft = f"They wrote: “{EXACT.replace('first', 'last')}”."
    finding = finding_of(assistant, draft)
    (passage,) = finding.sources
    assert [draft[start:end] for start, end in finding.differing] == ["last"]
    assert [passage.citation.quote[start:end] for start, end in passage.differing] == ["first"]
    assert passage.citation.quote == EXACT


def test_a_left_out_word_that_changes_the_claim_is_named(assistant: Assistant) -> None:
    finding = finding_of(
        assistant, "“appreciates Israel … because cooperation with it serves their national interests”"
    )
    assert finding.status == "exact" and finding.notes[1] == "leaves out 2 words, among them 'not', 'only'"


def test_every_source_is_a_verified_slice_and_findings_stand_in_order(assistant: Assistant) -> None:
    draft = f"“{EXACT}” and “Never did we experience” and\n\n> {EXACT.replace('first', 'last')}\n"
    report = proofread(assistant, draft)
    for finding in report.findings:
        assert draft[finding.start : finding.end] == finding.text
        for passage in finding.sources:
            document = assistant.index.document(passage.citation.span.document_id)
            assert document is not None and document.slice(passage.citation.span) == passage.citation.quote
    assert [finding.status for finding in report.findings] == ["exact", "exact", "changed"]
    assert json.loads(report.to_json())["counts"]["exact"] == 2
    assert proofread(assistant, draft) == report


def test_a_filter_chooses_the_documents(assistant: Assistant) -> None:
    report = proofread(assistant, f"“{EXACT}”", {"path": "*003*"})
    assert [finding.status for finding in report.findings] == ["not_found"]


def test_a_verdict_without_a_quotation_is_refused() -> None:
    with pytest.raises(VerificationError):
        ProofFinding("quotation", "changed", "a", 0, 1, (0, 1))


def test_a_draft_that_cannot_be_read_is_a_mistake_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        draft_at(tmp_path / "none.md")
    (tmp_path / "empty.md").write_text("", encoding="utf-8")
    with pytest.raises(InvalidInput):
        draft_at(tmp_path / "empty.md")
    with pytest.raises(InvalidInput, match="Split it"):
        draft_of_text("a" * (MAX_DRAFT_CHARACTERS + 1))


def test_a_block_quote_of_html_and_word_is_a_quotation(tmp_path: Path) -> None:
    from docx import Document as new_docx

    (tmp_path / "draft.html").write_text(
        f"<html><body><p>He wrote:</p><blockquote><p>{EXACT}</p></blockquote></body></html>", encoding="utf-8"
    )
    word = new_docx()
    word.add_paragraph("He wrote:")
    word.add_paragraph(EXACT, style="Quote")
    word.save(str(tmp_path / "draft.docx"))
    for name in ("draft.html", "draft.docx"):
        draft = draft_at(tmp_path / name)
        assert [draft.document.text[start:end] for start, end in draft.block_quotes] == [EXACT]


def test_the_shell_prints_findings_and_its_exit_status_is_for_ci(
    seeds_index: "Index", tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(text: str, *options: str) -> tuple[int, str]:
        (tmp_path / "draft.md").write_text(text, encoding="utf-8")
        arguments = ["rag", "proof", str(tmp_path / "draft.md"), "--index", str(seeds_index.path), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), capsys.readouterr().out

    assert run(f"“{EXACT}”")[0] == 0
    code, shown = run(f"“{EXACT.replace('first', 'last')}”")
    assert code == 1 and "[-last-]" in shown and "{+first+}" in shown and "1 finding: 1 changed." in shown
    assert run("“Nobody wrote these words anywhere.”")[0] == 0
    assert run("“Nobody wrote these words anywhere.”", "--strict")[0] == 1
    assert json.loads(run(f"“{EXACT}”", "--json")[1])["findings"][0]["status"] == "exact"
