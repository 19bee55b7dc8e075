"""Turns a proofread draft into HTML: each block of the draft beside the passages that its statements come from."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from urllib.parse import urlencode

from rag.chunking.sentences import blocks
from rag.core.types import Block, Document
from rag.evidence.citation_link import link_to
from rag.proofreading.records import FindingKind, FindingStatus, ProofFinding, ProofReport, SourcePassage
from rag.server.page.html.labels import count, place_words, title_words
from rag.server.page.html.marked_words import with_differences
from rag.server.page.html.markup import Mark, attributes, element, escaped, isolated, marked, one_line
from rag.server.proofs.endpoint import PROOF_ADDRESS
from rag.server.proofs.proof_files import FORM_WORDS, ProofForm

STATUS_LABELS: dict[FindingStatus, str] = {
    "contradicted": "Contradicted",
    "changed": "Quoted otherwise",
    "not_found": "Not found",
    "exact": "Word for word",
    "supported": "Supported",
}
"""Status words in the order of the filter: what needs a look comes first."""
KIND_LABELS: dict[FindingKind, str] = {
    "quotation": "Quotation",
    "figure": "Figure",
    "date": "Date",
    "name": "Name",
}
NOT_FOUND_NOTE = "No document shows it. That does not say that it is wrong."
MAX_QUOTED_FINDING = 160
"""Characters of a finding's own words above its sources; the draft beside it has them whole."""


def proof_html(report: ProofReport, draft: Document, proof_id: str, forms: Sequence[ProofForm], searched: str) -> str:
    """Return a report on a draft; `searched` says in words which documents it was compared with."""
    headline = headline_of(report)
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline", tabindex="-1"),
        element("p", isolated(report.name), " · Compared with: ", isolated(searched), class_="pc-note"),
        _filter(report),
        _files(proof_id, forms),
        element("div", *_rows(report, draft), class_="pc-proof-rows"),
        class_="pc-proof-report",
        aria_label="Proof",
        data_announce=headline,
    )


def headline_of(report: ProofReport) -> str:
    """Return in one line how many statements differ from the sources, and how many were not found."""
    total, wrong = len(report.findings), len(report.wrong)
    if not total:
        return "The draft has no quotation, figure, date or name to compare."
    missing = report.counts().get("not_found", 0)
    differ = "None differs" if not wrong else f"{wrong:,} differ" if wrong > 1 else "1 differs"
    found = f", {missing:,} not found" if missing else ""
    return f"{count(total, 'statement')} compared. {differ} from the sources{found}."


def _filter(report: ProofReport) -> str:
    """Return the buttons that show the findings of one status alone."""
    counts = report.counts()
    if not counts:
        return ""
    choices = [("", f"All {len(report.findings):,}")]
    choices += [(status, f"{words} {counts[status]:,}") for status, words in STATUS_LABELS.items() if status in counts]
    buttons = [
        element("button", escaped(words), type="button", data_status=status, aria_pressed=str(not status).lower())
        for status, words in choices
    ]
    return element("div", *buttons, class_="pc-controls pc-statuses", role="group", aria_label="Findings to show")


def _files(proof_id: str, forms: Sequence[ProofForm]) -> str:
    links = [
        element("a", FORM_WORDS[form], href=f".{PROOF_ADDRESS}?{urlencode({'proof': proof_id, 'form': form})}")
        for form in forms
    ]
    return element("p", element("span", "Save as"), " ", " ".join(links), class_="pc-proof-files pc-note")


def _rows(report: ProofReport, draft: Document) -> Iterator[str]:
    starts = [finding.start for finding in report.findings]
    for block in blocks(draft):
        first, last = bisect_left(starts, block.span.start), bisect_left(starts, block.span.end)
        own = report.findings[first:last]
        notes = [_note(group) for group in _grouped(list(enumerate(own, start=first + 1)))]
        yield element(
            "div",
            element(
                "div", _draft_text(report, block, own, first), class_=_draft_class(block), dir="auto", translate="no"
            ),
            element("ol", *notes, class_="pc-findings") if notes else "",
            class_="pc-proof-row" if notes else "pc-proof-row pc-proof-plain",
        )


def _draft_class(block: Block) -> str:
    return "pc-draft pc-draft-head" if block.kind == "heading" else "pc-draft"


def _draft_text(report: ProofReport, block: Block, findings: Sequence[ProofFinding], first: int) -> str:
    """Return a block of the draft with its findings marked; a finding inside another has no mark of its own."""
    marks, position = [], block.span.start
    for number, finding in enumerate(findings, start=first + 1):
        if finding.start >= position:
            position = min(finding.end, block.span.end)
            marks.append(Mark(finding.start, position, _opening(number, finding), _closing(number, finding)))
    return marked(report.draft, block.span.start, block.span.end, (marks,))


def _opening(number: int, finding: ProofFinding) -> str:
    return f"<mark{attributes(class_=f'pc-stated pc-is-{finding.status}', data_stated=str(number))}>"


def _closing(number: int, finding: ProofFinding) -> str:
    named = {"data_finding": str(number), "aria_label": f"Finding {number}: {STATUS_LABELS[finding.status]}"}
    return "</mark>" + element("button", str(number), type="button", class_="pc-to-finding", **named)


Numbered = tuple[int, ProofFinding]


def _grouped(findings: Sequence[Numbered]) -> list[list[Numbered]]:
    """Return the findings in order; those that follow each other and have one source are one group."""
    return [list(group) for _, group in groupby(findings, key=_source_key)]


def _source_key(numbered: Numbered) -> tuple[object, ...]:
    number, finding = numbered
    if finding.status != "supported" or finding.notes:
        return (number,)
    return ("supported", *(passage.citation.span for passage in finding.sources[:1]))


def _note(group: Sequence[Numbered]) -> str:
    """Return what the documents say of findings with one source."""
    number, first = group[0]
    others = {passage.citation.span: passage for _, finding in group for passage in finding.sources[1:]}
    is_unexplained = first.status == "not_found" and not first.notes
    return element(
        "li",
        *(_head(*numbered) for numbered in group),
        *(element("p", escaped(note), class_="pc-note", translate="no") for note in first.notes),
        element("p", NOT_FOUND_NOTE, class_="pc-note") if is_unexplained else "",
        *(_source(passage, number) for passage in first.sources[:1]),
        _also(list(others.values()), number),
        class_=f"pc-finding pc-is-{first.status}",
        data_status=first.status,
        data_numbers=" ".join(str(number) for number, _ in group),
        tabindex="-1",
    )


def _head(number: int, finding: ProofFinding) -> str:
    own = one_line(finding.text)
    short = own if len(own) <= MAX_QUOTED_FINDING else f"{own[:MAX_QUOTED_FINDING].rstrip()} …"
    return element(
        "p",
        element("span", str(number), class_="pc-finding-number"),
        element("strong", STATUS_LABELS[finding.status], class_="pc-status"),
        " ",
        element("span", KIND_LABELS[finding.kind], class_="pc-note"),
        " ",
        element("q", escaped(short), dir="auto"),
        class_="pc-finding-head",
    )


def _source(passage: SourcePassage, number: int) -> str:
    quote = with_differences(passage.citation.quote, passage.differing)
    return element("blockquote", quote, dir="auto") + element("p", *_place(passage, number), class_="pc-source-line")


def _also(passages: Sequence[SourcePassage], number: int) -> str:
    if not passages:
        return ""
    items = [element("li", element("p", *_place(passage, number), class_="pc-source-line")) for passage in passages]
    return element("details", element("summary", f"Also in {count(len(items), 'place')}"), element("ul", *items))


def _place(passage: SourcePassage, number: int) -> tuple[str, ...]:
    citation = passage.citation
    date = citation.source.published_at
    button = element(
        "button",
        "Show in source",
        type="button",
        class_="pc-cited",
        data_cited=link_to(citation).query(),
        aria_label=f"Show in source: finding {number}",
        aria_expanded="false",
    )
    return (
        element("cite", isolated(title_words(citation))),
        *((" · ", isolated(one_line(date))) if date else ()),
        " · ",
        element("span", escaped(place_words(citation)), class_="pc-place"),
        " ",
        button,
    )
