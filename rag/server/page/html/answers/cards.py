"""Turns a response into HTML: quotation cards, side by side if the sources differ, every text escaped."""

from collections.abc import Sequence

from rag.answering.feedback import VERDICTS
from rag.answering.relations.agreement import relation, statement_of
from rag.core.citations import Citation
from rag.core.response import Answer, IndexInfo, Response
from rag.server.files.original_files import EVIDENCE_ADDRESS
from rag.server.page.html.answers.no_answer_card import no_answer_html
from rag.server.page.html.answers.quotations import (
    actions,
    confidence,
    continuation_html,
    explained,
    polarity_html,
    proof,
    quotation,
    show_button,
    source_line_html,
    threshold_of,
    watch_button,
)
from rag.server.page.html.labels import LEVEL_WORDS, count, place_words, title_words
from rag.server.page.html.markup import element, escaped, isolated, one_line

EXPORTS = {"markdown": "Markdown", "json": "JSON", "bibtex": "BibTeX"}


def response_html(response: Response, judged: bool = False, watched: bool | None = None) -> str:
    """Return the cards of a response. `data-announce` of the root is the text for a screen reader.

    With `judged` each card asks whether it is right. `watched` tells whether the question is a standing one, None if
    it cannot be.
    """
    if response.no_answer is not None:
        return no_answer_html(response, response.no_answer, watched)
    number_of_answers = count(len(response.answers), "answer")
    best = response.answers[0]
    differ = bool(response.agreement.get("differ"))
    announced = f"{number_of_answers}, best: {one_line(best.answer)} — {LEVEL_WORDS[best.confidence_level]}"
    return element(
        "section",
        element(
            "h2",
            number_of_answers,
            element("span", " to ", element("q", escaped(one_line(response.question)), dir="auto"), class_="pc-to"),
            class_="pc-asked",
        ),
        element(
            "p", "Quoted word for word. ", watch_button(watched), _exports(response), class_="pc-note pc-response-tools"
        ),
        element("p", response.withheld_note, class_="pc-note") if response.withheld_note else "",
        _side_by_side(response, judged) if differ else _listed(response, response.answers, judged),
        class_="pc-response",
        aria_label="Answers",
        data_question=response.question,
        data_response=response.response_id,
        data_announce=f"{announced}. The sources differ." if differ else announced,
    )


def sides(response: Response) -> list[list[Answer]]:
    """Return the answers that another contradicts, grouped by statement: the newest date first, ties by rank.

    Answers that nothing contradicts are on no side, though the response as a whole differs.
    """
    by_rank = {answer.rank: answer for answer in response.answers}
    grouped = [[by_rank.pop(rank) for rank in group if rank in by_rank] for group in response.agreement["groups"]]
    groups = [group for group in grouped if group] + [[answer] for answer in by_rank.values()]
    statements = [[statement_of(answer) for answer in group] for group in groups]

    def contradicted(place: int) -> bool:
        others = (one for at, group in enumerate(statements) if at != place for one in group)
        return any(relation(response.question, mine, one) == "differ" for one in others for mine in statements[place])

    contradicted_groups = [group for place, group in enumerate(groups) if contradicted(place)]
    by_best = sorted(contradicted_groups, key=lambda group: min(answer.rank for answer in group))
    return sorted(by_best, key=_newest, reverse=True)


def _listed(response: Response, answers: Sequence[Answer], judged: bool) -> str:
    return element("ol", *(_answer(response, answer, judged) for answer in answers), class_="pc-answers")


def _side_by_side(response: Response, judged: bool) -> str:
    all_sides = sides(response)
    if len(all_sides) < 2:
        return _listed(response, response.answers, judged)
    columns = [
        element(
            "section",
            element("h3", isolated(_newest(side) or "No date known"), class_="pc-date"),
            _listed(response, side, judged),
            class_="pc-side",
        )
        for side in all_sides
    ]
    words = element("p", "The sources differ. Shown side by side, newest first.", class_="pc-differ")
    ranks = {answer.rank for side in all_sides for answer in side}
    rest = [answer for answer in response.answers if answer.rank not in ranks]
    below = element("h3", "Also found", class_="pc-date") + _listed(response, rest, judged) if rest else ""
    return words + element("div", *columns, class_="pc-sides") + below


def _newest(side: Sequence[Answer]) -> str:
    return max((one_line(answer.citation.source.published_at or "") for answer in side), default="")


def _exports(response: Response) -> str:
    buttons = [
        element("button", words, type="button", data_export=form, aria_label=f"Save the answers as {words}")
        for form, words in EXPORTS.items()
    ]
    address = f".{EVIDENCE_ADDRESS}?response={response.response_id}"
    pack = element("a", "Evidence (.zip)", href=address)
    return element("span", "Save as ", *buttons, pack, class_="pc-exports")


def _answer(response: Response, answer: Answer, judged: bool) -> str:
    citation = answer.citation
    parts = [
        element("span", str(answer.rank), class_="pc-rank", aria_hidden="true"),
        polarity_html(answer),
        quotation(answer, marked_tag="mark"),
        continuation_html(answer),
        source_line_html(citation),
        proof(citation),
        _headings(citation),
        _agrees(response, answer),
        _also_in(answer),
        element("div", actions(answer, "answers"), class_="pc-actions"),
        element(
            "div",
            confidence(answer, threshold_of(response)),
            _verified(citation, response.index),
            explained(response, answer),
            _feedback(answer) if judged else "",
            class_="pc-judged",
        ),
    ]
    return element("li", element("article", *parts, class_="pc-card", aria_label=f"Answer {answer.rank}"))


def _headings(citation: Citation) -> str:
    path = " › ".join(isolated(one_line(heading)) for heading in citation.place.headings)
    return element("p", f"Under {path}", class_="pc-headings") if path else ""


def _agrees(response: Response, answer: Answer) -> str:
    """Return in words which other answers say the same, as the response found."""
    groups = [group for group in response.agreement.get("groups", ()) if answer.rank in group]
    others = [str(rank) for group in groups[:1] for rank in group if rank != answer.rank]
    if not others:
        return ""
    return element("p", f"Says the same as {' and '.join(others)}", class_="pc-agrees")


def _also_in(answer: Answer) -> str:
    if not answer.also_in:
        return ""
    items = []
    for number, citation in enumerate(answer.also_in, start=1):
        where = f"{title_words(citation)}, {place_words(citation)}"
        date = f", {one_line(citation.source.published_at)}" if citation.source.published_at else ""
        button = show_button("Show", "answers", answer.rank, number, f"Show the same words in {where}")
        items.append(element("li", isolated(where + date), " ", button))
    documents = len({citation.span.document_id for citation in answer.also_in} - {answer.citation.span.document_id})
    summary = f"Also in {count(documents, 'document')}" if documents else f"Also {count(len(items), 'time')} here"
    return element("details", element("summary", summary), element("ul", *items), class_="pc-also")


def _verified(citation: Citation, index: IndexInfo) -> str:
    span = citation.span
    checks = [
        f"Characters {span.start:,} to {span.end:,} of {isolated(span.document_id)} are this quotation, exactly.",
        f"The document is the one that was indexed: SHA-256 {element('code', citation.content_sha256)}",
        f"Both were checked for this response, against version {index.version:,} of the index.",
    ]
    items = element("ul", *(element("li", check) for check in checks))
    return element("details", element("summary", "✓ Verified"), items, class_="pc-verified")


def _feedback(answer: Answer) -> str:
    buttons = [
        element("button", escaped(words), type="button", data_verdict=f"{answer.rank}/{verdict}", aria_pressed="false")
        for verdict, words in VERDICTS.items()
    ]
    group = element("div", *buttons, role="group", aria_label=f"Answer {answer.rank} is", class_="pc-verdicts")
    return element("details", element("summary", "Rate this answer"), group, class_="pc-feedback")
