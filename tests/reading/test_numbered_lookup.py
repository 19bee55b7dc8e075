"""An item or a section is found by the number that the question names."""

import pytest

from rag.reading.lookup.numbered_lookup import asked_number, own_number


@pytest.mark.parametrize(("question", "number"), [
    ("What does rule 2 say?", "2"), ("What is the third step?", "3"), ("What does the 4th article state?", "4"),
    ("What is section 4.2.1 about?", "4.2.1"), ("What does § 12 say?", "12"), ("clause 7a", "7a"),
    ("Who wrote rule 2?", None), ("What does rule 2 say of dogs?", None), ("What is the third boat?", None),
    ("What does section 12% say?", None),
])  # fmt: skip
def test_the_number_of_an_item_is_asked_for(question: str, number: str | None) -> None:
    assert asked_number(question) == number


@pytest.mark.parametrize(("statement", "number"), [
    ("2. Boats need a light.", "2"), ("(3) Boats leave.", "3"), ("Section 4.2 is about ropes.", "4.2"),
    ("## 4.2.1 Knots", "4.2.1"), ("Rule 7: no fires.", "7"), ("2 boats sank.", None), ("12.50 euros", None),
    ("Boats need 2. lights.", None),
])  # fmt: skip
def test_a_statement_tells_its_own_number(statement: str, number: str | None) -> None:
    assert own_number(statement) == number
