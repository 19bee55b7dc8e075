"""Says what to expect of answers from a chosen confidence on: how many are right, how many questions get one."""

import json

from rag.answering.confidence import Calibration
from rag.server.page.html.labels import percent
from rag.server.page.html.markup import element, escaped, field

STEPS = 101
"""Stops of the slider: 0 % to 100 %."""
FEWEST = 0.02
"""Share of the questions below which the share of right answers says nothing."""


def slider_html(calibration: Calibration, threshold: float) -> str:
    """Return the slider over the held-out curve of a calibration, with the words for each of its stops."""
    stop, words = round(threshold * (STEPS - 1)), stops(calibration)
    slider = field(
        type="range",
        id="pc-least",
        min="0",
        max=str(STEPS - 1),
        value=str(stop),
        data_stops=json.dumps(words, ensure_ascii=False),
        data_usual=str(stop),
        aria_valuetext=words[stop],
        aria_describedby="pc-measured",
    )
    label = element("label", "Minimum confidence", for_="pc-least")
    usual = element("button", "Reset", type="button", class_="pc-usual")
    summary = element("summary", "How sure? ", element("span", escaped(words[stop]), class_="pc-stop"))
    return element("details", summary, label, slider, usual, _measured(calibration), class_="pc-expect")


def stops(calibration: Calibration) -> list[str]:
    """Return in words what to expect at each stop of the slider."""
    return [_expected(calibration, step / (STEPS - 1)) for step in range(STEPS)]


def _expected(calibration: Calibration, threshold: float) -> str:
    minimum = f"Minimum confidence {percent(threshold)}"
    points = [point for point in sorted(calibration.curve) if point[0] <= threshold + 1e-9]
    if not points:
        return f"{minimum}."
    _, precision, coverage = points[-1]
    if coverage < FEWEST:
        return f"{minimum}. Almost no question gets an answer."
    right, answered = percent(precision), percent(coverage)
    return f"{minimum}. About {right} of such answers are right; {answered} of questions get one."


def _measured(calibration: Calibration) -> str:
    on = f" ({calibration.fitted_on})" if calibration.fitted_on else ""
    words = (
        f"Measured on {calibration.questions:,} questions{on} held out when the confidence was fitted. Of other"
        " documents it may be more or less: rag calibrate fits it on questions of your own."
    )
    return element("p", escaped(words), class_="pc-note", id="pc-measured")
