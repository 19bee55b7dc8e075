"""Writes the findings of a draft as plain text for terminals and logs."""

from collections.abc import Iterator, Sequence

from rag.core.text.plain_text import printable, where
from rag.proofreading.records import ProofFinding, ProofReport, SourcePassage

STATUS_WORDS = {
    "exact": "exact",
    "changed": "CHANGED",
    "supported": "supported",
    "contradicted": "CONTRADICTED",
    "not_found": "not found",
}
MAX_SHOWN_CHARACTERS = 100
"""Characters of a finding in its own line."""


def report_lines(report: ProofReport) -> Iterator[str]:
    """Yield the lines of all findings in order of place, then their counts."""
    for finding in report.findings:
        yield from _finding_lines(report, finding)
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in report.counts().items())
    number = len(report.findings)
    yield f"{number} finding{'' if number == 1 else 's'}{': ' if counts else ''}{counts}."


def _finding_lines(report: ProofReport, finding: ProofFinding) -> Iterator[str]:
    line = report.draft.count("\n", 0, finding.start) + 1
    notes = f" ({printable('; '.join(finding.notes))})" if finding.notes else ""
    text = shortened(printable(finding.text))
    yield f"{report.name}:{line}: {STATUS_WORDS[finding.status]} {finding.kind}: “{text}”{notes}"
    if finding.is_wrong:
        start, end = finding.sentence
        marks = [(low - start, high - start) for low, high in finding.differing]
        yield f"    draft:  “{marked_words(report.draft[start:end], marks, '[-', '-]')}”"
    for i, passage in enumerate(finding.sources):
        if i == 0 and (finding.is_wrong or finding.kind != "quotation"):
            yield f"    source: “{marked_words(passage.citation.quote, passage.differing, '{+', '+}')}”"
        yield f"    {'' if i == 0 else 'also in '}{passage_place(passage)}"


def passage_place(passage: SourcePassage) -> str:
    """Return title, place and id of a source in one line."""
    citation = passage.citation
    title = printable(citation.source.title or citation.span.document_id)
    return f"{title}, {where(citation.place)} ({printable(citation.span.document_id)})"


def marked_words(text: str, ranges: Sequence[tuple[int, int]], opening: str, closing: str) -> str:
    """Return a text in one line with marks around some ranges of it."""
    parts, position = [], 0
    for start, end in sorted(ranges):
        parts += [text[position:start], opening, text[start:end], closing]
        position = end
    return printable("".join([*parts, text[position:]]))


def shortened(text: str) -> str:
    """Return a text, a long one with `…` in the place of its middle."""
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    half = MAX_SHOWN_CHARACTERS // 2
    return f"{text[:half].rstrip()} … {text[-half:].lstrip()}"
