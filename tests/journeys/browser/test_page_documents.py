from pathlib import Path

from playwright.sync_api import expect

from rag.answering.assistant import Assistant
from tests.journeys.browser.watching import Watched

PIER = "The pier of Zennor\n\nThe pier of Zennor was painted green by Isolde Trewin.\n\nSubscribe to our newsletter\n"
ASKED = "Who painted the pier of Zennor green?"


def test_files_are_handed_in_listed_looked_at_asked_and_removed_again(
    watched: Watched, assistant: Assistant, index: Path, tmp_path: Path
) -> None:
    page = watched.page
    held = assistant.index.info.documents
    good, bad = tmp_path / "pier.txt", tmp_path / "pier.xyz"
    good.write_text(PIER, encoding="utf-8")
    bad.write_bytes(b"\0\1\2")
    watched.turn_to("Documents")
    expect(page.locator("#pc-list")).to_contain_text(f"{held} documents")
    page.set_input_files("#pc-upload input[type=file]", [good, bad])
    report = page.locator("#pc-report")
    expect(report.get_by_role("row", name="pier.txt added")).to_be_visible()
    expect(report.get_by_role("row", name="pier.xyz skipped")).to_be_visible()
    assert str(index) not in report.inner_text()
    assert [path.name for path in (index / "uploads").iterdir()] == ["pier.txt"]
    expect(page.locator("#pc-list")).to_contain_text(f"{held + 1} documents")

    page.get_by_label("Find by title or name").fill("zennor pier")
    expect(page.locator("#pc-list tbody tr")).to_have_count(1)
    page.get_by_role("button", name="The pier of Zennor", exact=True).click()
    page.wait_for_selector("#pc-preview .pc-text")
    assert watched.dom_text("#pc-preview .pc-text") == PIER
    assistant.refresh()
    chunks = [chunk.text for chunk in assistant.index.chunks("pier.txt")]
    assert page.eval_on_selector_all(".pc-passage", "all => all.map(one => one.textContent)") == chunks
    expect(page.locator("#pc-preview .pc-ignored")).to_have_text("Subscribe to our newsletter")

    watched.turn_to("Ask")
    watched.ask(ASKED)
    best = page.get_by_role("article", name="Answer 1")
    expect(best.locator("mark")).to_have_text("Isolde Trewin")
    expect(best.locator("blockquote")).to_have_text("The pier of Zennor was painted green by Isolde Trewin.")

    watched.turn_to("Documents")
    remove = page.locator("#pc-list").get_by_role("button", name="Remove pier.txt")
    remove.click()
    watched.says("Press again to confirm.")
    expect(page.locator("#pc-list tbody tr")).to_have_count(1)
    remove.click()
    expect(report.get_by_role("row", name="pier.txt removed")).to_be_visible()
    expect(page.locator("#pc-list")).to_contain_text("No document fits.")
    assert list((index / "uploads").iterdir()) == []
    report.get_by_role("button", name="Undo").click()
    expect(page.locator("#pc-list tbody tr")).to_have_count(1)
    assert [path.name for path in (index / "uploads").iterdir()] == ["pier.txt"]
    page.get_by_label("Choose The pier of Zennor").check()
    several = page.locator(".pc-several")
    expect(several).to_contain_text("1 chosen")
    several.get_by_role("button", name="Remove").click()
    several.get_by_role("button", name="Remove? Click again").click()
    expect(page.locator("#pc-list")).to_contain_text("No document fits.")
    watched.turn_to("Ask")
    watched.ask(f"Tell me: {ASKED}")
    assert "Trewin" not in page.locator("#pc-answers").inner_text()


def test_the_list_is_narrowed_by_the_kind_of_file(watched: Watched) -> None:
    page = watched.page
    watched.turn_to("Documents")
    facet = page.get_by_role("button", name=".jsonl 4")
    facet.click()
    expect(page.locator("#pc-list tbody tr")).to_have_count(4)
    expect(page.get_by_role("button", name=".jsonl 4")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name=".jsonl 4").click()
    expect(page.locator("#pc-list tbody tr")).to_have_count(7)


def test_of_clicks_in_quick_succession_none_is_lost_and_the_last_one_counts(watched: Watched) -> None:
    page = watched.page
    watched.turn_to("Documents")
    page.wait_for_selector(".pc-open")
    titles = page.eval_on_selector_all(".pc-open", "all => all.map(one => one.textContent)")
    for _ in range(5):
        page.evaluate("document.querySelectorAll('.pc-open').forEach(one => one.click())")
        expect(page.locator("#pc-preview h2")).to_have_text(titles[-1])
        page.locator("#pc-preview").get_by_role("button", name="Close").click()
        expect(page.locator("#pc-preview h2")).to_have_count(0)


def test_files_are_read_again_where_they_have_changed(watched: Watched, articles: Path) -> None:
    page, seed = watched.page, next(articles.glob("0*.txt"))
    before = seed.read_bytes()
    watched.turn_to("Documents")
    again = page.get_by_role("button", name="Refresh changed files")
    try:
        seed.write_bytes(before + b"\n\nA last line that was not there.\n")
        again.click()
        expect(page.locator("#pc-report").get_by_role("row", name=f"{seed.name} updated")).to_be_visible()
    finally:
        seed.write_bytes(before)
    again.click()
    expect(page.locator("#pc-report")).to_contain_text("1 updated, 6 unchanged")


def test_the_files_of_the_index_are_checked(watched: Watched) -> None:
    watched.turn_to("Documents")
    watched.page.get_by_role("button", name="Verify index").click()
    expect(watched.page.locator(".pc-sound")).to_have_text("All index files are intact.")
    watched.says("All index files are intact.")
