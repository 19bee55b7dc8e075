"""Quotations of a draft: their marks in several languages, block quotes, and what is no quotation."""

import pytest

from rag.chunking.sentences import blocks
from rag.core.types import Document
from rag.proofreading.quotations import quotations_of


def quoted(text: str, form: str = "markdown") -> list[str]:
    draft = Document("draft", text, format=form)
    return [text[item.start : item.end] for item in quotations_of(draft, blocks(draft))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He said "it is so" and left.', ["it is so"]),
        ("“Well, ‘no’ then,” she said.", ["Well, ‘no’ then,"]),
        ("Er sagte: „Das ist so“, und »so auch«.", ["Das ist so", "so auch"]),
        ("Elle dit « oui, c’est ça » puis.", ["oui, c’est ça"]),
        ("It's 'quoted like this', they said.", ["quoted like this"]),
        ("He said ‘the workers’ rights are safe’ today.", ["the workers’ rights are safe"]),
        ("「日本」", ["日本"]),
    ],
)
def test_the_words_between_the_marks_of_a_language_are_a_quotation(text: str, expected: list[str]) -> None:
    assert quoted(text, "text") == expected


@pytest.mark.parametrize(
    "text",
    [
        "It's the workers' rights and the managers' duties.",
        'A 5" nail and a 6" nail.',
        "'Tis the '90s and the workers' party.",
        "An unclosed “ mark in a paragraph.",
        '```\nprint("code")\n```',
        'Empty: "" and “ ” and "…".',
    ],
)
def test_apostrophes_inches_code_and_lone_marks_are_no_quotations(text: str) -> None:
    assert quoted(text) == []


def test_a_stray_mark_does_not_swallow_the_quotation_after_it() -> None:
    assert quoted('A stray " mark here and "then these words" are quoted.') == ["then these words"]


def test_each_paragraph_of_a_long_quotation_is_one() -> None:
    assert quoted("“First paragraph\n\n“second paragraph.”\n\nEnd.") == ["First paragraph", "second paragraph."]


def test_each_paragraph_of_a_block_quote_is_one_without_the_line_that_names_its_speaker() -> None:
    text = '> Israel is *proud* to have\n> been one of the first.\n>\n> "Second," he said.\n> — The minister\n\nText.'
    assert quoted(text) == ["Israel is *proud* to have\n> been one of the first.", '"Second," he said.']


def test_a_block_quote_inside_marks_is_quoted_without_them() -> None:
    assert quoted('> "Wrapped in marks."\n') == ["Wrapped in marks."]
