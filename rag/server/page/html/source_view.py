"""Turns a document into HTML with a quotation marked where it stands: by its offsets, never by searching for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from rag.chunking.blocks import blocks
from rag.core.citations import Citation
from rag.core.errors import InvalidInput
from rag.core.response import Answer, Response
from rag.core.types import Block, Document, Mask, Span
from rag.loading.pages.pdf_originals import has_pages
from rag.server.page.html.answers.quotations import original_link
from rag.server.page.html.documents.document_views import ignored
from rag.server.page.html.labels import count, place_words, title_words
from rag.server.page.html.markup import (
    LineNumbers,
    Mark,
    attributes,
    element,
    escaped,
    field,
    isolated,
    marked,
    one_line,
)
from rag.server.page.html.page_view import close_button, tabs

ASK_AGAIN = "Ask the question again."
MARK_WORDS = {
    "answers": "This answer",
    "possible": "A possible answer, unsure",
    "closest": "This passage, not an answer",
    "linked": "The quotation of the link",
    "changed": "The present words",
}
"""The name of the quotation of each group in its source."""
LONGEST_WHOLE = 200_000
"""Code points of a document that is shown whole; of a longer one, this many around the quotation."""
LONGEST_PART = 100_000
"""Code points of each further part of a longer one."""
MAX_OUTLINE_HEADINGS = 400
MIN_OUTLINE_HEADINGS = 3
MAX_OUTLINE_LEVEL = 4
LINE_SLACK = 2_000
"""How far the edge of a window is moved to begin and end with a line."""

Layers: TypeAlias = tuple[list[Mark], ...]
"""Marks of the sentence, the quotation, other answers, ignored parts and headings, the outermost first."""


@dataclass(frozen=True)
class Rest:
    """A part of a long document that is not shown yet, on one side of what is, and how far it is wanted at least."""

    side: str
    start: int
    end: int
    target: int | None = None


@dataclass(frozen=True)
class Shown:
    """What a reader asked to see: one citation, and the other answers of the response, by rank."""

    citation: Citation
    group: str
    others: tuple[tuple[int, Span], ...]
    sentence: Span | None = None
    """The sentences around the quotation, if they are known."""


def shown_by(response: Response | None, address: str) -> Shown:
    """Return what `address` names in a response.

    An address is `GROUP/RANK/PLACE` with the group `answers`, `possible` or `closest`. Place 0 is the citation itself,
    n the n-th of `also_in`. Raises InvalidInput if it names nothing.
    """
    if response is None:
        raise InvalidInput("This answer is no longer at hand.", ASK_AGAIN)
    group, _, numbers = address.partition("/")
    rank, _, place = numbers.partition("/")
    answers = answers_of(response, group)
    citations = {
        (str(answer.rank), str(number)): citation
        for answer in answers
        for number, citation in enumerate((answer.citation, *answer.also_in))
    }
    citation = citations.get((rank, place))
    if citation is None:
        raise InvalidInput(f"There is no answer {address!r} on this page.", ASK_AGAIN)
    others = tuple((answer.rank, answer.citation.span) for answer in response.answers if str(answer.rank) != rank)
    by_rank = {str(answer.rank): answer for answer in answers}
    return Shown(citation, group, others, by_rank[rank].context_span if place == "0" else None)


def answers_of(response: Response, group: str) -> tuple[Answer, ...]:
    """Return the quotations of a group of the page: `answers`, `possible` or `closest`."""
    refusal = response.no_answer
    unsure = {"possible": refusal.possible, "closest": refusal.closest} if refusal else {}
    return {"answers": response.answers, **unsure}.get(group, ())


def quoted_document(document: Document | None, shown: Shown) -> Document:
    """Return the document. Raises InvalidInput if it is gone, or if its text is not the one that was quoted."""
    if document is None or document.text_sha256 != shown.citation.content_sha256:
        raise InvalidInput("The document has changed since it was quoted, or was removed.", ASK_AGAIN)
    return document


def source_html(
    document: Document | None,
    masks: Sequence[Mask],
    shown: Shown,
    occasion: int = 0,
    named: tuple[str, str] = ("", ""),
    note: str = "",
) -> str:
    """Return the document with the quotation, the other answers in it and the masked parts, each marked.

    `occasion` is another number at each showing: the page scrolls to the quotation whenever it changes. With `named`,
    the response and the address of the citation, the pages of a PDF come first, in a tab that the browser fills.
    `note` is HTML above the text. Raises InvalidInput for another text than the one quoted: a mark in it would stand in
    the wrong place.
    """
    document = quoted_document(document, shown)
    title, is_pdf = title_words(shown.citation), has_pages(document) and any(named)
    text = _text(document, masks, shown, closing=not is_pdf)
    return element(
        "section",
        _heading(document, shown, title),
        note,
        tabs(text, *named) if is_pdf else text,
        class_="pc-source",
        aria_label="Source",
        data_shown=str(occasion),
        data_announce=f"Source: {title}, {place_words(shown.citation)}",
    )


def _text(document: Document, masks: Sequence[Mask], shown: Shown, closing: bool) -> str:
    """Return the marked text of a document with its controls; with a button that closes the source if `closing`."""
    start, end = window(document.text, shown.citation.span)
    headings = outline(document)
    layers = _layers(document, masks, shown, headings)
    body, name = _body(document, layers, start, end), "Text of the document"
    region = element("div", body, class_="pc-text", tabindex="0", role="region", aria_label=name, translate="no")
    return "".join(
        (
            _controls(layers, closing),
            _legend(shown, layers),
            _outline_html([(document.slice(heading.span), heading) for heading in headings]),
            _rest("before", 0, start),
            element("div", region, element("div", class_="pc-map", aria_hidden="true"), class_="pc-text-frame"),
            _rest("after", end, len(document.text)),
        )
    )


def rest_html(document: Document | None, masks: Sequence[Mask], shown: Shown, asked: "Rest") -> tuple[str, str]:
    """Return the next part of a long document, and a button for what is still left on that side.

    Raises InvalidInput as `source_html`, and for a range outside the document.
    """
    document = quoted_document(document, shown)
    if asked.side not in ("before", "after") or not 0 <= asked.start <= asked.end <= len(document.text):
        raise InvalidInput("This part of the document cannot be shown.", ASK_AGAIN)
    layers = _layers(document, masks, shown, outline(document))
    if asked.side == "after":
        wanted = max(asked.start, asked.target or 0) + LONGEST_PART
        end = _line_end(document.text, min(asked.end, wanted), asked.end)
        return _body(document, layers, asked.start, end), _rest("after", end, asked.end)
    wanted = min(asked.end, asked.end if asked.target is None else asked.target) - LONGEST_PART
    start = _line_start(document.text, max(asked.start, wanted))
    return _body(document, layers, start, asked.end), _rest("before", asked.start, start)


def outline(document: Document) -> list[Block]:
    """Return the headings of a document, in order; of a document with very many, the first."""
    headings = (block for block in blocks(document) if block.kind == "heading" and block.reason is None)
    return list(islice(headings, MAX_OUTLINE_HEADINGS))


def window(text: str, quote: Span) -> tuple[int, int]:
    """Return the range of `text` that is shown: all of it, or about `LONGEST_WHOLE` around the quotation.

    Its edges are moved outwards to the next line end if one is near.
    """
    if len(text) <= LONGEST_WHOLE:
        return 0, len(text)
    spare = max(0, LONGEST_WHOLE - len(quote)) // 2
    start, end = max(0, quote.start - spare), min(len(text), quote.end + spare)
    return _line_start(text, start), _line_end(text, end, len(text))


def _line_start(text: str, start: int) -> int:
    return text.rfind("\n", max(0, start - LINE_SLACK), start) + 1 or start


def _line_end(text: str, end: int, limit: int) -> int:
    return min(limit, text.find("\n", end, end + LINE_SLACK) + 1 or end)


def _layers(document: Document, masks: Sequence[Mask], shown: Shown, headings: Sequence[Block]) -> Layers:
    return _sentence(shown), _quotation(shown), _others(shown, document.id), ignored(masks), _headings(headings)


def _body(document: Document, layers: Layers, start: int, end: int) -> str:
    return marked(
        document.text, start, end, layers, LineNumbers(document.text, document.layout.pages, document.layout.lines)
    )


def _sentence(shown: Shown) -> list[Mark]:
    span = shown.sentence
    if span is None or span.document_id != shown.citation.span.document_id:
        return []
    return [Mark(span.start, span.end, f"<span{attributes(class_='pc-around')}>", "</span>")]


def _headings(headings: Sequence[Block]) -> list[Mark]:
    return [Mark(heading.span.start, heading.span.end, _heading_tag(heading), "</span>") for heading in headings]


def _heading_tag(heading: Block) -> str:
    place = attributes(class_="pc-head", data_at=str(heading.span.start), data_level=str(heading.level or 1))
    return f"<span{place}>"


def _outline_html(headings: Sequence[tuple[str, Block]]) -> str:
    """Return the folded list of the headings, empty if there are too few to need one."""
    if len(headings) < MIN_OUTLINE_HEADINGS:
        return ""
    items = [
        element(
            "li",
            element("button", isolated(one_line(words)), type="button", data_goto=str(heading.span.start)),
            style=f"--level: {min(MAX_OUTLINE_LEVEL, heading.level or 1)}",
        )
        for words, heading in headings
    ]
    summary = element("summary", escaped(f"Outline: {count(len(items), 'heading')}"))
    return element("details", summary, element("ol", *items), class_="pc-outline")


def _quotation(shown: Shown) -> list[Mark]:
    span = shown.citation.span
    what = MARK_WORDS[shown.group]
    tag = "span" if shown.group in ("possible", "closest") else "mark"
    opening = f"<{tag}{attributes(class_='pc-here', id='pc-here', data_mark='here', title=what)}>"
    return [Mark(span.start, span.end, opening, f"</{tag}>")]


def _others(shown: Shown, document_id: str) -> list[Mark]:
    spans = sorted((span.start, span.end, rank) for rank, span in shown.others if span.document_id == document_id)
    return [
        Mark(
            start, end, f"<mark{attributes(class_='pc-other', data_mark=str(rank), title=f'Answer {rank}')}>", "</mark>"
        )
        for start, end, rank in spans
    ]


def _heading(document: Document, shown: Shown, title: str) -> str:
    values = [document.known(key) for key in ("author", "publisher", "published_at")]
    facts = [isolated(one_line(fact)) for fact in (*values, document.id) if fact]
    place = shown.citation.place.editor_link
    return element(
        "header",
        element("h2", isolated(title), class_="pc-headline", tabindex="-1"),
        element("p", " · ".join([*facts, f"{len(document.text):,} characters"]), class_="pc-note"),
        element(
            "p",
            escaped(place_words(shown.citation)),
            " ",
            original_link(shown.citation),
            element("button", "Copy file and line", type="button", data_copy=place) if place else "",
            class_="pc-note pc-where",
        ),
    )


def _controls(layers: Layers, closing: bool) -> str:
    _, _, others, ignored, _ = layers
    steps = (
        element("button", "Previous (p)", type="button", data_scroll="previous", aria_keyshortcuts="p"),
        element("button", "Next (n)", type="button", data_scroll="next", aria_keyshortcuts="n"),
    )
    hide = element("button", "Hide ignored", type="button", data_ignored="hide", aria_pressed="false")
    return element(
        "div",
        element("button", "To the quotation", type="button", data_scroll="here", class_="pc-first"),
        *(steps if others else ()),
        hide if ignored else "",
        _search(),
        close_button() if closing else "",
        class_="pc-controls",
    )


def _search() -> str:
    """Return the box that finds words in the document; the browser searches the text that it shows."""
    box = field(type="search", aria_label="Find in this document", placeholder="Find in document", autocomplete="off")
    steps = (
        element("button", "↑", type="button", data_found="previous", aria_label="Previous place"),
        element("button", "↓", type="button", data_found="next", aria_label="Next place"),
    )
    return element("span", box, element("output", class_="pc-found"), *steps, class_="pc-find-in", role="search")


def _legend(shown: Shown, layers: Layers) -> str:
    _, _, others, ignored, _ = layers
    keys = [
        ("here", MARK_WORDS[shown.group].lower()),
        ("other", "another answer" if others else ""),
        ("ignored", "ignored, with its reason" if ignored else ""),
    ]
    entries = [element("span", words, class_=f"pc-key pc-key-{key}") for key, words in keys if words]
    return element("p", "Marked: ", " ".join(entries), class_="pc-legend", aria_hidden="true")


def _rest(side: str, start: int, end: int) -> str:
    """Return a button that loads what is not shown yet, empty if all is shown."""
    if start >= end:
        return ""
    words = f"{end - start:,} characters {side} this are not shown. Show more"
    place = {"data_rest": side, "data_from": str(start), "data_to": str(end)}
    return element("button", escaped(words), type="button", class_="pc-rest pc-left-out", **place)
