import csv
import io
import json
import re
from pathlib import Path

from playwright.sync_api import Route, expect

from rag.answering.assistant import Assistant
from tests.journeys.browser.articles import ABSURD, BRIDGE, RECALL
from tests.journeys.browser.watching import Watched


def saved(watched: Watched, name: str) -> str:
    """Return the text of the file that a button saves, line ends as they are."""
    with watched.page.expect_download() as waiting:
        watched.page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path()).read_bytes().decode()


def test_a_file_of_questions_becomes_a_table_that_can_be_saved(
    watched: Watched, assistant: Assistant, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.csv"
    questions.write_text(f"number;question\n1;{RECALL}\n2;{ABSURD}\n3;{BRIDGE}\n", encoding="utf-8")
    watched.turn_to("Batch")
    watched.ready()
    watched.page.set_input_files("#pc-questions input[type=file]", questions)
    watched.says("3 questions, 2 answered")
    rows = watched.page.locator(".pc-batch tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("No answer; not found in any document: ")
    best = assistant.ask(RECALL).answers[0]
    assert rows.nth(0).locator(".pc-quote").text_content() == best.answer

    first, second, _ = csv.DictReader(io.StringIO(saved(watched, "CSV")))
    span = best.citation.span
    assert (first["answer"], first["document_id"], first["start"]) == (best.answer, span.document_id, str(span.start))
    assert (second["status"], second["answer"]) == ("no_answer", "")
    found = json.loads(saved(watched, "JSON"))
    assert [item["question"] for item in found] == [RECALL, ABSURD, BRIDGE]
    assert found[0]["answers"] == assistant.ask(RECALL).to_dict()["answers"]
    assert "# How much did the Ostrava footbridge cost?" in saved(watched, "Markdown")
    assert saved(watched, "BibTeX").count("@misc{") >= 3


def test_pasted_questions_are_answered_and_a_row_leads_to_its_place_and_back(
    watched: Watched, assistant: Assistant
) -> None:
    page = watched.page
    watched.turn_to("Batch")
    watched.ready()
    page.get_by_text("Or paste the questions").click()
    page.get_by_label("A question a line").fill(f"{RECALL}\n{ABSURD}\n")
    page.get_by_role("button", name="Answer them").click()
    watched.says("2 questions, 1 answered")
    page.locator(".pc-batch a").nth(1).click()
    watched.answered(RECALL)
    expect(page.locator("mark.pc-here")).to_be_in_viewport()
    assert watched.dom_text("mark.pc-here") == assistant.ask(RECALL).answers[0].answer
    watched.turn_to("Batch")
    page.get_by_role("link", name=ABSURD).click()
    watched.answered(ABSURD)
    watched.turn_to("Batch")
    expect(page.locator(".pc-batch tbody tr")).to_have_count(2)


def test_a_file_without_questions_is_refused_in_words(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("question\n\n", encoding="utf-8")
    watched.turn_to("Batch")
    watched.ready()
    watched.page.set_input_files("#pc-questions input[type=file]", tmp_path / "empty.csv")
    headline = watched.page.locator("#pc-batch .pc-error h2")
    expect(headline).to_have_text("The file holds no question.")

    def forget_the_job(route: Route) -> None:
        route.continue_(post_data=re.sub(r'"job":"[^"]+"', '"job":"x"', route.request.post_data or ""))

    watched.page.route("**/gradio_api/component_server/", forget_the_job)
    (tmp_path / "one.csv").write_text(f"question\n{ABSURD}\n", encoding="utf-8")
    watched.page.set_input_files("#pc-questions input[type=file]", tmp_path / "one.csv")
    expect(headline).to_have_text("The server has been started again since.")
    watched.page.unroute("**/gradio_api/component_server/")


def test_questions_with_known_answers_are_judged_failures_first(watched: Watched, tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    rows = "Who cast the great bell of Lindow?,Agnes Thorne\nWho owns the moon?,\nWho cast the great bell?,two pounds\n"
    cases.write_text(f"question,answer\n{rows}", encoding="utf-8")
    watched.turn_to("Evaluate")
    watched.ready()
    watched.page.set_input_files("#pc-cases input[type=file]", cases)
    watched.says("2 of 3 right (67%). 1 of 2 answered right, 1 of 1 rightly refused.")
    page = watched.page
    expect(page.locator(".pc-failure h4")).to_have_text("Who cast the great bell?")
    expect(page.locator(".pc-failure")).to_contain_text("Expectedtwo pounds")
    expect(page.get_by_role("row", name="right@1 0.500")).not_to_be_visible()
    page.locator(".pc-details > summary").click()
    expect(page.get_by_role("row", name="right@1 0.500")).to_be_visible()
    assert page.locator(".pc-plots svg").count() == 3
    above = "(one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING"
    assert page.evaluate(f"({above})(document.querySelector('.pc-failure'), document.querySelector('.pc-figures'))")
    assert "Evaluation on cases.csv" in saved(watched, "Report (HTML)")
    assert json.loads(saved(watched, "JSON"))["dataset"]["impossible"] == 1


def test_an_answer_that_stands_nowhere_is_named_with_its_line(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("question,answer\nWho?,Nobody wrote this\n", encoding="utf-8")
    watched.turn_to("Evaluate")
    watched.ready()
    watched.page.set_input_files("#pc-cases input[type=file]", tmp_path / "cases.csv")
    error = watched.page.locator("#pc-verdict .pc-error h2")
    expect(error).to_have_text("Line 2 gives the answer 'Nobody wrote this', which stands in no document.")
