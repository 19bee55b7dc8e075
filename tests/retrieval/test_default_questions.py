"""Questions about what holds if nothing is set, and statements that say it."""

import pytest

from rag.retrieval.default_questions import asks_default, by_default, states_default


@pytest.mark.parametrize(("question", "said"), [
    ("How long are sessions kept unless configured otherwise?", "How long are sessions kept by default?"),
    ("Which port is used without specifying one?", "Which port is used by default?"),
    ("Which port is used if no port is given?", "Which port is used by default?"),
    ("What level is used when --level is not passed?", "What level is used when --level is not passed, by default?"),
    ("How large is the cache if I leave cache_size alone?",
     "How large is the cache if I leave cache_size alone, by default?"),
])  # fmt: skip
def test_a_clause_that_sets_nothing_asks_for_the_default(question: str, said: str) -> None:
    assert not asks_default(question)
    assert by_default(question) == said and asks_default(said)


@pytest.mark.parametrize("question", [
    "What happens if the owner does not pay?", "When is the meeting if no date is named?",
    "Can I use it without asking?",
    "What is done if a member never uses the boat?", "When you leave the house, what must be locked?",
    "What happens if I set the value to 3?", "What is the fine if you leave the dog alone?",
    "What is the default port?",
])  # fmt: skip
def test_other_conditions_stay_as_they_are(question: str) -> None:
    assert by_default(question) == question


@pytest.mark.parametrize(("statement", "states"), [
    ("Defaults to 900 seconds.", True), ("If omitted, the port is 80.", True), ("The timeout is 900 seconds.", False),
    ("Unless otherwise agreed, rent is due on Monday.", True), ("If it rains, the boat stays.", False),
])  # fmt: skip
def test_statements_of_a_default_are_told(statement: str, states: bool) -> None:
    assert states_default(statement) is states
