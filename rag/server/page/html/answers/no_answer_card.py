"""Turns a no-answer and other messages into cards: the reason, possible answers, missing words, closest passages."""

from rag.core.response import Answer, NoAnswer, NoAnswerReason, Response
from rag.server.page.html.answers.quotations import (
    actions,
    confidence,
    continuation_html,
    explained,
    polarity_html,
    proof,
    quotation,
    source_line_html,
    threshold_of,
    watch_button,
)
from rag.server.page.html.labels import percent
from rag.server.page.html.markup import element, escaped, isolated, one_line

HEADLINES: dict[NoAnswerReason, str] = {
    "empty_question": "No question yet",
    "empty_index": "No documents yet",
    "needs_context": "A question that needs an earlier one",
    "filtered_out": "No answer in the documents chosen",
    "no_match": "No answer in these documents",
    "low_confidence": "No answer in these documents",
}
UNSURE_HEADLINE = "No sure answer in these documents"
REMEDIES: dict[NoAnswerReason, str] = {
    "empty_question": "Type one above and press Enter.",
    "empty_index": "Add some under Documents, or in a terminal: rag index PATH",
    "needs_context": "Say who or what you mean.",
    "filtered_out": "Choose more documents.",
    "no_match": "Ask in other words.",
    "low_confidence": "Ask in other words, or read the closest passage.",
}


def no_answer_html(response: Response, refusal: NoAnswer, watched: bool | None = None) -> str:
    """Return the card of a no-answer: possible answers are marked as unsure, and nothing as an answer.

    `watched` is as in `response_html`.
    """
    headline = UNSURE_HEADLINE if refusal.possible else HEADLINES[refusal.reason]
    words = f"{refusal.message} {REMEDIES[refusal.reason]}"
    unsure = f" Possible answer, unsure: {one_line(refusal.possible[0].answer)}" if refusal.possible else ""
    question = one_line(response.question)
    missing_terms = ", ".join(refusal.missing_terms)
    missing = f" Not found in any document: {missing_terms}." if missing_terms else ""
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", "Asked: ", element("q", escaped(question), dir="auto"), class_="pc-note") if question else "",
        element("p", escaped(words)),
        _missing("Not found in any document", refusal.missing_terms),
        _missing("Only in text that was skipped", refusal.skipped_terms),
        _figures(refusal),
        element("p", watch_button(watched), class_="pc-response-tools") if question and watched is not None else "",
        _possible(response, refusal),
        _closest(response, refusal),
        class_="pc-card pc-none",
        aria_label="No answer",
        data_question=response.question,
        data_response=response.response_id,
        data_announce=f"{headline}. {words}{missing}{unsure}",
    )


def message_html(headline: str, remedy: str, kind: str = "error") -> str:
    """Return a card with a problem and its remedy; `kind` is `error`, `waiting` or `done`."""
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", escaped(remedy)),
        class_=f"pc-card pc-{kind}",
        data_announce=f"{headline} {remedy}",
    )


def _missing(label: str, terms: tuple[str, ...]) -> str:
    if not terms:
        return ""
    words = ", ".join(element("strong", isolated(term)) for term in terms)
    return element("p", f"{label}: {words}", class_="pc-missing")


def _figures(refusal: NoAnswer) -> str:
    if refusal.best_confidence is None or refusal.threshold is None:
        return ""
    best, threshold = percent(refusal.best_confidence), percent(refusal.threshold)
    return element("p", f"The best candidate scored {best}; answers need {threshold}.", class_="pc-note")


def _possible(response: Response, refusal: NoAnswer) -> str:
    """Return the list of possible answers, each with the word unsure and its doubts."""
    items = [element("li", _possible_answer(response, answer)) for answer in refusal.possible]
    return element("ol", *items, class_="pc-possible", aria_label="Possible answers, unsure") if items else ""


def _possible_answer(response: Response, answer: Answer) -> str:
    return element(
        "article",
        element("h3", "Possible answer ", element("span", "unsure", class_="pc-unsure"), class_="pc-possible-head"),
        polarity_html(answer),
        quotation(answer, marked_tag="span"),
        continuation_html(answer),
        source_line_html(answer.citation),
        proof(answer.citation),
        _doubts(answer),
        element("div", actions(answer, "possible"), class_="pc-actions"),
        element("div", confidence(answer, threshold_of(response)), explained(response, answer), class_="pc-judged"),
        aria_label=f"Possible answer {answer.rank}, unsure",
    )


def _doubts(answer: Answer) -> str:
    if not answer.doubts:
        return ""
    items = element("ul", *(element("li", escaped(one_line(doubt.text))) for doubt in answer.doubts))
    return element("div", element("p", "Doubts about it"), items, class_="pc-doubts")


def _closest(response: Response, refusal: NoAnswer) -> str:
    """Return the closest passage, open, and the others folded."""
    if not refusal.closest:
        return ""
    first, *others = refusal.closest
    heading = element("h3", "Closest passage (not an answer)", class_="pc-possible-head")
    top = element("article", heading, _passage(response, first), aria_label="Closest passage")
    items = [element("li", _passage(response, passage)) for passage in others]
    several = f"{len(items)} more passages (not answers)"
    summary = several if len(items) > 1 else "One more passage (not an answer)"
    folded = element("details", element("summary", summary), element("ul", *items)) if items else ""
    return element("div", top, folded, class_="pc-closest")


def _passage(response: Response, passage: Answer) -> str:
    return "".join(
        (
            quotation(passage, marked_tag="span"),
            source_line_html(passage.citation),
            element("div", actions(passage, "closest"), class_="pc-actions"),
            element("div", explained(response, passage), class_="pc-judged"),
        )
    )
