"""Writes a response as plain text for terminals and logs; document text cannot move the cursor or colour it."""

from typing import TYPE_CHECKING

from rag.core.presentation.export import POLARITY_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.core.citations import Place
    from rag.core.response import Answer, Response

HARMLESS = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060")
"""Format characters that scripts and emoji need and that cannot reorder the text around them."""


def printable(text: str) -> str:
    """Return the text in one line, with U+FFFD for each character that could drive a terminal or reorder its line."""
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() or sign in HARMLESS else "\ufffd" for sign in line)


def response_lines(response: "Response") -> "Iterator[str]":
    """Yield the lines of the quotations; if there are none, those of the reason and of the closest passages."""
    refusal = response.no_answer
    if refusal is None:
        for answer in response.answers:
            yield from quote_lines(
                answer, f"{answer.confidence_level.replace('_', ' ')} confidence, {answer.confidence:.2f}"
            )
        if response.agreement["differ"]:
            groups = (" and ".join(f"[{rank}]" for rank in group) for group in response.agreement["groups"])
            yield f"The sources differ: {' against '.join(groups)}."
        if response.withheld_note:
            yield response.withheld_note
        return
    yield f"No answer: {refusal.message}"
    for answer in refusal.possible:
        yield "Possible answer (unsure):"
        yield from quote_lines(answer, f"confidence {answer.confidence:.2f}")
        yield from (f"    against it: {printable(doubt.text)}" for doubt in answer.doubts)
    if refusal.missing_terms:
        yield f"In no document: {', '.join(map(printable, refusal.missing_terms))}"
    if refusal.skipped_terms:
        yield f"Only in text that was skipped: {', '.join(map(printable, refusal.skipped_terms))}"
    if refusal.closest:
        yield "Closest passages, which are not answers:"
    for answer in refusal.closest:
        is_passage = answer.answer_type == "passage"
        yield from quote_lines(
            answer, "top passage of the search" if is_passage else f"confidence {answer.confidence:.2f}"
        )


def quote_lines(answer: "Answer", verdict: str) -> "Iterator[str]":
    """Yield the lines of a quotation: its words, its sentence, its place, and the verdict on it."""
    citation = answer.citation
    title = printable(citation.source.title or citation.span.document_id)
    yield f"[{answer.rank}] “{printable(answer.answer)}”"
    if answer.answer_type == "span":
        yield f"    in: “{printable(answer.context)}”"
    if answer.polarity != "affirms":
        yield f"    this sentence {POLARITY_WORDS[answer.polarity]}"
    yield f"    {title}, {where(citation.place)} ({printable(citation.span.document_id)}) — {verdict}"
    for other in answer.also_in:
        yield f"    also in {printable(other.span.document_id)}, {where(other.place)}"
    if answer.continues is not None:
        yield f"    the source goes on: “{printable(answer.continues[1])}”"


def where(place: "Place") -> str:
    """Return the place in one line, in the units of its source."""
    return printable(place.label())
