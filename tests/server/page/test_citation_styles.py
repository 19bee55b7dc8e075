import dataclasses

import pytest

from rag.core.response import Answer
from rag.core.types import Document, Layout
from rag.server.page.html.answers.citation_styles import CITATION_STYLES
from tests.responses import answer

TEXT = "It rained. The bell was\ncast in 1611. Nobody came."
FACTS = {"author": "Agnes Thorne", "publisher": "The Paper", "published_at": "2021-03-04", "uri": "https://a.example/"}


def cast(document: Document) -> Answer:
    return dataclasses.replace(answer(document, 32, 36, context=(11, 37)), answer_type="span")


def written(style: str, document: Document) -> str:
    return CITATION_STYLES[style](cast(document))


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("APA", "“The bell was cast in 1611.” (Agnes Thorne, 2021, p. 1)\n"
         "Agnes Thorne. (2021, March 4). Bells. The Paper. https://a.example/"),
        ("MLA", "“The bell was cast in 1611.” (Agnes Thorne 1)\n"
         "Agnes Thorne. “Bells.” The Paper, 4 Mar. 2021, p. 1, https://a.example/."),
        ("Chicago", "“The bell was cast in 1611.”\n"
         "Agnes Thorne, “Bells,” The Paper, March 4, 2021, 1, https://a.example/."),
        ("Markdown", "> The bell was cast in **1611**.\n>\n"
         "> — *Bells*, Agnes Thorne, The Paper, 2021-03-04, https://a.example/, page 1"),
    ],
)  # fmt: skip
def test_a_sentence_is_cited_in_each_style_with_author_title_date_and_page(style: str, words: str) -> None:
    assert written(style, Document("b.pdf", TEXT, "Bells", metadata=FACTS, layout=Layout(pages=(0,)))) == words


def test_a_page_is_cited_by_the_number_printed_on_it() -> None:
    layout = Layout(pages=(0,), page_labels=("xiv",))
    document = Document("b.pdf", TEXT, "Bells", metadata=FACTS, layout=layout)
    assert "(Agnes Thorne, 2021, p. xiv)" in written("APA", document)
    assert "(Agnes Thorne xiv)" in written("MLA", document)
    assert "2021, xiv," in written("Chicago", document)


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("APA", "“The bell was cast in 1611.” (b.txt, n.d., lines 1–2)\nb.txt. (n.d.)."),
        ("MLA", "“The bell was cast in 1611.” (b.txt, lines 1–2)\n“b.txt.” lines 1–2."),
        ("Chicago", "“The bell was cast in 1611.”\n“b.txt,” lines 1–2."),
    ],
)
def test_a_fact_that_is_not_known_leaves_no_gap(style: str, words: str) -> None:
    document = Document("b.txt", TEXT)
    whole = dataclasses.replace(answer(document, 18, 36, context=(11, 37)), answer_type="span")
    assert CITATION_STYLES[style](whole) == words


@pytest.mark.parametrize(
    ("date", "words"), [("2021", "(2021)"), ("2021-13-40", "(2021)"), ("last spring", "(last spring)")]
)
def test_a_date_is_cited_as_exactly_as_it_is_known(date: str, words: str) -> None:
    assert words in written("APA", Document("b", TEXT, "Bells", metadata={"published_at": date}))


def test_bibtex_is_one_entry_with_the_sentence() -> None:
    entry = written("BibTeX", Document("b.txt", TEXT, "Bells", metadata=FACTS))
    assert entry.count("@misc{") == 1
    assert "abstract = {The bell was cast in 1611.}" in entry and "note = {1611}" in entry
