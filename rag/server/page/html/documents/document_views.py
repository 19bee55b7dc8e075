"""Turns the documents of an index into HTML: the list, one with its passages, what became of files, how sound it is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from rag.chunking.boilerplate import REASONS
from rag.core.reports import IndexReport, Progress, document_facts, duration, first_few
from rag.core.response import IndexInfo
from rag.core.types import Chunk, Document, DocumentSummary, Mask
from rag.server.page.html.labels import count
from rag.server.page.html.markup import LineNumbers, Mark, attributes, element, escaped, isolated, marked, one_line

LONGEST_SHOWN = 100_000
"""Characters of a document that a preview shows."""
SHARED, EMPTY = "same text as another", "without passages"


def document_html(document: Document, chunks: Sequence[Chunk], masks: Sequence[Mask], readonly: bool) -> str:
    """Return a document with the boundaries of its passages, and its masked parts greyed, each with its reason."""
    end = min(len(document.text), LONGEST_SHOWN)
    layers = ([_passage(number, chunk) for number, chunk in enumerate(chunks, start=1)], ignored(masks))
    body = marked(
        document.text, 0, end, layers, LineNumbers(document.text, document.layout.pages, document.layout.lines)
    )
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
            ask_button(document.id, "Ask only this document"),
            "" if readonly else remove_button(document.id),
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


def progress_html(progress: Progress | None, cancelled_by: Mapping[str, object] | None = None) -> str:
    """Return a bar of how far a write is, with the time left if there is a pace, and a button that stops it."""
    stop = element("div", action("Cancel", cancelled_by), class_="pc-controls") if cancelled_by else ""
    if progress is None:
        bar = f"<progress{attributes(aria_label='Files read')}></progress>"
        return bar + element("p", "Reading the files …", class_="pc-note", role="status") + stop
    seconds_left = progress.seconds_left
    words = f"{progress.documents:,} read, now {progress.name}" + (
        f", about {duration(seconds_left)} left" if seconds_left else ""
    )
    bar = element("progress", max=str(progress.total), value=str(progress.done), aria_label="Files read")
    return bar + element("p", escaped(words), class_="pc-note", data_now=progress.name) + stop


def report_html(report: IndexReport, undone_by: Mapping[str, object] | None = None) -> str:
    """Return the result of a write: a row for each file, and its notes; a removal can be undone by a button."""
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
    undo = action("Undo", undone_by, "pc-tool pc-undo") if undone_by and report.removed else ""
    head = element("p", escaped(totals), undo)
    return element("section", head, *notes, table, aria_label="Report", data_announce=totals)


def health_html(
    info: IndexInfo, documents: Sequence[DocumentSummary], problems: Sequence[str] | None, readonly: bool
) -> str:
    """Return the facts of the index and, if it was examined, its problems."""
    shared_hashes = hashes_of_several(documents)
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


def hashes_of_several(documents: Sequence[DocumentSummary]) -> set[str]:
    """Return the hashes of texts that more than one document has."""
    numbers = Counter(summary.text_sha256 for summary in documents)
    return {sha for sha, number in numbers.items() if number > 1}


def ask_button(document_id: str, words: str, label: str | None = None) -> str:
    """Return a button that limits the next questions to a document; `label` names it if its words do not."""
    return element("button", words, type="button", class_="pc-ask-only", data_only=document_id, aria_label=label)


def remove_button(document_id: str) -> str:
    """Return a button that removes a document at the second click."""
    label = f"Remove {document_id}"
    return action("Remove", {"remove": document_id}, "pc-remove", data_sure="yes", aria_label=label)


def _passage(number: int, chunk: Chunk) -> Mark:
    title = f"Passage {number}, {len(chunk.span):,} characters"
    opening = f"<span{attributes(class_='pc-passage', data_passage=str(number), title=title)}>"
    return Mark(chunk.span.start, chunk.span.end, opening, "</span>")
