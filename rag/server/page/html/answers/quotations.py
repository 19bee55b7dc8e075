"""Turns one quotation into HTML: its words, their place, and buttons to show, widen and copy them."""

from rag.core.citations import Citation
from rag.core.response import Answer, Response
from rag.evidence.citation_link import link_to
from rag.server.page.html.answers.citation_styles import CITATION_STYLES, cited
from rag.server.page.html.answers.explanation import explanation_html
from rag.server.page.html.labels import LEVEL_WORDS, POLARITY_LABELS, percent, place_words, title_words
from rag.server.page.html.line_breaks import flowing, is_of_page, shown_sentence
from rag.server.page.html.markup import element, escaped, isolated, one_line

ACTION_NAMES = {"answers": "answer", "possible": "possible answer", "closest": "passage"}
"""Names of the groups of quotations, as a screen reader says them with a rank."""


def quotation(answer: Answer, marked_tag: str) -> str:
    """Return a quotation inside its context, with exactly the quotation in an element of class `pc-quote`.

    An answer inside a sentence is strong in it, and the sentence is marked. The parts before and after are elements
    of their own, so that more of the source can be shown in them. Line breaks of the layout are shown as blanks.
    """
    start, end = answer.context_offset
    inside = answer.answer_type == "span" and marked_tag == "mark"
    before, words, after = (
        flowing(answer.context, is_of_page(answer), low, high)
        for low, high in ((0, start), (start, end), (end, len(answer.context)))
    )
    sentence = " pc-sentence" if inside else ""
    return element(
        "blockquote",
        element("span", before, class_=f"pc-before{sentence}"),
        element(marked_tag, words, class_="pc-quote pc-strong" if inside else "pc-quote"),
        element("span", after, class_=f"pc-after{sentence}"),
        dir="auto",
    )


def source_line_html(citation: Citation) -> str:
    """Return title, author, publisher, date and place in a line, with a link if the source has a web address."""
    source = citation.source
    facts = [source.author, source.publisher, source.published_at]
    parts = [
        element("cite", isolated(title_words(citation))),
        *(isolated(one_line(part)) for part in facts if part),
        element("span", escaped(place_words(citation)), class_="pc-place"),
        original_link(citation),
    ]
    # No line ends with a dot.
    return element("p", " ·\u00a0".join(part for part in parts if part), class_="pc-source-line")


def proof(citation: Citation) -> str:
    """Return the document, the offsets and the hash of a citation, for paper: on the screen they are under Verified."""
    span = citation.span
    words = f"{span.document_id}, characters {span.start:,} to {span.end:,}, SHA-256 {citation.content_sha256}"
    return element("p", isolated(words), class_="pc-proof")


def original_link(citation: Citation) -> str:
    """Return a link to the quotation in the original, empty if it has no web address."""
    # Only web addresses: a source must not be able to offer `javascript:` to be clicked.
    address = citation.to_dict()["url_fragment"]
    if address is None:
        return ""
    return element("a", "original", href=address, target="_blank", rel="noopener noreferrer")


def actions(answer: Answer, group: str) -> str:
    """Return the buttons of a quotation: show it, show more around it, copy it."""
    name = f"{ACTION_NAMES[group]} {answer.rank}"
    wider = f"More context of {name}: a sentence on each side"
    return "".join(
        (
            show_button("Show in source", group, answer.rank, 0, f"Show in source: {name}"),
            element("button", "More context", type="button", data_widen=f"{group}/{answer.rank}/0", aria_label=wider),
            _copy_button("Copy quote", shown_sentence(answer)),
            _copy_button("Copy citation", cited(answer)),
            _more(answer, group, name),
        )
    )


def polarity_html(answer: Answer) -> str:
    """Return words that say how the sentence stands to the question, empty if it affirms it."""
    words = POLARITY_LABELS[answer.polarity]
    return element("p", escaped(words), class_=f"pc-polarity pc-{answer.polarity}") if words else ""


def continuation_html(answer: Answer) -> str:
    """Return in words that the source goes on with a contrast or a condition, empty if it does not."""
    if answer.continues is None:
        return ""
    marker, text = answer.continues
    following = element("q", escaped(one_line(text)), dir="auto")
    words = ("The source goes on with “", element("strong", isolated(marker)), "”: ", following)
    return element("p", *words, class_="pc-continues")


def confidence(answer: Answer, threshold: float | None) -> str:
    """Return the confidence as a bar, in words and as a figure; a tick on the bar is the threshold of an answer."""
    words, figure = LEVEL_WORDS[answer.confidence_level], percent(answer.confidence)
    needed = "" if threshold is None else f" An answer needs {percent(threshold)}: the tick on the bar."
    tick = "" if threshold is None else f"; --threshold: {threshold * 100:.1f}%"
    bar = element(
        "span",
        class_="pc-meter" if threshold is None else "pc-meter pc-ticked",
        style=f"--share: {answer.confidence * 100:.1f}%{tick}",
        aria_hidden="true",
    )
    return element(
        "span",
        bar,
        element("span", f"{words}, "),
        element("span", figure, class_="pc-figure"),
        class_=f"pc-confidence pc-{answer.confidence_level.replace('_', '-')}",
        title=f"{figure}: how likely this quotation answers the question.{needed}",
    )


def threshold_of(response: Response) -> float | None:
    """Return the confidence that an answer of this response needs, None if that is not known."""
    if response.no_answer is not None:
        return response.no_answer.threshold
    return (response.explain or {}).get("threshold")


def show_button(words: str, group: str, rank: int, place: int, label: str) -> str:
    """Return a button that opens a citation in its source; the address is that of `source_view.shown_by`."""
    opens = {"data_show": f"{group}/{rank}/{place}", "aria_label": label, "aria_expanded": "false"}
    return element("button", escaped(words), type="button", **opens)


def explained(response: Response, answer: Answer) -> str:
    """Return the folded panel that tells how this quotation was found, empty if the response has no explanation."""
    panel = explanation_html(response, answer)
    if not panel:
        return ""
    return element("details", element("summary", "Explain"), panel, class_="pc-explain")


def watch_button(watched: bool | None) -> str:
    """Return the button that keeps asking the question as documents change, empty if that is not possible."""
    if watched is None:
        return ""
    words, state = ("Watched", "true") if watched else ("Keep watching", "false")
    title = "Asked again when documents change; see Watched."
    return element("button", words, type="button", class_="pc-watch", data_watch="", aria_pressed=state, title=title)


def _copy_button(words: str, text: str) -> str:
    return element("button", words, type="button", data_copy=text)


def _more(answer: Answer, group: str, name: str) -> str:
    """Return the folded buttons for rarer copies: the words alone, a link, and the citation in each style."""
    words_alone = _copy_button("Copy answer", answer.answer) if answer.answer != answer.context else ""
    link = element(
        "button",
        "Copy link",
        type="button",
        data_link=f"{group}/{answer.rank}/0",
        aria_label=f"Copy link to {name}",
        title="Asks the question again and opens the source.",
    )
    lasting = element(
        "button",
        "Copy lasting link",
        type="button",
        data_lasting=link_to(answer.citation).query(),
        aria_label=f"Copy lasting link to {name}",
        title="Finds the quotation again after the document has changed.",
    )
    styles = [_copy_button(style, write(answer)) for style, write in CITATION_STYLES.items()]
    cite = element("span", "Cite as ", *styles, role="group", aria_label=f"Cite {name} as", class_="pc-styles")
    summary = element("summary", "More", aria_label=f"More to copy of {name}")
    return element("details", summary, words_alone, link, lasting, cite, class_="pc-more")
