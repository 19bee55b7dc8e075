"""Turns a response into HTML: quotation cards, the no-answer card, messages. Every text from outside is escaped."""

from rag.response import Answer, Citation, ConfidenceLevel, IndexInfo, NoAnswer, NoAnswerReason, Response
from rag.ui.markup import element, escaped, isolated, one_line

LEVEL_WORDS: dict[ConfidenceLevel, str] = {
    "very_high": "Very high confidence",
    "high": "High confidence",
    "medium": "Medium confidence",
    "low": "Low confidence",
}
HEADLINES: dict[NoAnswerReason, str] = {
    "empty_question": "No question yet",
    "empty_index": "No documents yet",
    "filtered_out": "No answer in the documents chosen",
    "no_match": "No answer in these documents",
    "low_confidence": "No answer in these documents",
}
REMEDIES: dict[NoAnswerReason, str] = {
    "empty_question": "Type one above and press Enter.",
    "empty_index": "Add documents: rag index PATH",
}


def response_html(response: Response) -> str:
    """Return the cards of a response. The root names what a screen reader is told (`data-announce`)."""
    if response.no_answer is not None:
        return _no_answer(response, response.no_answer)
    said = _count(len(response.answers), "answer")
    best = response.answers[0]
    announcement = f"{said}, best: {one_line(best.answer)} — {LEVEL_WORDS[best.confidence_level]}"
    return element(
        "section",
        element("h2", f"{said} to ", element("q", escaped(one_line(response.question)), dir="auto"), class_="pc-asked"),
        element("p", "Exact words of the sources, nothing added.", class_="pc-note"),
        element("ol", *(_answer(answer, response.index) for answer in response.answers), class_="pc-answers"),
        class_="pc-response",
        aria_label="Answers",
        data_announce=announcement,
    )


def message_html(headline: str, remedy: str, kind: str = "error") -> str:
    """Return a card that says what is the matter and what to do; `kind` is `error` or `waiting`."""
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", escaped(remedy)),
        class_=f"pc-card pc-{kind}",
        data_announce=f"{headline} {remedy}",
    )


def source_words(citation: Citation) -> str:
    """Return title, author, publisher, date, place and address of a citation as plain text in one line."""
    source = citation.source
    known = [source.author, source.publisher, source.published_at, place_words(citation), source.uri]
    return ", ".join([title_words(citation), *(one_line(part) for part in known if part)])


def title_words(citation: Citation) -> str:
    """Return the title of the document cited, its id where it has none."""
    return one_line(citation.source.title or "") or citation.span.document_id


def place_words(citation: Citation) -> str:
    """Return page and lines of a citation, all counted from 1: `line 17`, `lines 17–19`, `page 3, line 2`."""
    place = citation.place
    lines = f"line {place.line_start:,}"
    if place.line_end > place.line_start:
        lines = f"lines {place.line_start:,}–{place.line_end:,}"
    return lines if place.page_number is None else f"page {place.page_number:,}, {lines}"


def _answer(answer: Answer, index: IndexInfo) -> str:
    citation = answer.citation
    parts = [
        element("span", str(answer.rank), class_="pc-rank", aria_hidden="true"),
        _quotation(answer, marked_tag="mark"),
        _source_line(citation),
        _headings(citation),
        _also_in(answer, "answers"),
        element("div", _confidence(answer), _verified(citation, index), class_="pc-judged"),
        element("div", _buttons(answer, "answers"), class_="pc-actions"),
    ]
    return element("li", element("article", *parts, class_="pc-card", aria_label=f"Answer {answer.rank}"))


def _no_answer(response: Response, refusal: NoAnswer) -> str:
    headline = HEADLINES[refusal.reason]
    words = f"{refusal.message} {REMEDIES.get(refusal.reason, '')}".strip()
    asked = one_line(response.question)
    missing = ", ".join(refusal.missing_terms)
    return element(
        "section",
        element("h2", escaped(headline), class_="pc-headline"),
        element("p", "Asked: ", element("q", escaped(asked), dir="auto"), class_="pc-note") if asked else "",
        element("p", escaped(words)),
        _missing(refusal.missing_terms),
        _figures(refusal),
        _closest(refusal.closest),
        class_="pc-card pc-none",
        data_announce=f"{headline}. {words}" + (f" In no document: {missing}." if missing else ""),
    )


def _missing(terms: tuple[str, ...]) -> str:
    if not terms:
        return ""
    listed = ", ".join(element("strong", isolated(term)) for term in terms)
    return element("p", f"In no document: {listed}", class_="pc-missing")


def _figures(refusal: NoAnswer) -> str:
    if refusal.best_confidence is None or refusal.threshold is None:
        return ""
    best, asked = _percent(refusal.best_confidence), _percent(refusal.threshold)
    return element("p", f"Best confidence {best}; at least {asked} is asked for.", class_="pc-note")


def _closest(passages: tuple[Answer, ...]) -> str:
    if not passages:
        return ""
    items = [
        element(
            "li",
            _quotation(passage, marked_tag="span"),
            _source_line(passage.citation),
            element("div", _buttons(passage, "closest"), class_="pc-actions"),
        )
        for passage in passages
    ]
    several = f"The closest {len(passages)} passages, which are not answers"
    summary = several if len(passages) > 1 else "The closest passage, which is not an answer"
    return element("details", element("summary", summary), element("ul", *items), class_="pc-closest")


def _quotation(answer: Answer, marked_tag: str) -> str:
    start, end = answer.context_offset
    context = answer.context
    return element(
        "blockquote",
        escaped(context[:start]),
        element(marked_tag, escaped(context[start:end]), class_="pc-quote"),
        escaped(context[end:]),
        dir="auto",
    )


def _source_line(citation: Citation) -> str:
    source = citation.source
    known = [source.author, source.publisher, source.published_at]
    parts = [
        element("cite", isolated(title_words(citation))),
        *(isolated(one_line(part)) for part in known if part),
        element("span", escaped(place_words(citation)), class_="pc-place"),
        _original(citation),
    ]
    # No line ends with a dot.
    return element("p", " ·\u00a0".join(part for part in parts if part), class_="pc-source-line")


def _original(citation: Citation) -> str:
    # Only web addresses: a source must not be able to offer `javascript:` to be clicked.
    address = citation.to_dict()["url_fragment"]
    if address is None:
        return ""
    return element("a", "original", href=address, target="_blank", rel="noopener noreferrer")


def _headings(citation: Citation) -> str:
    path = " › ".join(isolated(one_line(heading)) for heading in citation.place.headings)
    return element("p", f"Under {path}", class_="pc-headings") if path else ""


def _confidence(answer: Answer) -> str:
    words, figure = LEVEL_WORDS[answer.confidence_level], _percent(answer.confidence)
    return element(
        "span",
        words,
        element("span", f", {figure}", class_="pc-figure"),
        class_=f"pc-confidence pc-{answer.confidence_level.replace('_', '-')}",
        title=f"{figure}: how likely this quotation answers the question",
        tabindex="0",
    )


def _buttons(answer: Answer, group: str) -> str:
    citation = answer.citation
    cited = f"“{citation.quote}” — {source_words(citation)}"
    return "".join(
        (
            _show_button("Show in source", group, answer.rank, 0, f"Show {_named(answer, group)} in its source"),
            element("button", "Copy quote", type="button", data_copy=citation.quote),
            element("button", "Copy with citation", type="button", data_copy=cited),
        )
    )


def _named(answer: Answer, group: str) -> str:
    return f"answer {answer.rank}" if group == "answers" else f"passage {answer.rank}"


def _show_button(words: str, group: str, rank: int, place: int, label: str) -> str:
    return element("button", escaped(words), type="button", data_show=f"{group}/{rank}/{place}", aria_label=label)


def _also_in(answer: Answer, group: str) -> str:
    if not answer.also_in:
        return ""
    items = []
    for number, citation in enumerate(answer.also_in, start=1):
        where = f"{title_words(citation)}, {place_words(citation)}"
        button = _show_button("Show", group, answer.rank, number, f"Show the same words in {where}")
        items.append(element("li", isolated(where), " ", button))
    return element("div", "The same words also in", element("ul", *items), class_="pc-also")


def _verified(citation: Citation, index: IndexInfo) -> str:
    span = citation.span
    checks = [
        f"Characters {span.start:,} to {span.end:,} of {isolated(span.document_id)} are this quotation, exactly.",
        f"The document is the one that was indexed: SHA-256 {element('code', citation.content_sha256)}",
        f"Both were checked for this response, against version {index.version:,} of the index.",
    ]
    listed = element("ul", *(element("li", check) for check in checks))
    return element("details", element("summary", "✓ Verified"), listed, class_="pc-verified")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
