"""Turns the documents of an index into HTML: the list, one with its passages, what became of files, how sound it is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from rag.chunking.boilerplate import REASONS
from rag.core.reports import IndexReport, Progress, document_facts, duration, first_few, masked_shares
from rag.core.response import IndexInfo
from rag.core.types import Chunk, Document, DocumentSummary, Mask
from rag.server.page.html.labels import count
from rag.server.page.html.markup import LineNumbers, Mark, attributes, element, escaped, isolated, marked, one_line

ON_A_PAGE = 50
LONGEST_SHOWN = 100_000
"""Characters of a document that a preview shows."""
SHARED, EMPTY = "same text as another", "without passages"


@dataclass(frozen=True)
class Listing:
    """What of the list a visitor wants to see."""

    query: str = ""
    facet: str = ""
    page: int = 0


def listing_html(documents: Sequence[DocumentSummary], listing: Listing, readonly: bool) -> str:
    """Return a page of the documents that fit, with the facets that they can be narrowed by."""
    shared_hashes = _shared_hashes(documents)
    matching = [summary for summary in documents if _fits(summary, listing.query)]
    facets = Counter(facet for summary in matching for facet in _facets(summary, shared_hashes))
    fitting = [summary for summary in matching if not listing.facet or listing.facet in _facets(summary, shared_hashes)]
    first = listing.page * ON_A_PAGE
    page = fitting[first : first + ON_A_PAGE]
    narrowed = f"{count(len(fitting), 'document')} of {len(documents):,}" if len(fitting) < len(documents) else ""
    return element(
        "section",
        _facet_buttons(facets, listing),
        element("p", escaped(narrowed or count(len(documents), "document")), class_="pc-note", role="status"),
        _rows(page, readonly),
        _pages(len(fitting), listing),
        aria_label="Documents",
    )


def document_html(document: Document, chunks: Sequence[Chunk], masks: Sequence[Mask], readonly: bool) -> str:
    """Return a document with the boundaries of its passages, and its masked parts greyed, each with its reason."""
    end = min(len(document.text), LONGEST_SHOWN)
    layers = ([_passage(number, chunk) for number, chunk in enumerate(chunks, start=1)], ignored(masks))
    body = marked(document.text, 0, end, layers, LineNumbers(document.text, document.layout.pages))
    facts = [count(len(document.text), "character"), count(len(chunks), "passage"), count(len(masks), "ignored part")]
    facts += [f"not in the text: {left_out}"] if (left_out := document.known("left_out")) else []
    title = one_line(document.title or "") or document.id
    rest = len(document.text) - end
    return element(
        "section",
        element("h2", isolated(title), class_="pc-headline", tabindex="-1"),
        element("p", " · ".join([isolated(document.id), *map(escaped, facts)]), class_="pc-note"),
        element(
            "div",
            _ask_button(document.id, "Ask only this document"),
            "" if readonly else _remove_button(document.id),
            action("Close", {"close": True}),
            class_="pc-controls",
        ),
        element("div", body, class_="pc-text", tabindex="0", role="region", aria_label="Text of the document"),
        element("p", escaped(f"{rest:,} characters after this are not shown."), class_="pc-note") if rest else "",
        class_="pc-source pc-preview",
        aria_label="Document",
        data_announce=f"{title}: {', '.join(facts)}",
    )


def ignored(masks: Sequence[Mask]) -> list[Mark]:
    """Return a mark for each part that is ignored; a run of one reason is named once."""
    marks, last = [], None
    for mask in masks:
        word = mask.reason.replace("_", " ")
        label = f"ignored: {word}" if mask.reason != last else None
        title = f"Ignored: {REASONS.get(mask.reason, word)}"
        opening = f"<span{attributes(class_='pc-ignored', data_label=label, title=title)}>"
        marks.append(Mark(mask.span.start, mask.span.end, opening, "</span>"))
        last = mask.reason
    return marks


def progress_html(progress: Progress | None) -> str:
    """Return a bar of how far a write is, with the time left if there is a pace."""
    if progress is None:
        bar = f"<progress{attributes(aria_label='Files read')}></progress>"
        return bar + element("p", "Reading the files …", class_="pc-note", role="status")
    seconds_left = progress.seconds_left
    words = f"{progress.documents:,} read, now {progress.name}" + (
        f", about {duration(seconds_left)} left" if seconds_left else ""
    )
    bar = element("progress", max=str(progress.total), value=str(progress.done), aria_label="Files read")
    return bar + element("p", escaped(words), class_="pc-note")


def report_html(report: IndexReport) -> str:
    """Return the result of a write: a row for each file, and its notes."""
    same = dict(report.duplicates)
    described = {summary.id: f": {document_facts(summary)}" for summary in report.documents}
    rows = [
        (name, change + described.get(name, "") + (f", same text as {first_few(same[name])}" if name in same else ""))
        for change in ("added", "updated", "unchanged", "removed")
        for name in getattr(report, change)
    ]
    rows += [(name, f"skipped: {reason}") for name, reason in report.failed]
    numbers = {change: len(getattr(report, change)) for change in ("added", "updated", "unchanged", "removed")}
    numbers["skipped"] = len(report.failed)
    totals = ", ".join(f"{number:,} {change}" for change, number in numbers.items() if number) or "Nothing to do."
    lines = [
        element("tr", element("th", isolated(name), scope="row"), element("td", isolated(what)))
        for name, what in rows[:200]
    ]
    table = element("table", element("tbody", *lines), class_="pc-table pc-report") if lines else ""
    notes = [element("p", isolated(f"Note: {note}"), class_="pc-note") for note in report.notes]
    return element("section", element("p", escaped(totals)), *notes, table, aria_label="Report", data_announce=totals)


def health_html(
    info: IndexInfo, documents: Sequence[DocumentSummary], problems: Sequence[str] | None, readonly: bool
) -> str:
    """Return the facts of the index and, if it was examined, its problems."""
    shared_hashes = _shared_hashes(documents)
    numbers = {
        SHARED: sum(summary.text_sha256 in shared_hashes for summary in documents),
        EMPTY: sum(not summary.chunks for summary in documents),
    }
    remarks = ", ".join(f"{number:,} {words}" for words, number in numbers.items() if number)
    facts = {
        "Version": f"{info.version:,}",
        "Documents": f"{info.documents:,}" + (f" ({remarks})" if remarks else ""),
        "Passages": f"{info.chunks:,}",
        "Model": info.embedding_model,
        "Fingerprint": info.fingerprint,
    }
    items = [element("dt", escaped(name)) + element("dd", isolated(value)) for name, value in facts.items()]
    tools = [action("Verify index", {"check": True}, "pc-tool")]
    if not readonly:
        tools.append(action("Refresh changed files", {"read": True}, "pc-tool"))
        tools += [action("Repair", {"mend": True}, "pc-tool")] if problems else []
    return element("dl", *items, class_="pc-facts") + _verdict(problems) + element("div", *tools, class_="pc-controls")


def action(words: str, what: Mapping[str, object], name: str | None = None, **more: str | None) -> str:
    """Return a button that asks something of the server."""
    return element("button", escaped(words), type="button", class_=name, data_do=json.dumps(what), **more)


def _verdict(problems: Sequence[str] | None) -> str:
    if problems is None:
        return ""
    if not problems:
        sound = "All index files are intact."
        return element("p", sound, class_="pc-sound", data_announce=sound)
    wrong = "; ".join(problems)
    return element("p", escaped(f"Wrong: {wrong}."), class_="pc-trouble", data_announce=f"Wrong: {wrong}")


def _fits(summary: DocumentSummary, query: str) -> bool:
    text = f"{summary.id} {summary.title or ''}".casefold()
    return all(word in text for word in query.casefold().split())


def _shared_hashes(documents: Sequence[DocumentSummary]) -> set[str]:
    """Return the hashes of texts that more than one document has."""
    numbers = Counter(summary.text_sha256 for summary in documents)
    return {sha for sha, number in numbers.items() if number > 1}


def _facets(summary: DocumentSummary, shared_hashes: set[str]) -> list[str]:
    suffix = PurePath(summary.source_path or "").suffix.lower()
    kinds = [suffix or "no file"]
    kinds += [SHARED] if summary.text_sha256 in shared_hashes else []
    return kinds + ([EMPTY] if not summary.chunks else [])


def _facet_buttons(facets: Mapping[str, int], listing: Listing) -> str:
    if len(facets) < 2 and not listing.facet:
        return ""
    buttons = [
        action(
            f"{name} {number:,}",
            {"facet": "" if name == listing.facet else name},
            aria_pressed=str(name == listing.facet).lower(),
        )
        for name, number in sorted(facets.items())
    ]
    return element("div", *buttons, role="group", aria_label="Only those of a kind", class_="pc-controls pc-facets")


def _rows(summaries: Sequence[DocumentSummary], readonly: bool) -> str:
    if not summaries:
        return element("p", "No document fits.")
    heads = [element("th", word, scope="col") for word in ("Title", "Name")]
    heads += [element("th", word, scope="col", class_="pc-number") for word in ("Passages", "Characters", "Masked")]
    heads.append(element("th", element("span", "Actions", class_="pc-hidden"), scope="col"))
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *heads)),
            element("tbody", *(_row(summary, readonly) for summary in summaries)),
            class_="pc-table pc-list",
        ),
        class_="pc-wide",
    )


def _row(summary: DocumentSummary, readonly: bool) -> str:
    title = one_line(summary.title or "") or summary.id
    title_button = action(title, {"open": summary.id}, "pc-open", dir="auto")
    cells = [
        element("th", title_button, scope="row"),
        element("td", isolated(summary.id)),
        element("td", f"{summary.chunks:,}", class_="pc-number"),
        element("td", f"{summary.length:,}", class_="pc-number"),
        element("td", f"{summary.masked_share:.0%}", class_="pc-number", title=_unsearched(summary)),
    ]
    actions = _ask_button(summary.id, "Ask", f"Ask only {title}"), "" if readonly else _remove_button(summary.id)
    return element("tr", *cells, element("td", *actions, class_="pc-row-actions"))


def _unsearched(summary: DocumentSummary) -> str | None:
    """Return what of a document is not searched: its masked shares by reason, and the parts left out."""
    masked = f"Masked: {masked_shares(summary)}. " if summary.masked else ""
    return (masked + (f"Not in the text: {summary.left_out}." if summary.left_out else "")).strip() or None


def _ask_button(document_id: str, words: str, label: str | None = None) -> str:
    """Return a button that limits the next questions to a document; `label` names it if its words do not."""
    return element("button", words, type="button", class_="pc-ask-only", data_only=document_id, aria_label=label)


def _remove_button(document_id: str) -> str:
    label = f"Remove {document_id}"
    return action("Remove", {"remove": document_id}, "pc-remove", data_sure="yes", aria_label=label)


def _pages(number: int, listing: Listing) -> str:
    last = max(0, number - 1) // ON_A_PAGE
    if not last:
        return ""
    place = element("span", f"page {listing.page + 1} of {last + 1}")
    before, after = replace(listing, page=listing.page - 1), replace(listing, page=listing.page + 1)
    return element(
        "nav",
        action("Previous", {"page": before.page}) if listing.page > 0 else "",
        place,
        action("Next", {"page": after.page}) if listing.page < last else "",
        class_="pc-controls",
        aria_label="Pages of the list",
    )


def _passage(number: int, chunk: Chunk) -> Mark:
    title = f"Passage {number}, {len(chunk.span):,} characters"
    opening = f"<span{attributes(class_='pc-passage', data_passage=str(number), title=title)}>"
    return Mark(chunk.span.start, chunk.span.end, opening, "</span>")
