import json

from rag.answering.confidence import Calibration
from rag.server.page.html.answers.confidence_slider import slider_html, stops
from tests.server.page.pages import Reading

CURVE = ((0.0, 0.5, 1.0), (0.4, 0.75, 0.6), (0.8, 0.9, 0.2), (0.95, 1.0, 0.01))
FITTED = Calibration((), (), (), (), 0.0, 0.4, CURVE, "made-up questions", 1_200)


def test_a_stop_says_what_the_curve_says_at_the_next_point_below() -> None:
    words = stops(FITTED)
    assert len(words) == 101
    assert words[40] == "Minimum confidence 40%. About 75% of such answers are right; 60% of questions get one."
    assert words[79] == "Minimum confidence 79%. About 75% of such answers are right; 60% of questions get one."
    assert words[80] == "Minimum confidence 80%. About 90% of such answers are right; 20% of questions get one."


def test_a_share_of_too_few_answers_is_not_given() -> None:
    assert stops(FITTED)[100] == "Minimum confidence 100%. Almost no question gets an answer."


def test_without_a_curve_nothing_is_promised() -> None:
    assert stops(Calibration((), (), (), (), 0.0, 0.4))[40] == "Minimum confidence 40%."


def test_the_slider_begins_at_the_fitted_threshold_and_says_where_the_figures_are_from() -> None:
    found = Reading(slider_html(FITTED, 0.4))
    ((_, slider, _),) = [item for item in found.elements if item[0] == "input"]
    assert (slider["type"], slider["value"], slider["data-usual"]) == ("range", "40", "40")
    assert json.loads(str(slider["data-stops"])) == stops(FITTED)
    assert slider["aria-valuetext"] == stops(FITTED)[40]
    assert found.texts("label", lambda given: given["for"] == slider["id"]) == ["Minimum confidence"]
    assert "1,200 questions (made-up questions)" in found.text
