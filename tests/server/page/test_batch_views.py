import csv
import io
import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from rag.core.errors import InvalidInput
from rag.core.response import NoAnswer, Response
from rag.core.types import Document
from rag.server.page.html.batch_views import file_of, questions_in, table_html
from tests.responses import answer, answered, refused
from tests.server.page.pages import Reading

HOSTILE = '=HYPERLINK("http://192.0.2.1")<img src=x onerror=alert(1)>\r\n"quoted", and;more'


def responses() -> list[Response]:
    document = Document("d.txt", HOSTILE, HOSTILE)
    return [
        answered(answer(document, 0, len(HOSTILE)), question="=1+1"),
        refused(NoAnswer("low_confidence", "None.", 0.6, 0.1, (), ("Peru",)), "Who?"),
    ]


@pytest.mark.parametrize(
    ("content", "questions"),
    [
        (b"Who?\nWhat?\nWho?\n", ["Who?", "What?"]),
        (b"Who, and when?\nWhat?\n", ["Who, and when?", "What?"]),
        (b"Who, and when?\n", ["Who, and when?"]),
        (b"id,Question\n1,Who?\n2,\n3,What?\n", ["Who?", "What?"]),
        (b"\xef\xbb\xbfid;question\r\n1;Who, and when?\r\n", ["Who, and when?"]),
        ("question\nWer schrieb „Öl“?\n".encode("cp1252"), ["Wer schrieb „Öl“?"]),
        (b'question\n"Who,\nand when?"\n', ["Who,\nand when?"]),
        (b"Who, and when?\nWhat, and how?\n", ["Who, and when?", "What, and how?"]),
    ],
)
def test_questions_are_found_in_the_files_that_people_have(content: bytes, questions: list[str]) -> None:
    assert questions_in(content, 10) == questions


@pytest.mark.parametrize(("content", "said"), [(b"", "no question"), (b"a\nb\nc\n", "3 questions")])
def test_none_and_too_many_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        questions_in(content, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"foo;bar\n1;2\n", r"No column is named question\. The first row has: foo, bar\."),
        (b"\n<!DOCTYPE html><p>Who?</p>\n", "The file is a web page"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_with_what_it_holds(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        questions_in(content, 10)


def test_a_row_leads_to_its_answer_and_to_the_place_of_the_quotation() -> None:
    question = "Who & <b>why</b>?"
    document = Document("d.txt", "Yes.", "Notes")
    shown = Reading(table_html([answered(answer(document, 0, 4), question=question)], "id"))
    assert shown.attribute("data-ask") == [question] * 2
    links = [parse_qs(link.removeprefix("?")) for link in shown.attribute("href")]
    assert links == [{"q": [question]}, {"q": [question], "show": ["answers/1/0"]}]


def test_the_table_shows_the_quotation_as_text() -> None:
    found = Reading(table_html(responses(), "id"))
    assert found.texts("q") == [HOSTILE]
    assert not {"img", "script"} & {tag for tag, _, _ in found.elements}
    assert found.attribute("data-announce") == ["2 questions, 1 answered"]
    assert "No answer; not found in any document: Peru" in found.text


def test_confidence_and_place_are_not_broken_over_lines() -> None:
    shown = Reading(table_html([answered(answer(Document("d.txt", "Yes."), 0, 4))], "id"))
    assert shown.of_class("pc-short") == ["High, 83%", "line 1"]


def test_words_of_a_sentence_are_shown_and_saved_inside_it() -> None:
    document = Document("d.txt", "The bell was not cast by Agnes Thorne.")
    start = document.text.index("Agnes")
    words = replace(answer(document, start, start + 12, context=(0, len(document.text))), answer_type="span")
    found = answered(words, question="Who cast it?")
    shown = Reading(table_html([found], "id"))
    assert shown.texts("q") == [document.text]
    (row,) = csv.DictReader(io.StringIO(file_of([found], "csv"), newline=""))
    assert (row["answer"], row["context"]) == ("Agnes Thorne", document.text)


def test_a_spreadsheet_reads_back_each_quotation_and_runs_none() -> None:
    first, second = csv.DictReader(io.StringIO(file_of(responses(), "csv"), newline=""))
    assert first["answer"] == f"'{HOSTILE}" and first["question"] == "'=1+1" and first["title"].startswith("'=")
    assert (first["document_id"], first["start"], first["end"]) == ("d.txt", "0", str(len(HOSTILE)))
    assert (second["status"], second["reason"], second["missing_terms"]) == ("no_answer", "low_confidence", "Peru")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_begins_with_what_a_spreadsheet_runs(sign: str) -> None:
    text = f"{sign}cmd|'/c calc'!A1"
    known = {"uri": text, "author": text}
    made = answered(answer(Document(text, text, text, metadata=known), 0, len(text)), question=text)
    none = refused(NoAnswer("low_confidence", "None.", 0.6, 0.1, (), (text,)), text)
    rows = list(csv.DictReader(io.StringIO(file_of([made, none], "csv"), newline="")))
    cells = [cell for row in rows for cell in row.values() if "calc" in cell]
    assert len(cells) >= 6 and all(cell == f"'{text}" for cell in cells)


def test_the_other_forms_hold_the_whole_responses() -> None:
    made = responses()
    assert json.loads(file_of(made, "json")) == [json.loads(response.to_json()) for response in made]
    assert file_of(made, "markdown") == "\n".join(response.to_markdown() for response in made)
    assert file_of(made, "bibtex").strip() == made[0].to_bibtex()
    with pytest.raises(InvalidInput, match="'pdf'"):
        file_of(made, "pdf")
