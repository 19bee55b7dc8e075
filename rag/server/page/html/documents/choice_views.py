"""Turns a choice of documents into HTML: fields to narrow it, a box for each document, and a line that says it."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rag.core.types import DocumentSummary
from rag.server.page.html.labels import count
from rag.server.page.html.markup import element, escaped, field, isolated, one_line

if TYPE_CHECKING:
    from rag.server.page.choosing import Choice, Offer

MAX_LISTED_DOCUMENTS = 50


def panel_html(offered: "Offer", choice: "Choice") -> str:
    """Return the fields by which documents are chosen, and an empty place for their list."""
    dates = (
        _field("since", "From", choice.since, "2024 or 2024-03") + _field("until", "To", choice.until, "2025")
        if offered.dated
        else ""
    )
    return element(
        "div",
        element(
            "div",
            _field("query", "Find a document", "", "title or name", kind="search"),
            _select("kind", "Kind", offered.kinds, choice.kind),
            _select("author", "Author", offered.authors, choice.author),
            _select("tag", "Tag", offered.tags, choice.tag),
            dates,
            class_="pc-choice-fields",
        ),
        element("div", class_="pc-choices"),
        class_="pc-choice-panel",
    )


def list_html(documents: Sequence[DocumentSummary], fitting: Collection[str], choice: "Choice", query: str) -> str:
    """Return a check box for each document that fits the fields and the words of `query`, those chosen first."""
    words = query.casefold().split()
    chosen = set(choice.only)
    listed = [
        summary
        for summary in documents
        if summary.id in chosen
        or (summary.id in fitting and all(word in f"{summary.id} {summary.title or ''}".casefold() for word in words))
    ]
    listed.sort(key=lambda summary: (summary.id not in chosen, _title(summary).casefold()))
    rest = len(listed) - MAX_LISTED_DOCUMENTS
    items = [_item(summary, summary.id in chosen) for summary in listed[:MAX_LISTED_DOCUMENTS]]
    more = element("p", escaped(f"{count(rest, 'more document')}: find them by title or name."), class_="pc-note")
    nothing = element("p", "No document fits.", class_="pc-note")
    rows = element("ul", *items) if items else nothing
    return element("div", rows, role="group", aria_label="Documents to ask") + (more if rest > 0 else "")


def choice_words(documents: Sequence[DocumentSummary], asked: Collection[str], choice: "Choice") -> str:
    """Return which documents are asked, in a line of text."""
    if choice.filters() is None:
        return f"All {count(len(documents), 'document')}" if len(documents) > 1 else count(len(documents), "document")
    titles = {summary.id: _title(summary) for summary in documents}
    conditions = [choice.kind, f"by {choice.author}" if choice.author else "", choice.tag]
    conditions += [f"since {choice.since}" if choice.since else "", f"until {choice.until}" if choice.until else ""]
    facts = ", ".join(fact for fact in conditions if fact)
    if len(choice.only) == 1 and len(asked) == 1:
        return f"Only {titles.get(choice.only[0], choice.only[0])}"
    return f"{len(asked):,} of {count(len(documents), 'document')}" + (f": {facts}" if facts else "")


def _title(summary: DocumentSummary) -> str:
    return one_line(summary.title or "") or summary.id


def _item(summary: DocumentSummary, is_chosen: bool) -> str:
    box = field(type="checkbox", value=summary.id, checked="" if is_chosen else None)
    name = element("span", isolated(summary.id), class_="pc-note") if summary.title else ""
    return element("li", element("label", box, " ", isolated(_title(summary)), " ", name))


def _field(name: str, words: str, value: str, hint: str, kind: str = "text") -> str:
    box = field(type=kind, data_choice=name, value=value, placeholder=hint, autocomplete="off")
    return element("label", element("span", words), box)


def _select(name: str, words: str, values: Sequence[str], current: str) -> str:
    if not values:
        return ""
    shown = values if not current or current in values else (current, *values)
    options = "".join(_option(value, one_line(value), value == current) for value in shown)
    every = _option("", "any", not current)
    return element("label", element("span", words), element("select", every, options, data_choice=name))


def _option(value: str, words: str, is_current: bool) -> str:
    return element("option", escaped(words), value=value, selected="" if is_current else None)
