"""A draft is proofread on the page, and an answer is watched until its document changes."""

from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.browser.articles import FERRY
from tests.journeys.browser.watching import Watched

DRAFT = "The Ostrava footbridge cost 9 million euros.\n\nThe great bell of Lindow was cast by Agnes Thorne in 1611.\n"


def test_a_draft_is_shown_beside_its_sources(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    watched.turn_to("Proof")
    watched.ready()
    page.get_by_label("Or paste the draft").fill(DRAFT)
    page.get_by_role("button", name="Proofread").click()
    wrong = page.locator(".pc-finding.pc-is-contradicted")
    expect(wrong).to_have_count(1)
    expect(wrong.locator(".pc-differs")).to_contain_text("million")
    page.get_by_role("button", name="Contradicted 1").click()
    expect(page.locator(".pc-finding:visible")).to_have_count(1)
    wrong.get_by_role("button", name="Show in source").click()
    expect(page.locator("#pc-proof-source .pc-text mark.pc-here")).to_contain_text("The Ostrava footbridge cost")
    page.keyboard.press("Escape")
    expect(page.locator("#pc-proof-source .pc-source")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Draft with footnotes").click()
    download.value.save_as(tmp_path / "cited.md")
    assert "[^1]: " in (tmp_path / "cited.md").read_text(encoding="utf-8")


def test_an_answer_is_watched_in_one_click_and_its_lasting_link_is_followed(watched: Watched) -> None:
    page = watched.page
    watched.ask(FERRY)
    page.get_by_role("button", name="Keep watching").click()
    expect(page.locator("[data-watch][aria-pressed=true]")).to_have_text("Watched")
    link = page.locator("[data-lasting]").first.get_attribute("data-lasting")
    watched.turn_to("Watched")
    item = page.locator(".pc-watched-item").filter(has_text=FERRY)
    expect(item).to_contain_text("The ferry of Marrowick leaves at noon")
    page.goto(f"{watched.address}?{str(link).replace('noon', 'nine')}")
    expect(page.locator(".pc-link h2")).to_have_text("The source has other words now")
    expect(page.locator("#pc-source mark.pc-here")).to_contain_text("The ferry of Marrowick leaves at noon")
