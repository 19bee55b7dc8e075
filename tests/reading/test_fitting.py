"""Statements of the form that a question asks for."""

import pytest

from rag.reading.fitting import has_wanted_form
from rag.retrieval.question_types import question_form


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("What is a member?", "A member is a package that belongs to a workspace."),
        ("In the club's terms, what is a guest?", "A guest is a person with a day ticket."),
        ("What is a Package in the licence?", 'Definitions:\n\n\t"Package" refers to the collection of files.'),
        ("What does RNLI stand for?", "RNLI stands for Royal National Lifeboat Institution."),
        ("What does MedInc mean?", "- MedInc        median income in block group"),
        ("What is state data in the library?", "- **State data** — positions of windows"),
        ("What is the capital of Malta?", "The capital of Malta is Valletta."),
    ],
)
def test_a_definition_begins_with_what_is_asked_about(question: str, statement: str) -> None:
    assert has_wanted_form(question, "other", statement, is_list=False)


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("What is a member?", "The member list is empty."),
        ("What is a member?", "Each guest and each member is asked."),
        ("What is found in the attic?", "The attic is cold."),
        ("Who is a member?", "A member is a package."),
    ],
)
def test_other_sentences_define_nothing(question: str, statement: str) -> None:
    assert not has_wanted_form(question, "other", statement, is_list=False)


@pytest.mark.parametrize(
    ("question", "statement", "fitting"),
    [
        ("command to install the parts", "$ pip install parts", True),
        ("How do I clear the list?", "# echo clear > /sys/list", True),
        ("How do I clear the list?", "To clear the list, write to the file:", True),
        ("How do I clear the list?", "The list is long.", False),
        ("When was the list cleared?", "$ pip install parts", False),
        ("default of the limit", "Defaults to 5.", True),
        ("Which ropes are sold?", "They sell hemp, nylon and steel ropes.", True),
    ],
)
def test_commands_defaults_and_lists_fit_the_questions_for_them(question: str, statement: str, fitting: bool) -> None:
    assert has_wanted_form(question, question_form(question), statement, False) is fitting
