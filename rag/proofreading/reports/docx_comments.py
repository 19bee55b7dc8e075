"""Writes a copy of a Word draft with a comment at each finding; the words of the draft stay as they are."""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from rag.core.errors import InvalidInput
from rag.proofreading.records import ProofFinding, ProofReport
from rag.proofreading.reports.plain_report import STATUS_WORDS, marked_words, passage_place, shortened

COMMENT_AUTHOR, COMMENT_INITIALS = "Pincite", "P"
_ONLY_TEXT = "./*[not(self::w:rPr) and not(self::w:t)]"


def write_comments(report: ProofReport, draft: Path, copy: Path) -> int:
    """Write a copy of the Word document `draft` with comments; return their number.

    A finding whose sentence stands in no paragraph, such as one in a text box, has no comment. Raises InvalidInput if
    the draft is no DOCX or the copy would replace it.
    """
    from docx import Document as open_docx

    if draft.suffix.lower() != ".docx":
        raise InvalidInput(
            f"{draft} is no Word document.", "Give a .docx, or --html FILE for a page with the findings."
        )
    if copy.resolve() == draft.resolve():
        raise InvalidInput(f"{copy} is the draft itself.", "Give another name: the draft is never changed.")
    word: Any = open_docx(str(draft))
    count = 0
    for finding, runs in _placed(word, report):
        word.add_comment(runs, text=comment_text(finding), author=COMMENT_AUTHOR, initials=COMMENT_INITIALS)
        count += 1
    word.save(str(copy))
    return count


def comment_text(finding: ProofFinding) -> str:
    """Return the words of a comment: the status, then each source with its quotation."""
    notes = f" ({'; '.join(finding.notes)})" if finding.notes else ""
    lines = [f"{STATUS_WORDS[finding.status]} {finding.kind}: “{shortened(' '.join(finding.text.split()))}”{notes}"]
    for passage in finding.sources:
        lines += [f"“{marked_words(passage.citation.quote, passage.differing, '[', ']')}”", passage_place(passage)]
    return "\n".join(lines)


def _placed(word: Any, report: ProofReport) -> Iterator[tuple[ProofFinding, list[Any]]]:
    """Yield each finding with the runs that hold its words, cut out of the runs of its paragraph."""
    paragraphs = [(item, _one_kind_of_space("".join(run.text for run in item.runs))) for item in _paragraphs(word)]
    first = position = 0
    for finding in report.findings:
        sentence = _one_kind_of_space(report.draft[finding.sentence[0] : finding.sentence[1]])
        i = next((i for i in range(first, len(paragraphs)) if sentence in paragraphs[i][1]), None)
        if i is None:
            continue
        position = position if i == first else 0
        first = i
        paragraph, text = paragraphs[i]
        at = text.find(sentence, position)
        position = text.find(sentence) if at < 0 else at
        start = position + finding.start - finding.sentence[0]
        yield finding, _cut_runs(paragraph, start, start + len(finding.text))


def _paragraphs(word: Any) -> Iterator[Any]:
    from docx.oxml.ns import qn
    from docx.text.paragraph import Paragraph

    yield from (Paragraph(element, word) for element in word.element.body.iter(qn("w:p")))


def _one_kind_of_space(text: str) -> str:
    """Return a text of the same length with a blank for each white space."""
    return re.sub(r"\s", " ", text)


def _cut_runs(paragraph: Any, start: int, end: int) -> list[Any]:
    """Return the runs of a range of a paragraph; a run across an edge is cut in two of the same looks."""
    _cut_at(paragraph, start)
    _cut_at(paragraph, end)
    position, inside = 0, []
    for run in paragraph.runs:
        if position < end and start < position + len(run.text):
            inside.append(run)
        position += len(run.text)
    return inside or paragraph.runs


def _cut_at(paragraph: Any, offset: int) -> None:
    position = 0
    for run in paragraph.runs:
        text = run.text
        if position < offset < position + len(text) and not run._r.xpath(_ONLY_TEXT):
            rest = deepcopy(run._r)
            run._r.addnext(rest)
            run.text = text[: offset - position]
            type(run)(rest, paragraph).text = text[offset - position :]
            return
        position += len(text)
