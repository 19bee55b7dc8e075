"""Writes a proofread draft as a web page: each block of the draft beside the passages of its sources.

The page is one file without scripts. All text of the draft and the documents is escaped.
"""

import html
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from rag.chunking.sentences import blocks
from rag.core.types import Document
from rag.proofreading.records import ProofFinding, ProofReport, SourcePassage
from rag.proofreading.reports.plain_report import STATUS_WORDS

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
section { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem; padding: .6rem 0 }
section { border-top: 1px solid #ddd } blockquote { margin: .2rem 0 }
.text, blockquote { white-space: pre-wrap; overflow-wrap: anywhere }
mark { background: #eee; color: #1a1a1a; border-bottom: 2px solid #777 }
mark.changed, mark.contradicted { background: #ffd9d2 } mark.exact, mark.supported { background: #d9f2dd }
b { background: #ffd9d2; color: #1a1a1a }
.finding { border-left: 4px solid #777; padding-left: .6rem; margin-bottom: .8rem; font-size: .92rem }
.changed, .contradicted { border-color: #b3261e } .exact, .supported { border-color: #1b6e2c }
@media (max-width: 50rem) { section { grid-template-columns: minmax(0, 1fr) } }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #eee } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_report(report: ProofReport, draft: Document) -> str:
    """Return the page of a report on `draft`."""
    counts = ", ".join(f"{count} {STATUS_WORDS[status].lower()}" for status, count in report.counts().items())
    index = f"Index {report.index.fingerprint}, version {report.index.version}. Draft sha256 {report.sha256}."
    title = f"Proof of {_escaped(report.name)}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{len(report.findings)} findings: {_escaped(counts)}.</p><main>{''.join(_sections(report, draft))}</main>"
        f"<p><small>{_escaped(index)}</small></p></body></html>\n"
    )


def _sections(report: ProofReport, draft: Document) -> Iterable[str]:
    starts = [finding.start for finding in report.findings]
    for block in blocks(draft):
        start, end = block.span.start, block.span.end
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        notes = "".join(_note(i + 1, report.findings[i]) for i in range(first, last))
        text = _with_marks(report.draft, start, end, report.findings[first:last], first)
        yield f'<section><div class="text">{text}</div><div>{notes}</div></section>'


def _with_marks(text: str, start: int, end: int, findings: Sequence[ProofFinding], first: int) -> str:
    """Return a range of the draft with its findings marked; a finding inside another has no mark of its own."""
    parts, position = [], start
    for i, finding in enumerate(findings, start=first + 1):
        if finding.start < position:
            continue
        stop = min(finding.end, end)
        inside = _escaped(text[finding.start : stop])
        parts.append(_escaped(text[position : finding.start]))
        parts.append(f'<mark class="{finding.status}">{inside}</mark><sup>{i}</sup>')
        position = stop
    return "".join([*parts, _escaped(text[position:end])])


def _note(number: int, finding: ProofFinding) -> str:
    notes = f" ({_escaped('; '.join(finding.notes))})" if finding.notes else ""
    words = _escaped(STATUS_WORDS[finding.status].lower())
    return (
        f'<div class="finding {finding.status}"><strong>{number}. {words}</strong> {finding.kind}{notes}: '
        f"<q>{_escaped(' '.join(finding.text.split()))}</q>{''.join(map(_passage, finding.sources))}</div>"
    )


def _passage(passage: SourcePassage) -> str:
    citation, parts, position = passage.citation, [], 0
    for start, end in passage.differing:
        parts += [_escaped(citation.quote[position:start]), f"<b>{_escaped(citation.quote[start:end])}</b>"]
        position = end
    quote = "".join([*parts, _escaped(citation.quote[position:])])
    title = citation.source.title or citation.span.document_id
    place = f"{title}, {citation.place.label()} ({citation.span.document_id})"
    return f"<blockquote>{quote}</blockquote><small>{_escaped(place)}</small>"


def _escaped(text: str) -> str:
    return html.escape(text).replace("\0", "\ufffd")
