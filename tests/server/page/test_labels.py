import dataclasses

import pytest

from rag.core.reports import duration
from rag.core.types import Document
from rag.server.page.html.labels import count, percent, place_words
from tests.responses import answer


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "line 2"),
        ({"line_end": 1_204}, "lines 2–1,204"),
        ({"page_number": 3}, "page 3"),
        ({"part": "Sales\n2020", "row": 4}, "Sales 2020, row 4"),
    ],
)
def test_a_place_is_said_in_the_units_of_its_source(known: dict[str, object], words: str) -> None:
    citation = answer(Document("d", "One.\nTwo."), 5, 9).citation
    place = dataclasses.replace(citation.place, **known)  # type: ignore[arg-type]
    assert place_words(dataclasses.replace(citation, place=place)) == words


def test_figures_are_said_as_people_read_them() -> None:
    assert [percent(share) for share in (0.0, 0.005, 0.831, 1.0)] == ["0%", "0%", "83%", "100%"]
    assert [count(number, "answer") for number in (0, 1, 2, 12_000)] == [
        "0 answers",
        "1 answer",
        "2 answers",
        "12,000 answers",
    ]
    assert [duration(seconds) for seconds in (0.0, 59.9, 89.0, 90.0, 3_600.0)] == [
        "1 s",
        "60 s",
        "90 s",
        "2 min",
        "61 min",
    ]
