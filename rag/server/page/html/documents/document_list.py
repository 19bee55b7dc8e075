"""Turns the documents of an index into a list: narrowed, sorted, page by page, with what can be done with each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as record_field
from pathlib import PurePath

from rag.core.reports import masked_shares
from rag.core.types import DocumentSummary
from rag.server.page.html.documents.document_views import (
    EMPTY,
    SHARED,
    action,
    ask_button,
    hashes_of_several,
    remove_button,
)
from rag.server.page.html.labels import count
from rag.server.page.html.markup import element, escaped, field, isolated, one_line

ON_A_PAGE = 50


@dataclass(frozen=True)
class Listing:
    """What of the list a visitor wants to see, and in which order."""

    query: str = ""
    facet: str = ""
    page: int = 0
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True)
class DocumentFacts:
    """What the list says of documents beside their summaries, by id: dates, and the states of files that are not well.

    `states_of` is asked for the documents that are shown, because it looks at their files.
    """

    dates: Mapping[str, str] = record_field(default_factory=dict)
    states_of: Callable[[Sequence[DocumentSummary]], Mapping[str, str]] = lambda summaries: {}


NO_FACTS = DocumentFacts()
STATE_WORDS = {
    "missing": ("file missing", "The file is not where it was. Its text is still in the index."),
    "changed": ("file changed", "The file has changed since it was indexed: press “Refresh changed files” below."),
}
SORTED_COLUMNS = {
    "title": "Title",
    "kind": "Kind",
    "date": "Date",
    "length": "Characters",
    "passages": "Passages",
    "masked": "Masked",
}
NUMBER_COLUMNS = ("length", "passages", "masked")


def listing_html(
    documents: Sequence[DocumentSummary], listing: Listing, readonly: bool, facts: DocumentFacts = NO_FACTS
) -> str:
    """Return a page of the documents that fit, with the facets that they can be narrowed by."""
    shared_hashes = hashes_of_several(documents)
    matching = [summary for summary in documents if _fits(summary, listing.query)]
    facets = Counter(facet for summary in matching for facet in _facets(summary, shared_hashes))
    fitting = [summary for summary in matching if not listing.facet or listing.facet in _facets(summary, shared_hashes)]
    if listing.sort in SORTED_COLUMNS:
        fitting.sort(key=lambda summary: _sort_value(summary, listing.sort, facts), reverse=listing.descending)
    first = listing.page * ON_A_PAGE
    page = fitting[first : first + ON_A_PAGE]
    narrowed = f"{count(len(fitting), 'document')} of {len(documents):,}" if len(fitting) < len(documents) else ""
    return element(
        "section",
        _facet_buttons(facets, listing),
        element("p", escaped(narrowed or count(len(documents), "document")), class_="pc-note", role="status"),
        _several(readonly),
        _rows(page, readonly, listing, facts),
        _pages(len(fitting), listing),
        aria_label="Documents",
    )


def _fits(summary: DocumentSummary, query: str) -> bool:
    text = f"{summary.id} {summary.title or ''}".casefold()
    return all(word in text for word in query.casefold().split())


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


def _sort_value(summary: DocumentSummary, column: str, facts: DocumentFacts) -> str | float:
    values: dict[str, str | float] = {
        "title": _title(summary).casefold(),
        "kind": _kind(summary),
        "date": facts.dates.get(summary.id, ""),
        "length": summary.length,
        "passages": summary.chunks,
        "masked": summary.masked_share,
    }
    return values[column]


def _title(summary: DocumentSummary) -> str:
    return one_line(summary.title or "") or summary.id


def _kind(summary: DocumentSummary) -> str:
    return PurePath(summary.source_path or "").suffix.lower().removeprefix(".")


def _several(readonly: bool) -> str:
    """Return the bar for the documents that are ticked; the browser shows it and fills in their number."""
    remove = "" if readonly else action("Remove", {"several": "remove"}, data_sure="yes")
    ask = action("Ask only these", {"several": "ask"})
    clear = action("Clear", {"several": "clear"})
    return element(
        "div", element("span", class_="pc-picked"), ask, remove, clear, class_="pc-controls pc-several", hidden=""
    )


def _rows(summaries: Sequence[DocumentSummary], readonly: bool, listing: Listing, facts: DocumentFacts) -> str:
    if not summaries:
        return element("p", "No document fits.")
    heads = [_head(name, words, listing) for name, words in SORTED_COLUMNS.items()]
    heads.insert(0, element("th", element("span", "Choose", class_="pc-hidden"), scope="col"))
    heads.append(element("th", element("span", "Actions", class_="pc-hidden"), scope="col"))
    states = facts.states_of(summaries)
    rows = (_row(item, readonly, facts.dates.get(item.id, ""), states.get(item.id, "")) for item in summaries)
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *heads)),
            element("tbody", *rows),
            class_="pc-table pc-list",
        ),
        class_="pc-wide",
    )


def _head(name: str, words: str, listing: Listing) -> str:
    """Return the head of a column, which sorts by it: numbers and dates the largest first."""
    is_sorted = listing.sort == name
    descending = not listing.descending if is_sorted else name in (*NUMBER_COLUMNS, "date")
    order = ("descending" if listing.descending else "ascending") if is_sorted else None
    button = action(words, {"sort": name, "descending": descending}, "pc-sort")
    names = ["pc-number"] if name in NUMBER_COLUMNS else []
    names += ["pc-extra"] if name != "title" else []
    return element("th", button, scope="col", class_=" ".join(names) or None, aria_sort=order)


def _row(summary: DocumentSummary, readonly: bool, date: str, state: str) -> str:
    title = _title(summary)
    title_button = action(title, {"open": summary.id}, "pc-open", dir="auto")
    name = element("span", isolated(summary.id), class_="pc-name") if summary.title else ""
    words, reason = STATE_WORDS.get(state, ("", ""))
    noted = element("span", words, class_="pc-state", title=reason) if words else ""
    pick = field(type="checkbox", data_pick=summary.id, aria_label=f"Choose {title}")
    cells = [
        element("td", pick, class_="pc-pick"),
        element("th", title_button, name, noted, scope="row"),
        element("td", isolated(_kind(summary)), class_="pc-extra"),
        element("td", isolated(one_line(date)), class_="pc-extra pc-short"),
        element("td", f"{summary.length:,}", class_="pc-number pc-extra"),
        element("td", f"{summary.chunks:,}", class_="pc-number pc-extra"),
        element("td", f"{summary.masked_share:.0%}", class_="pc-number pc-extra", title=_unsearched(summary)),
    ]
    actions = ask_button(summary.id, "Ask", f"Ask only {title}"), "" if readonly else remove_button(summary.id)
    return element("tr", *cells, element("td", *actions, class_="pc-row-actions"))


def _unsearched(summary: DocumentSummary) -> str | None:
    """Return what of a document is not searched: its masked shares by reason, and the parts left out."""
    masked = f"Masked: {masked_shares(summary)}. " if summary.masked else ""
    return (masked + (f"Not in the text: {summary.left_out}." if summary.left_out else "")).strip() or None


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
