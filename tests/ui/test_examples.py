from rag.types import Chunk, Span
from rag.ui.examples import candidates


def chunk(start: int, title: str | None, *headings: str) -> Chunk:
    return Chunk(Span("d", start, start + 1), "x", title, headings)


def test_examples_are_titles_and_headings_with_questions_first_and_titles_last() -> None:
    chunks = [
        chunk(0, "A history of bells"),
        chunk(1, "A history of bells", "The  first\nbell"),
        chunk(2, "A history of bells", "The first bell", "Who cast it?"),
        chunk(3, "Why do bells ring?", "Towers"),
    ]
    assert candidates(chunks) == [
        "Who cast it?",
        "Why do bells ring?",
        "The first bell",
        "Towers",
        "A history of bells",
    ]


def test_what_cannot_stand_on_a_button_is_no_example() -> None:
    assert candidates([chunk(0, None), chunk(1, "Abc"), chunk(2, "x" * 101), chunk(3, "x" * 100)]) == ["x" * 100]
