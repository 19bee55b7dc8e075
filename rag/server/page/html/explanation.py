"""Tells how one quotation was found: its rank and score at each stage, the figures of its confidence, the times."""

from collections.abc import Iterator, Mapping
from typing import Any

from rag.answering.explanation import features_of, is_of
from rag.core.response import Answer, Response
from rag.server.page.html.labels import count, percent
from rag.server.page.html.markup import element, escaped, isolated

STAGE_LABELS = {
    "lexical": "Words (BM25)",
    "dense": "Meaning (vectors)",
    "fused": "Both mixed",
    "reranked": "Reranked",
    "read": "Read",
}
"""Stages of `Response.explain` in their order, with the words of the page for them."""


def explanation_html(response: Response, answer: Answer) -> str:
    """Return the panel, empty if the response was made without explanation."""
    explanation = response.explain
    if explanation is None:
        return ""
    return (
        _words(explanation.get("question", {}))
        + _table("Where its passage stood", ("Stage", "Rank", "Score"), _ranks(explanation, answer))
        + _verdict(explanation, answer)
        + _table("What its confidence was computed from", ("Figure", "Value"), _figures(features_of(response, answer)))
        + _times(response.timings_ms)
    )


def _words(question: Mapping[str, Any]) -> str:
    """Return in how many passages each word of the question stands, and the words that were corrected."""
    terms = [isolated(f"{term['word']} ({count(term['passages'], 'passage')})") for term in question.get("terms", ())]
    if not terms:
        return ""
    other = [
        f"{word} as {', '.join(corrections)}"
        for word, corrections in question.get("misspelt", {}).items()
        if corrections
    ]
    misspelt = f" Also searched: {isolated('; '.join(other))}." if other else ""
    return element("p", f"Words of the question: {', '.join(terms)}.{misspelt}")


def _ranks(explanation: Mapping[str, Any], answer: Answer) -> Iterator[tuple[str, ...]]:
    for stage, words in STAGE_LABELS.items():
        entries = explanation.get(stage)
        if not entries:
            continue
        item = next((item for item in entries if item.get("chunk_id") == answer.citation.chunk_id), None)
        if stage == "read":
            item = next((item for item in entries if is_of(item, answer)), None)
        rank = str(item["rank"]) if item else f"after the first {len(entries)}"
        yield words, rank, f"{item['score']:.3f}" if item else "–"


def _figures(features: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    for name, value in sorted(features.items()):
        yield name.replace("_", " "), f"{value:.3f}"


def _verdict(explanation: Mapping[str, Any], answer: Answer) -> str:
    threshold = explanation.get("threshold")
    if threshold is None:
        return ""
    reaches = answer.confidence >= threshold
    words = "shown" if reaches else "withheld"
    comparison = "at least" if reaches else "below"
    figures = f"{percent(answer.confidence)} is {comparison} the {percent(threshold)} asked for"
    if not reaches and answer.confidence and percent(answer.confidence) == percent(threshold):
        figures = f"{answer.confidence:.3f} is below the {threshold:.3f} asked for"
    return element("p", escaped(f"Its confidence of {figures}: {words}."))


def _table(caption: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [
        element("tr", element("th", escaped(first), scope="row"), *(element("td", escaped(cell)) for cell in rest))
        for first, *rest in rows
    ]
    if not lines:
        return ""
    heads = element("tr", *(element("th", escaped(word), scope="col") for word in head))
    return element(
        "table",
        element("caption", escaped(caption)),
        element("thead", heads),
        element("tbody", *lines),
        class_="pc-table",
    )


def _times(timings: Mapping[str, float]) -> str:
    if not timings:
        return ""
    ordered = sorted(timings.items(), key=lambda timing: timing[0] == "total")
    items = ", ".join(f"{stage} {spent:,.0f} ms" for stage, spent in ordered)
    return element("p", escaped(f"Times: {items}."), class_="pc-note")
