import pytest

from rag.core.types import Chunk, Span
from rag.server.page.examples import candidates
from rag.server.page.sentence_questions import question_of


def chunk(start: int, title: str | None, *headings: str) -> Chunk:
    return Chunk(Span("d", start, start + 1), "x", title, headings)


def test_examples_are_the_questions_among_titles_and_headings() -> None:
    chunks = [
        chunk(0, "A history of bells"),
        chunk(1, "A history of bells", "The  first\nbell"),
        chunk(2, "A history of bells", "The first bell", "Who  cast\nthe bell?"),
        chunk(3, "Why do bells ring?", "Towers"),
    ]
    assert [question for question, _ in candidates(chunks)] == ["Who cast the bell?", "Why do bells ring?"]


@pytest.mark.parametrize(
    "line",
    [
        "2 Simple manipulations; numbers and vectors . . 8", "Beginning of Friendship", "Who?", "Blair to face MPs?",
        "How do I start? . . . . . 12?", "Why " + "so " * 40 + "?", "How to cite R", "",
    ],
)  # fmt: skip
def test_no_heading_headline_or_line_of_contents_is_an_example(line: str) -> None:
    assert candidates([chunk(0, line, line)]) == []


def test_what_a_sentence_answers_comes_after_questions_of_the_documents_own() -> None:
    text = "The bell was cast by Agnes Thorne in 1402. It rings."
    told = Chunk(Span("d", 0, len(text)), text, "A history of bells", ("Who cast the bell?",), ((0, 42), (43, 52)))
    assert candidates([told]) == [
        ("Who cast the bell?", ""),
        ("By whom was the bell cast?", "The bell was cast by Agnes Thorne in 1402."),
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
