"""Turns what became of a linked quotation into HTML: where it stands now, or the words then and now."""

from rag.answering.recheck import RecheckStatus
from rag.evidence.citation_link import LinkFate
from rag.server.page.html.answers.quotations import source_line_html
from rag.server.page.html.marked_words import with_differences
from rag.server.page.html.markup import element, isolated, one_line

LINK_HEADLINES: dict[RecheckStatus, str] = {
    "exact": "The quotation stands where it stood",
    "moved": "The quotation has moved",
    "changed": "The source has other words now",
    "gone": "The quotation is no longer in the documents",
}
LINK_WORDS: dict[RecheckStatus, str] = {
    "exact": "The document says this, word for word.",
    "moved": "The same words stand at another place now.",
    "changed": "The words that differ are marked.",
    "gone": "The document was removed, or nothing in it is like these words.",
}


def link_html(followed: LinkFate, button: bool = True) -> str:
    """Return a card with the quotation of a link then, and now if the words differ; `button` opens the source."""
    link, status, now = followed.link, followed.fate.status, followed.now
    headline = LINK_HEADLINES[status]
    parts = [element("h2", headline, class_="pc-headline"), element("p", LINK_WORDS[status], class_="pc-note")]
    if status == "changed" and now is not None:
        parts += [_version("Then", link.quote, followed.removed), _version("Now", now.quote, followed.added)]
    else:
        parts.append(element("blockquote", with_differences(link.quote, ()), dir="auto"))
    if now is not None:
        parts.append(source_line_html(now))
        shown = {"data_cited": link.query(), "aria_expanded": "false"}
        show = element("button", "Show in source", type="button", class_="pc-cited", **shown)
        parts.append(element("div", show, class_="pc-actions") if button else "")
    else:
        parts.append(element("p", "It was in ", isolated(one_line(link.document)), class_="pc-note"))
    return element(
        "section",
        *parts,
        class_=f"pc-card pc-link pc-link-{status}",
        aria_label="Linked quotation",
        data_announce=headline,
    )


def then_and_now(followed: LinkFate) -> str:
    """Return above a source what became of the quotation, empty if it stands where it stood."""
    status, now = followed.fate.status, followed.now
    if status == "exact" or now is None:
        return ""
    words = element("p", element("strong", LINK_HEADLINES[status]), class_="pc-note")
    if status == "moved":
        return element("div", words, class_="pc-then")
    then = _version("Then", followed.link.quote, followed.removed)
    return element("div", words, then, _version("Now", now.quote, followed.added), class_="pc-then")


def _version(label: str, text: str, ranges: tuple[tuple[int, int], ...]) -> str:
    quote = element("blockquote", with_differences(text, ranges), dir="auto")
    return element("div", element("p", label, class_="pc-version"), quote, class_=f"pc-{label.lower()}")
