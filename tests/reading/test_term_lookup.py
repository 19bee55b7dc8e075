"""A question that describes a thing of a manual is answered with its name."""

from pathlib import Path

import pytest

from rag import Assistant, Index
from rag.reading.lookup.term_lookup import asks_term, is_in_question

MANUAL = """PACK(1)

   pack stores files in one archive.

   -c, --stdout
          Write the archive to standard output.

   -k, --keep
          Keep the files that were stored.

| Role | Duty |
|---|---|
| Member | Reviews changes |
| Owner | Sets the direction |
"""


@pytest.mark.parametrize(("question", "is_asked"), [
    ("Which option keeps the files?", True), ("pack flag to keep files", True), ("variable that sets the colour", True),
    ("What is the switch for colours?", True), ("Which crew keeps the files?", False), ("What does -k do?", False),
    ("Which digest derives the key?", False), ("What does the option keep?", False), ("options", False),
])  # fmt: skip
def test_the_name_of_a_thing_is_asked_for(question: str, is_asked: bool) -> None:
    assert asks_term(question) == is_asked


@pytest.mark.parametrize(("term", "question", "is_said"), [
    ("-k, --keep", "What does -k do?", True), ("-k, --keep", "flag to keep files", False),
    ("HOME_MODE", "What is HOME_MODE?", True), ("crew", "Who is in the crew?", True), ("crew list", "The crew?", False),
])  # fmt: skip
def test_a_term_that_the_question_says_is_known(term: str, question: str, is_said: bool) -> None:
    assert is_in_question(term, question, lambda text: frozenset(text.lower().strip("?").split())) == is_said


@pytest.mark.model
@pytest.mark.parametrize(("question", "answer"), [
    ("Which option writes the archive to standard output?", "-c, --stdout"),
    ("Which role sets the direction?", "Owner"),
])  # fmt: skip
def test_a_described_thing_is_answered_with_its_name(question: str, answer: str, tmp_path: Path) -> None:
    (tmp_path / "pack.md").write_text(MANUAL, encoding="utf-8")
    Index.build(str(tmp_path / "pack.md"), str(tmp_path / "index"))
    (first, *_) = Assistant.open(str(tmp_path / "index")).ask(question).answers
    assert first.answer == answer
