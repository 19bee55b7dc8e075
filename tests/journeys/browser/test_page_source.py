import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rag.answering.assistant import Assistant
from tests.journeys.browser.articles import FERRY, HARBOUR, HOSTILE_NAME, RECALL
from tests.journeys.browser.watching import Watched

WATCH_SHIFTS = """() => {
    window.shifts = 0;
    const add = (one) => (window.shifts += one.hadRecentInput ? 0 : one.value);
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: "layout-shift" });
}"""


def test_the_source_opens_at_the_quotation_and_escape_gives_the_focus_back(
    watched: Watched, assistant: Assistant
) -> None:
    watched.ask(RECALL)
    watched.page.evaluate(WATCH_SHIFTS)
    for answer in assistant.ask(RECALL).answers:
        document = assistant.index.document(answer.citation.span.document_id)
        assert document is not None
        button = watched.page.locator(f"[data-show='answers/{answer.rank}/0']")
        button.scroll_into_view_if_needed()
        before = watched.page.evaluate("scrollY")
        button.click()
        watched.says(f"line {answer.citation.place.line_start}")
        expect(watched.page.locator(".pc-here")).to_be_in_viewport()
        assert watched.dom_text("mark.pc-here") == answer.answer
        assert watched.dom_text(".pc-text") == document.text
        assert text_before_mark(watched.page) == document.text[: answer.citation.span.start]
        assert watched.dom_text(".pc-around") in answer.context
        expect(button).to_have_attribute("aria-expanded", "true")
        expect(watched.page.locator(".pc-opened")).to_have_count(1)
        assert watched.page.evaluate("scrollY") == before
        watched.page.evaluate("scrollBy(0, 40)")
        watched.page.keyboard.press("Escape")
        expect(watched.page.locator(".pc-source")).to_have_count(0)
        expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-expanded", "false")
        assert watched.page.evaluate("scrollY") == before
    assert watched.page.evaluate("window.shifts") < 0.05


def test_a_heading_and_words_are_found_in_the_source(watched: Watched, assistant: Assistant) -> None:
    page = watched.page
    best = assistant.ask(RECALL).answers[0]
    document = assistant.index.document(best.citation.span.document_id)
    assert document is not None
    watched.ask(RECALL)
    page.click("[data-show='answers/1/0']")
    page.locator(".pc-outline summary").click()
    heading = page.locator(".pc-outline button").last
    heading.click()
    expect(page.locator(".pc-head").last).to_be_in_viewport()
    watched.says(heading.inner_text())
    page.get_by_label("Find in this document").fill("ambassador  to")
    expected = len(re.findall(r"ambassador\s+to", document.text, re.IGNORECASE))
    expect(page.locator(".pc-found")).to_have_text(f"1 of {expected}")
    expect(page.locator(".pc-tick-find")).to_have_count(expected)
    page.keyboard.press("Enter")
    watched.says(f"{min(2, expected)} of {expected}")


def text_before_mark(page: Page) -> str:
    """Return all text of the source view that stands before the quotation."""
    return str(
        page.evaluate(
            """() => {
                const range = document.createRange();
                range.setStart(document.querySelector(".pc-text"), 0);
                range.setEndBefore(document.querySelector(".pc-here"));
                return range.toString();
            }"""
        )
    )


def test_n_and_p_go_from_mark_to_mark_in_the_order_of_the_text(watched: Watched, assistant: Assistant) -> None:
    answers = assistant.ask(RECALL).answers
    document = answers[0].citation.span.document_id
    there = [answer for answer in answers if answer.citation.span.document_id == document]
    first, second, *others = sorted(there, key=lambda answer: answer.citation.span)
    last = 2 + len(others)
    watched.ask(RECALL)
    watched.page.click(f"[data-show='answers/{first.rank}/0']")
    expect(watched.page.locator(".pc-here")).to_be_in_viewport()
    watched.page.keyboard.press("n")
    watched.says(f"Answer {second.rank}, mark 2 of {last}")
    expect(watched.page.locator(f"[data-mark='{second.rank}']")).to_be_in_viewport()
    assert watched.dom_text(f"[data-mark='{second.rank}']") == second.answer
    watched.page.keyboard.press("p")
    watched.says(f"This answer, mark 1 of {last}")
    watched.page.get_by_role("button", name="Next (n)").click()
    watched.says(f"mark 2 of {last}")


def test_what_is_ignored_is_grey_with_its_reason_and_can_be_hidden(watched: Watched, assistant: Assistant) -> None:
    best = assistant.ask(RECALL).answers[0]
    document = assistant.index.document(best.citation.span.document_id)
    assert document is not None
    masks = assistant.index.masks(document.id)
    watched.ask(RECALL)
    watched.page.click("[data-show='answers/1/0']")
    watched.page.wait_for_selector(".pc-ignored[data-label]")
    shown = watched.page.eval_on_selector_all(".pc-text .pc-ignored", "all => all.map(one => one.textContent)")
    assert shown == [document.slice(mask.span) for mask in masks]
    switch = watched.page.get_by_role("button", name="Hide ignored")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(watched.page.locator(".pc-ignored").first).not_to_be_visible()
    assert watched.dom_text("mark.pc-here") == best.answer
    switch.click()
    expect(watched.page.locator(".pc-ignored").first).to_be_visible()


def test_the_source_links_to_the_original_at_the_quotation(watched: Watched, assistant: Assistant) -> None:
    question = "How much did the footbridge cost, as the council said?"
    answer = next(one for one in assistant.ask(question).answers if one.citation.source.uri)
    watched.ask(question)
    watched.page.click(f"[data-show='answers/{answer.rank}/0']")
    link = watched.page.locator("#pc-source header").get_by_role("link", name="original")
    expect(link).to_have_attribute("href", answer.citation.to_dict()["url_fragment"])
    expect(link).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize("width", [320, 360, 1440, 2560])
def test_nothing_is_wider_than_the_window(watched: Watched, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    widest = "document.documentElement.scrollWidth"
    watched.ask(HARBOUR)
    watched.page.click("[data-show='answers/1/0']")
    watched.page.wait_for_selector(".pc-source")
    assert watched.page.evaluate(widest) <= width
    for part in ("Documents", "Batch", "Evaluate"):
        watched.turn_to(part)
        assert watched.page.evaluate(widest) <= width


def test_a_changed_document_is_answered_anew_and_never_marked_by_old_offsets(
    watched: Watched, assistant: Assistant, articles: Path
) -> None:
    watched.ask(FERRY)
    changed = articles / HOSTILE_NAME
    before = changed.read_bytes()
    changed.write_text("Timetable\n\nThe ferry of Marrowick leaves at dusk on each Monday.\n", encoding="utf-8")
    try:
        assert assistant.index.add(articles).updated == (HOSTILE_NAME,)
        watched.page.click("[data-show='answers/1/0']")
        expect(watched.page.locator("#pc-source .pc-error h2")).to_contain_text("The document has changed")
        assert watched.page.locator(".pc-here").count() == 0
        watched.page.get_by_role("button", name="More context").click()
        expect(watched.page.locator(".pc-trouble")).to_contain_text("The document has changed")
        watched.ask(f" {FERRY}")
        expect(watched.page.locator("#pc-status")).to_contain_text(f"version {assistant.index.info.version}")
        watched.page.click("[data-show='answers/1/0']")
        expect(watched.page.locator("mark.pc-here")).to_contain_text("dusk")
    finally:
        changed.write_bytes(before)
        assistant.index.add(articles)
