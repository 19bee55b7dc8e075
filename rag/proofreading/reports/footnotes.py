"""Writes a copy of a draft with a footnote for each finding that a document shows; no word of the draft is changed."""

from collections.abc import Iterator, Mapping, Sequence

from rag.core.errors import InvalidInput
from rag.core.presentation.export import source_line
from rag.proofreading.drafts import Draft
from rag.proofreading.records import ProofFinding, ProofReport

FOOTNOTED = ("exact", "supported")
FOOTNOTE_FORMATS = ("markdown", "text")
_CLOSING = "\"'”’“»«›‹」』.,;:!?"


def with_footnotes(report: ProofReport, draft: Draft) -> str:
    """Return the draft with marks such as `[^1]` and the citations below it, one for each cited passage.

    Raises InvalidInput if the draft is neither Markdown nor plain text.
    """
    if draft.document.format not in FOOTNOTE_FORMATS:
        raise InvalidInput(
            f"Footnotes are written into Markdown and plain text, not into {draft.document.format}.",
            "Save the draft as .md, or give --comments COPY.docx for a Word document.",
        )
    numbers: dict[tuple[str, int, int], int] = {}
    marks: dict[int, list[int]] = {}
    notes = []
    for finding in report.findings:
        if finding.status not in FOOTNOTED:
            continue
        citation = finding.sources[0].citation
        passage = (citation.span.document_id, citation.span.start, citation.span.end)
        if passage not in numbers:
            numbers[passage] = len(numbers) + 1
            quote = " ".join(citation.quote.split())
            notes.append(f"[^{numbers[passage]}]: {source_line(citation.to_dict())}: “{quote}”")
        at = marks.setdefault(_mark_place(report.draft, finding), [])
        if numbers[passage] not in at:
            at.append(numbers[passage])
    return "".join(_pieces(report.draft, marks, notes))


def _mark_place(draft: str, finding: ProofFinding) -> int:
    """Return where the mark of a finding stands: behind the quotation marks, or at the end of the sentence."""
    if finding.kind != "quotation":
        return finding.sentence[1]
    end = finding.end
    while end < len(draft) and draft[end] in _CLOSING:
        end += 1
    return end


def _pieces(draft: str, marks: Mapping[int, Sequence[int]], notes: Sequence[str]) -> Iterator[str]:
    position = 0
    for offset in sorted(marks):
        yield draft[position:offset]
        yield "".join(f"[^{number}]" for number in marks[offset])
        position = offset
    yield draft[position:]
    if notes:
        yield ("\n" if draft.endswith("\n") else "\n\n") + "\n".join(notes) + "\n"
