"""Tells how one quotation was found: its rank and score at each stage, the figures of its confidence, the times."""

import math
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
FIGURE_GROUPS = {
    "Words in common": {
        "sentence_words": "Words of the question in this sentence",
        "passage_words": "Words of the question in the passage",
        "passage_names": "Names and numbers of the question in the passage",
    },
    "Likeness of meaning": {
        "sentence_cosine": "Sentence and question",
        "passage_cosine": "Passage and question",
    },
    "Judgement of the reader": {
        "reason": "An answer is here, rather than none",
        "ahead_of_next": "Lead over the next candidate",
        "ahead_of_fourth": "Lead over the fourth candidate",
    },
}
"""The figures of the confidence by what they are about, with the words of the page for them."""


def explanation_html(response: Response, answer: Answer) -> str:
    """Return the panel, empty if the response was made without explanation."""
    explanation = response.explain
    if explanation is None:
        return ""
    return (
        _words(explanation.get("question", {}))
        + _table("Where its passage stood", ("Stage", "Rank", "Score"), _ranks(explanation, answer))
        + _verdict(explanation, answer)
        + _bars(features_of(response, answer))
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


def _bars(features: Mapping[str, float]) -> str:
    """Return the figures of the confidence as bars, in groups that say what each is about.

    Figures that only put the candidates in order are left out. A confidence of other figures shows them by their names.
    """
    shown = "".join(_group(name, labels, features) for name, labels in FIGURE_GROUPS.items())
    shown = shown or _group("Figures", {name: name.replace("_", " ") for name in sorted(features)}, features)
    heading = element("p", "What its confidence was computed from", class_="pc-bars-head")
    return element("div", heading, shown, class_="pc-bars") if shown else ""


def _group(name: str, labels: Mapping[str, str], features: Mapping[str, float]) -> str:
    rows = [_bar(words, key, features[key]) for key, words in labels.items() if key in features]
    return element("section", element("p", escaped(name), class_="pc-group"), element("dl", *rows)) if rows else ""


def _bar(words: str, name: str, value: float) -> str:
    """Return one figure; shares of 1 fill their share of the bar, other scores more of it the higher they are."""
    is_share = name.endswith(("_words", "_names", "_cosine"))
    width = min(1.0, max(0.0, value)) if is_share else 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, value / 2.0))))
    bar = element("span", class_="pc-meter", style=f"--share: {width * 100:.0f}%", aria_hidden="true")
    figure = percent(value) if is_share else f"{value:.1f}"
    return element("dt", escaped(words)) + element("dd", bar, element("span", figure))


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
