import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from rag.answering.assistant import Assistant
from tests.journeys.browser.articles import (
    ABSURD,
    BELL,
    BRIDGE,
    CRYPT,
    FERRY,
    HARBOUR,
    HOSTILE,
    HOSTILE_NAME,
    KEEPER,
    RECALL,
)
from tests.journeys.browser.watching import Watched, watching


def test_a_question_typed_at_once_is_answered_with_the_quotation_marked_in_its_context(
    watched: Watched, assistant: Assistant
) -> None:
    page, best = watched.page, assistant.ask(RECALL).answers[0]
    expect(page.get_by_label("Your question")).to_be_focused()
    watched.ask(RECALL)
    assert watched.dom_text(".pc-answers mark") == best.answer
    assert watched.dom_text(".pc-answers blockquote") == best.context
    watched.says(f"best: {best.answer}")
    expect(page.locator("#pc-status")).to_contain_text(f"{assistant.index.info.documents} documents")
    expect(page.locator(".pc-answers .pc-figure").first).to_have_text(f"{best.confidence * 100:.0f}%")
    expect(page).to_have_title(f"{RECALL} – Pincite")


def test_a_follow_up_is_completed_from_the_question_before_and_asked_as_typed_after_undo(watched: Watched) -> None:
    page = watched.page
    completed = "By whom was the great bell of Lindow cast?"
    watched.ask("When was the great bell of Lindow cast?")
    page.get_by_label("Your question").fill("By whom?")
    page.keyboard.press("Enter")
    watched.answered(completed)
    expect(page.locator(".pc-completed q")).to_have_text(completed)
    expect(page.locator("#pc-answers mark").first).to_contain_text("Agnes Thorne")
    assert quote("By whom was").replace("%20", "+") in page.url
    page.get_by_role("button", name="Undo: ask as typed").click()
    watched.answered("By whom?")
    expect(page.locator(".pc-none h2")).to_have_text("A question that needs an earlier one")
    expect(page.locator(".pc-completed")).to_have_count(0)


def test_verified_tells_on_click_what_was_checked(watched: Watched, assistant: Assistant) -> None:
    citation = assistant.ask(RECALL).answers[0].citation
    watched.ask(RECALL)
    detail = watched.page.locator(".pc-verified").first
    expect(detail.locator("code")).not_to_be_visible()
    detail.locator("summary").click()
    expect(detail.locator("code")).to_have_text(citation.content_sha256)
    expect(detail).to_contain_text(f"Characters {citation.span.start:,} to {citation.span.end:,}")


def test_a_quotation_is_copied_alone_with_its_citation_and_as_a_link_that_opens_it(
    watched: Watched, assistant: Assistant
) -> None:
    best = assistant.ask(RECALL).answers[0]
    watched.ask(RECALL)
    sentence = " ".join(best.context.split())
    watched.page.locator(".pc-more summary").first.click()
    for name, copied in (
        ("Copy quote", sentence),
        ("Copy citation", f"“{sentence}” — "),
        ("Copy answer", best.answer),
        ("APA", f"“{sentence}” ("),
    ):
        watched.page.get_by_role("button", name=name, exact=True).first.click()
        watched.says("Copied")
        assert str(watched.page.evaluate("navigator.clipboard.readText()")).startswith(copied)
    watched.page.get_by_role("button", name="Copy link to answer 1").click()
    watched.says("Copied")
    watched.ready()  # one does not leave in mid-answer
    expect(watched.page.locator(".pc-examples button").first).to_be_attached()
    watched.page.goto(str(watched.page.evaluate("navigator.clipboard.readText()")))
    expect(watched.page.locator("mark.pc-here")).to_be_in_viewport()
    assert watched.dom_text("mark.pc-here") == best.answer


def test_a_quotation_is_widened_by_whole_sentences_of_its_document(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(BRIDGE).answers[0]
    wider = assistant.widen(best, 1, 1)
    assert wider.context != best.context
    watched.ask(BRIDGE)
    card = watched.page.get_by_role("article", name="Answer 1")
    card.get_by_role("button", name="More context").click()
    expect(card.locator("blockquote")).to_have_text(wider.context)
    assert card.locator("mark").text_content() == best.answer
    while card.get_by_role("button", name="More context").is_enabled():
        before = card.locator("blockquote").text_content()
        card.get_by_role("button", name="More context").click()
        watched.page.wait_for_timeout(300)
        assert str(before) in str(card.locator("blockquote").text_content())
    watched.says("There is no more of this document")


def test_sources_that_differ_stand_side_by_side_with_their_dates_the_newest_first(watched: Watched) -> None:
    watched.ask(BRIDGE)
    page = watched.page
    expect(page.locator(".pc-differ")).to_contain_text("The sources differ")
    assert page.locator(".pc-side h3").all_inner_texts() == ["2021-11-02", "2019-05-14"]
    figures = [("6.8" in text, "4.2" in text) for text in page.locator(".pc-side mark").all_inner_texts()]
    assert figures == [(True, False), (False, True)]
    # In one call: the page may still be scrolling.
    newer, older = page.locator(".pc-side").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().toJSON())"
    )
    assert newer["y"] == older["y"] and newer["x"] < older["x"]


def test_the_same_words_in_another_document_are_named_and_can_be_seen(watched: Watched, assistant: Assistant) -> None:
    (other,) = assistant.ask(BELL).answers[0].also_in
    watched.ask(BELL)
    also = watched.page.locator(".pc-also")
    also.locator("summary").filter(has_text="Also in 1 document").click()
    also.get_by_role("button").click()
    expect(watched.page.locator("mark.pc-here")).to_be_in_viewport()
    assert watched.dom_text("mark.pc-here") == other.quote
    expect(watched.page.locator("#pc-source header")).to_contain_text(other.span.document_id)


def test_a_source_that_goes_on_with_but_is_a_warning_in_its_own_words(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(CRYPT).answers[0]
    assert best.continues is not None
    watched.ask(CRYPT)
    card = watched.page.get_by_role("article", name="Answer 1")
    expect(card.locator(".pc-continues")).to_contain_text(best.continues[1])
    while card.locator(".pc-continues").is_visible():  # until the quotation says it itself
        card.get_by_role("button", name="More context").click()
        watched.says("Shown with a sentence more")
    expect(card.locator("blockquote")).to_contain_text(best.continues[1])


def test_the_panel_explains_rank_confidence_and_times(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(RECALL).answers[0]
    watched.ask(RECALL)
    panel = watched.page.locator(".pc-explain").first
    panel.locator("summary").click()
    expect(panel.get_by_role("row", name="Words (BM25) 1")).to_be_visible()
    expect(panel).to_contain_text(f"Its confidence of {best.confidence * 100:.0f}% is at least the")
    expect(panel).to_contain_text("Times: ")


def test_what_a_reader_says_of_an_answer_is_kept_beside_the_index(watched: Watched, index: Path) -> None:
    watched.ask(RECALL)
    watched.page.locator(".pc-feedback summary").first.click()
    for verdict in ("Outdated", "Right"):
        button = watched.page.get_by_role("button", name=verdict, exact=True).first
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    watched.says("Noted: Right")
    lines = [json.loads(line) for line in (index / "feedback.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert [line["verdict"] for line in lines[-2:]] == ["outdated", "right"]
    assert lines[-1]["question"] == RECALL and lines[-1]["rank"] == 1 and lines[-1]["features"]


@pytest.mark.parametrize(("form", "suffix"), [("Markdown", ".md"), ("JSON", ".json"), ("BibTeX", ".bib")])
def test_all_answers_are_saved_as_a_file(watched: Watched, assistant: Assistant, form: str, suffix: str) -> None:
    watched.ask(RECALL)
    with watched.page.expect_download() as waiting:
        watched.page.get_by_role("button", name=f"Save the answers as {form}").click()
    assert waiting.value.suggested_filename.endswith(suffix)
    saved = Path(waiting.value.path()).read_text(encoding="utf-8")
    if form == "JSON":
        assert json.loads(saved)["answers"] == assistant.ask(RECALL).to_dict()["answers"]
    else:
        assert "Pure Friendship or Vested Interest" in saved


def test_a_no_answer_says_why_what_is_missing_and_what_comes_closest(watched: Watched) -> None:
    watched.ask(ABSURD)
    page = watched.page
    expect(page.locator(".pc-none h2")).to_have_text("No answer in these documents")
    expect(page.locator(".pc-missing")).to_contain_text("tungsten")
    assert page.locator("#pc-answers mark").count() == 0
    expect(page.get_by_role("article", name="Closest passage").locator("blockquote")).to_be_visible()
    page.locator("[data-show='closest/1/0']").click()
    expect(page.locator("span.pc-here")).to_be_in_viewport()
    assert page.locator("mark.pc-here").count() == 0


def test_the_slider_says_what_to_expect_and_asks_again(watched: Watched, assistant: Assistant) -> None:
    watched.ask(RECALL)
    page, slider = watched.page, watched.page.get_by_label("Minimum confidence", exact=True)
    page.locator(".pc-expect summary").click()
    _, precision, coverage = assistant.calibration.curve[60]
    slider.fill("60")
    expect(page.locator(".pc-stop")).to_have_text(
        f"Minimum confidence 60%. About {precision * 100:.0f}% of such answers are right;"
        f" {coverage * 100:.0f}% of questions get one."
    )
    slider.fill("100")
    expect(page.locator(".pc-none h2")).to_have_text("No sure answer in these documents")
    expect(page.locator(".pc-none")).to_contain_text("answers need 100%.")
    best = page.get_by_role("article", name="Possible answer 1, unsure")
    expect(best).to_contain_text("an answer needs 100%")
    best.get_by_role("button", name="Show in source").click()
    expect(page.locator("span.pc-here")).to_be_in_viewport()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".pc-answers mark").first).to_be_visible()


def test_a_link_asks_its_question_and_the_browser_goes_back_to_the_one_before(
    context: BrowserContext, address: str
) -> None:
    with watching(context, address, f"?q={quote(RECALL)}") as seen:
        seen.answered(RECALL)
        expect(seen.page.get_by_label("Your question")).to_have_value(RECALL)
        seen.ask(BELL)
        expect(seen.page).to_have_url(f"{address}?q={quote(BELL).replace('%20', '+')}")
        seen.page.go_back()
        seen.answered(RECALL)


def test_some_documents_are_asked_by_their_link_until_all_are_asked_again(watched: Watched) -> None:
    page = watched.page
    watched.turn_to("Documents")
    page.get_by_role("button", name="Ask only The bill for the footbridge").click()
    expect(page.locator("#pc-only summary")).to_contain_text("Only The bill for the footbridge")
    expect(page.get_by_label("Your question")).to_be_focused()
    watched.ask(BRIDGE)
    expect(page.locator("#pc-answers mark")).to_contain_text(["6.8 million"])
    assert "only=herald-2021" in page.url
    page.reload()
    watched.answered(BRIDGE)
    expect(page.locator("#pc-answers cite")).to_have_text(["The bill for the footbridge"])
    page.get_by_role("button", name="Ask all documents").click()
    expect(page.locator("#pc-answers .pc-side")).to_have_count(2)
    expect(page).not_to_have_url(re.compile("only="))
    page.locator("#pc-only summary").click()
    page.get_by_label("Find a document").fill("footbridge")
    expect(page.locator(".pc-choices li")).to_have_count(2)
    page.locator(".pc-choices").get_by_role("checkbox", name="A footbridge for the river").check()
    expect(page.locator("#pc-answers mark")).to_contain_text(["4.2 million"])
    page.get_by_label("From", exact=True).fill("2020")
    expect(page.locator("#pc-only summary")).to_contain_text("0 of 7 documents: since 2020")
    expect(page.locator(".pc-none h2")).to_have_text("No answer in the documents chosen")
    assert "since=2020" in page.url


def test_back_at_the_start_nothing_of_the_answers_is_left(watched: Watched) -> None:
    page = watched.page
    watched.ask(RECALL)
    expect(page.locator(".pc-examples")).not_to_be_visible()
    page.go_back()
    expect(page.locator("#pc-answers section")).to_have_count(0)
    expect(page.get_by_label("Your question")).to_have_value("")
    expect(page).to_have_title("Pincite")
    expect(page.locator(".pc-examples button").first).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1440, 900)])
def test_the_first_quotation_and_its_source_are_on_the_first_screen(watched: Watched, width: int, height: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": height})
    watched.ready()
    watched.ask(RECALL)
    bottom = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
    assert page.evaluate("scrollY") == 0
    assert page.evaluate(bottom, "#pc-answers .pc-source-line") < height
    # The ring around the box is whole: nothing cuts what stands outside its edge.
    page.get_by_label("Your question").focus()
    cut = """field => { for (let at = field; at.id !== "pc-form"; at = at.parentElement)
        if (getComputedStyle(at).overflow !== "visible" && at !== field) return at.className; }"""
    assert page.get_by_label("Your question").evaluate(cut) is None


def test_on_paper_there_are_question_quotations_and_sources_alone_dark_on_white(
    watched: Watched, assistant: Assistant
) -> None:
    page = watched.page
    citation = assistant.ask(RECALL).answers[0].citation
    watched.ask(RECALL)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("document.body.classList.add('dark')")
    for gone in (".pc-masthead", "#pc-form", "#pc-examples", "#pc-expectation", ".pc-actions", ".pc-judged"):
        expect(page.locator(gone).first).not_to_be_visible()
    expect(page.locator(".pc-asked")).to_have_text(re.compile(re.escape(RECALL)))
    expect(page.locator(".pc-proof").first).to_contain_text(citation.content_sha256)
    colours = "element => [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]"
    assert page.locator("#pc-answers mark").first.evaluate(colours)[0] == "rgb(0, 0, 0)"
    assert page.locator(".gradio-container").first.evaluate(colours)[1] == "rgb(255, 255, 255)"
    page.emulate_media(media="screen", color_scheme="light")


def test_a_link_asks_its_question_though_the_box_comes_late(context: BrowserContext, address: str) -> None:
    held: list[Route] = []

    def hold_the_box(route: Route) -> None:
        if 'data-testid="textbox"' in route.fetch().text():
            held.append(route)
        else:
            route.continue_()

    boxes = re.compile("/assets/Index-.*js$")
    context.route(boxes, hold_the_box)
    with watching(context, address, f"?q={quote(RECALL)}") as seen:
        seen.page.wait_for_selector("html[data-asking]", state="attached")
        assert held
        assert seen.page.locator("#pc-question").count() == 0
        for route in held:
            route.continue_()
        seen.answered(RECALL)
        expect(seen.page.get_by_label("Your question")).to_have_value(RECALL)
    context.unroute(boxes)


def test_earlier_questions_are_kept_in_this_browser_and_can_be_forgotten(watched: Watched) -> None:
    page = watched.page
    for question in (RECALL, BELL):
        watched.ask(question)
        expect(page).to_have_title(f"{question} – Pincite")
    page.reload()
    watched.ready()
    expect(page.locator(".pc-examples button").first).to_be_attached()  # they come anew, and all with them
    page.locator(".pc-earlier > summary").click()
    assert page.locator(".pc-earlier li").all_inner_texts() == [BELL, RECALL]
    page.locator(".pc-earlier").get_by_role("button", name=RECALL).click()
    watched.answered(RECALL)
    page.locator(".pc-forget").click()
    expect(page.locator(".pc-earlier")).not_to_be_visible()


def test_examples_are_answered_when_clicked(watched: Watched) -> None:
    example = watched.page.locator(".pc-examples button").first
    words = example.inner_text()
    example.click()
    watched.answered(words)
    expect(watched.page.get_by_label("Your question")).to_have_value(words)
    expect(watched.page.locator(".pc-answers mark").first).to_be_visible()


@pytest.mark.parametrize(
    ("question", "words"),
    [("x" * 100_000, "100,000 characters"), ("   ", "There is no question"), (HOSTILE[:300], "")],
)
def test_odd_questions_are_answered_in_words(watched: Watched, question: str, words: str) -> None:
    page = watched.page
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    card = page.locator(".pc-none, .pc-error, .pc-response")
    expect(card).to_contain_text(words)
    assert "Traceback" not in page.inner_text("body")


@pytest.mark.parametrize("question", [HARBOUR, KEEPER, FERRY])
def test_a_hostile_document_is_only_text(watched: Watched, assistant: Assistant, question: str) -> None:
    best = assistant.ask(question).answers[0]
    assert best.citation.span.document_id == HOSTILE_NAME
    watched.ask(question)
    assert watched.dom_text(".pc-answers mark") == best.answer
    watched.page.click("[data-show='answers/1/0']")
    expect(watched.page.locator("mark.pc-here")).to_be_in_viewport()
    assert watched.dom_text("mark.pc-here") == best.answer
    assert watched.dom_text(".pc-text") == HOSTILE
    assert watched.page.locator(":is(#pc-answers, #pc-source) :is(img, script, style, link, b)").count() == 0


def test_a_right_to_left_override_stays_inside_its_quotation(watched: Watched) -> None:
    watched.ask(KEEPER)
    direction = "element => [getComputedStyle(element).unicodeBidi, element.getAttribute('dir')]"
    assert watched.page.eval_on_selector(".pc-answers blockquote", direction) == ["isolate", "auto"]
