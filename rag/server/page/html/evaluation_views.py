"""Turns an evaluation into HTML for the page: failures first, then figures with their intervals, then curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from rag.evaluation.observation import LOSSES
from rag.evaluation.reporting.terminal import interval_text, number
from rag.evaluation.results import NOTES, Evaluation, Measure
from rag.server.page.html.batch_views import question_link
from rag.server.page.html.labels import percent
from rag.server.page.html.markup import element, escaped, isolated

OPEN_STAGE = "answers"
"""The stage whose figures are not folded, because a user sees its results."""


def evaluation_html(evaluation: Evaluation, evaluation_id: str) -> str:
    """Return the whole report."""
    from rag.evaluation.reporting.plots import figures

    summary, parts = verdict(evaluation)
    save = element("button", "Report (HTML)", type="button", data_save=f"{evaluation_id}/report", class_="pc-tool")
    saved = element("button", "JSON", type="button", data_save=f"{evaluation_id}/json", class_="pc-tool")
    plots = [
        element("figure", element("figcaption", escaped(title)), image) for title, image in figures(evaluation).items()
    ]
    return element(
        "section",
        element("h2", escaped(summary), class_="pc-headline"),
        element("p", escaped(parts), class_="pc-note"),
        element("div", element("span", "Save as"), save, saved, class_="pc-controls"),
        _failures(evaluation.failures),
        element(
            "details",
            element("summary", "Details: curves and figures"),
            element("div", *plots, class_="pc-plots"),
            *(_stage(stage, measures) for stage, measures in evaluation.stages().items()),
            class_="pc-details",
        ),
        aria_label="Evaluation",
        data_announce=f"{summary}. {parts}",
    )


def verdict(evaluation: Evaluation) -> tuple[str, str]:
    """Return in words how many questions went right, then how many of those with and of those without an answer."""
    answered = _column(evaluation, "answers.right@1")
    wrongly_answered = _column(evaluation, "lost.not refused")
    right, refused = int(sum(answered)), len(wrongly_answered) - int(sum(wrongly_answered))
    total = len(answered) + len(wrongly_answered)
    share = f" ({percent((right + refused) / total)})" if total else ""
    parts = [
        f"{right:,} of {len(answered):,} answered right" if answered else "",
        f"{refused:,} of {len(wrongly_answered):,} rightly refused" if wrongly_answered else "",
    ]
    return f"{right + refused:,} of {total:,} right{share}", f"{', '.join(filter(None, parts))}."


def _column(evaluation: Evaluation, name: str) -> list[float]:
    """Return the values of the questions that count for a measure."""
    return [value for value in evaluation.values.get(name, ()) if value is not None]


def _failures(failures: Sequence[Mapping[str, Any]]) -> str:
    if not failures:
        return element("p", "Every question was answered as it should be.", class_="pc-sound")
    note = element("p", "Confident mistakes first, then missed answers.", class_="pc-note")
    return element("h3", "What went wrong", class_="pc-date") + note + "".join(map(_failure, failures))


def _failure(failure: Mapping[str, Any]) -> str:
    returned, lost = failure["returned"], failure["lost_at"]
    facts = {
        "Expected": " | ".join(failure["gold"]) or "no answer",
        "Given" if failure["shown"] else "Held back": returned["text"] if returned else "nothing",
        "From": returned["document_id"] if returned else "",
        "Confidence": percent(failure["confidence"]),
        "Where it failed": LOSSES[lost] if lost else "shown, but not the answer expected",
    }
    items = [element("dt", escaped(name)) + element("dd", isolated(value)) for name, value in facts.items() if value]
    heading = element("h4", question_link(isolated(failure["question"]), failure["question"]))
    return element("article", heading, element("dl", *items, class_="pc-facts"), class_="pc-failure")


def _stage(stage: str, measures: Sequence[Measure]) -> str:
    heads = [element("th", "Measure", scope="col")]
    heads += [element("th", word, scope="col", class_="pc-number") for word in ("Value", "95%", "n")]
    rows = [
        element(
            "tr",
            element("th", escaped(one.name), scope="row"),
            *(
                element("td", escaped(cell), class_="pc-number")
                for cell in (number(one.value), interval_text(one), f"{one.n:,}")
            ),
        )
        for one in measures
    ]
    note = element("caption", escaped(NOTES.get(stage, stage)))
    parts = note, element("thead", element("tr", *heads)), element("tbody", *rows)
    table = element("table", *parts, class_="pc-table pc-figures")
    unfolded = "" if stage == OPEN_STAGE else None
    return element("details", element("summary", escaped(stage)), table, open=unfolded, class_="pc-stage")
