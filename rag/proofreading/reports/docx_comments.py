"""Writes a copy of a Word draft with a comment at each finding; the words of the draft stay as they are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from rag.core.errors import InvalidInput, UnreadableSource
from rag.loading.isolation.calls import call_apart
from rag.proofreading.records import ProofFinding, ProofReport
from rag.proofreading.reports.plain_report import STATUS_WORDS, marked_words, passage_place, shortened

COMMENT_AUTHOR, COMMENT_INITIALS = "Pincite", "P"
_ONLY_TEXT = "./*[not(self::w:rPr) and not(self::w:t)]"


def write_comments(report: ProofReport, draft: Path, copy: Path) -> int:
    """Write a copy of the Word document `draft` with comments; return their number.

    A finding whose sentence stands in no paragraph, such as one in a text box, has no comment. The file is opened in
    the process that reads files. Raises InvalidInput if the draft is no DOCX or the copy would replace it,
    UnreadableSource if the draft cannot be opened or the copy cannot be written.
    """
    if draft.suffix.lower() != ".docx":
        raise InvalidInput(
            f"{draft} is no Word document.", "Give a .docx, or --html FILE for a page with the findings."
        )
    if copy.resolve() == draft.resolve():
        raise InvalidInput(f"{copy} is the draft itself.", "Give another name: the draft is never changed.")
    arguments = {
        "draft": str(draft.absolute()),
        "copy": str(copy.absolute()),
        "comments": [_comment(report, finding) for finding in report.findings],
    }
    return int(call_apart(f"{__name__}:write_commented", draft, arguments))


def write_commented(draft: str, copy: str, comments: Sequence[Mapping[str, Any]]) -> int:
    """Write the copy of a Word document with comments in the objects of `_comment`; return their number.

    Called in the other process. Raises UnreadableSource.
    """
    from docx import Document as open_docx

    word: Any = open_docx(draft)
    count = 0
    for comment, runs in _placed(word, comments):
        word.add_comment(runs, text=comment["text"], author=COMMENT_AUTHOR, initials=COMMENT_INITIALS)
        count += 1
    try:
        word.save(copy)
    except OSError as error:
        raise UnreadableSource(f"Cannot write {copy}: {error.strerror}.", "Give another file.") from None
    return count


def _comment(report: ProofReport, finding: ProofFinding) -> dict[str, Any]:
    """Return a comment, the sentence of the draft that it belongs to, and the range of its words in that sentence."""
    start, end = finding.sentence
    at = finding.start - start
    words = [at, at + len(finding.text)]
    return {"text": comment_text(finding), "sentence": _one_kind_of_space(report.draft[start:end]), "words": words}


def comment_text(finding: ProofFinding) -> str:
    """Return the words of a comment: the status, then each source with its quotation."""
    notes = f" ({'; '.join(finding.notes)})" if finding.notes else ""
    lines = [f"{STATUS_WORDS[finding.status]} {finding.kind}: “{shortened(' '.join(finding.text.split()))}”{notes}"]
    for passage in finding.sources:
        lines += [f"“{marked_words(passage.citation.quote, passage.differing, '[', ']')}”", passage_place(passage)]
    return "\n".join(lines)


def _placed(word: Any, comments: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], list[Any]]]:
    """Yield each comment with the runs that hold its words, cut out of the runs of its paragraph."""
    paragraphs = [(item, _one_kind_of_space("".join(run.text for run in item.runs))) for item in _paragraphs(word)]
    first = position = 0
    for comment in comments:
        sentence, (low, high) = comment["sentence"], comment["words"]
        i = next((i for i in range(first, len(paragraphs)) if sentence in paragraphs[i][1]), None)
        if i is None:
            continue
        position = position if i == first else 0
        first = i
        paragraph, text = paragraphs[i]
        at = text.find(sentence, position)
        position = text.find(sentence) if at < 0 else at
        yield comment, _cut_runs(paragraph, position + low, position + high)


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
