import pytest

from rag.core.types import Chunk, Span
from rag.server.page.examples import candidates
from rag.server.page.sentence_questions import question_of


def chunk(start: int, title: str | None, *headings: str) -> Chunk:
    return Chunk(Span("d", start, start + 1), "x", title, headings)


def test_examples_are_titles_and_headings_with_questions_first_and_titles_last() -> None:
    chunks = [
        chunk(0, "A history of bells"),
        chunk(1, "A history of bells", "The  first\nbell"),
        chunk(2, "A history of bells", "The first bell", "Who cast it?"),
        chunk(3, "Why do bells ring?", "Towers"),
    ]
    assert [question for question, _ in candidates(chunks)] == [
        "Who cast it?",
        "Why do bells ring?",
        "The first bell",
        "Towers",
        "A history of bells",
    ]


def test_what_cannot_stand_on_a_button_is_no_example() -> None:
    found = candidates([chunk(0, None), chunk(1, "Abc"), chunk(2, "x" * 101), chunk(3, "x" * 100)])
    assert found == [("x" * 100, "")]


def test_what_a_sentence_answers_comes_after_questions_of_the_documents_own() -> None:
    text = "The bell was cast by Agnes Thorne in 1402. It rings."
    told = Chunk(Span("d", 0, len(text)), text, "A history of bells", ("Who cast it?",), ((0, 42), (43, 52)))
    assert candidates([told]) == [
        ("Who cast it?", ""),
        ("By whom was the bell cast?", "The bell was cast by Agnes Thorne in 1402."),
        ("A history of bells", ""),
    ]


@pytest.mark.parametrize(("sentence", "question"), [
    ("The studio was founded by Jerry Ragovoy in 1968.", "By whom was the studio founded?"),
    ("The Forth Bridge was opened on 4 March 1890.", "When was the Forth Bridge opened?"),
    ("The Ostrava footbridge cost 4.2 million euros, the council said.", "How much did the Ostrava footbridge cost?"),
    ("The contract was worth £7m a year for the hospital.", "How much was the contract worth?"),
    ("The plan was scrapped because of problems finding a venue.", "Why was the plan scrapped?"),
    ("It was founded by Jerry Ragovoy in 1968, in New York.", None),
    ("Auction spokesman Erik Simon said the tapes were withdrawn because of doubts.", None),
    ("The bell rings on feast days and at no other time.", None),
])  # fmt: skip
def test_a_plain_sentence_gives_the_question_it_answers(sentence: str, question: str | None) -> None:
    assert question_of(sentence) == question
