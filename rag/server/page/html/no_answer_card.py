"""Turns a no-answer and other messages into cards: what is the matter, what is missing, what comes closest."""

from rag.core.response import NoAnswer, NoAnswerReason, Response
from rag.server.page.html.labels import percent
from rag.server.page.html.markup import element, escaped, isolated, one_line
from rag.server.page.html.quotations import actions, explained, quotation, source_line

HEADLINES: dict[NoAnswerReason, str] = {
    "empty_question": "No question yet",
    "empty_index": "No documents yet",
    "needs_context": "A question that needs what was said before",
    "filtered_out": "No answer in the documents chosen",
    "no_match": "No answer in these documents",
    "low_confidence": "No answer in these documents",
}
REMEDIES: dict[NoAnswerReason, str] = {
    "empty_question": "Type one above and press Enter.",
    "empty_index": "Add some under Documents, or in a terminal: rag index PATH",
    "needs_context": "Name what or whom you mean.",
    "filtered_out": "Choose more documents.",
    "no_match": "Ask in other words.",
    "low_confidence": "Ask in other words, or look at what comes closest.",
}


def no_answer_html(response: Response, refusal: NoAnswer) -> str:
    """Return the card of a no-answer: nothing on it is marked as an answer."""
    headline = HEADLINES[refusal.reason]
    words = f"{refusal.message} {REMEDIES[refusal.reason]}"
    asked = one_line(response.question)
    missing = ", ".join(refusal.missing_terms)
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", "Asked: ", element("q", escaped(asked), dir="auto"), class_="pc-note") if asked else "",
        element("p", escaped(words)),
        _missing(refusal.missing_terms),
        _figures(refusal),
        _closest(response, refusal),
        class_="pc-card pc-none",
        aria_label="No answer",
        data_question=response.question,
        data_response=response.response_id,
        data_announce=f"{headline}. {words}" + (f" In no document: {missing}." if missing else ""),
    )


def message_html(headline: str, remedy: str, kind: str = "error") -> str:
    """Return a card that says what is the matter and what to do; `kind` is `error`, `waiting` or `done`."""
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", escaped(remedy)),
        class_=f"pc-card pc-{kind}",
        data_announce=f"{headline} {remedy}",
    )


def _missing(terms: tuple[str, ...]) -> str:
    if not terms:
        return ""
    listed = ", ".join(element("strong", isolated(term)) for term in terms)
    return element("p", f"In no document: {listed}", class_="pc-missing")


def _figures(refusal: NoAnswer) -> str:
    if refusal.best_confidence is None or refusal.threshold is None:
        return ""
    best, asked = percent(refusal.best_confidence), percent(refusal.threshold)
    return element("p", f"Best confidence {best}; at least {asked} is asked for.", class_="pc-note")


def _closest(response: Response, refusal: NoAnswer) -> str:
    passages = refusal.closest
    if not passages:
        return ""
    items = [
        element(
            "li",
            quotation(passage, marked_tag="span"),
            source_line(passage.citation),
            element("div", actions(passage, "closest"), class_="pc-actions"),
            element("div", explained(response, passage), class_="pc-judged"),
        )
        for passage in passages
    ]
    several = f"The closest {len(passages)} passages, which are not answers"
    summary = several if len(passages) > 1 else "The closest passage, which is not an answer"
    return element("details", element("summary", summary), element("ul", *items), class_="pc-closest")
