"""What the page does when the server is gone or a request is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import BrowserContext, Route, expect

from tests import ROOT
from tests.journeys.browser.articles import BELL, RECALL
from tests.journeys.browser.served import ADDRESS, served
from tests.journeys.browser.watching import Watched, watching

CALLS = "**/gradio_api/component_server/"
SAID_BY_GRADIO = ("Could not connect", "Failed to fetch", "Failed to load resource")


def forgive(watched: Watched) -> None:
    """Forget what the browser says of requests that failed."""
    watched.troubles = [said for said in watched.troubles if not any(words in said for words in SAID_BY_GRADIO)]


def test_a_request_that_is_lost_on_its_way_is_sent_again(watched: Watched) -> None:
    watched.ready()
    lost = 0

    def lose_two(route: Route) -> None:
        nonlocal lost
        if '"fn_name":"ask"' in (route.request.post_data or "") and lost < 2:
            lost += 1
            route.abort("connectionreset")
        else:
            route.continue_()

    watched.page.route(CALLS, lose_two)
    watched.ask(RECALL)
    assert lost == 2
    expect(watched.page.locator(".pc-answers mark").first).to_be_visible()
    watched.page.unroute(CALLS)
    forgive(watched)


def test_a_call_that_changes_something_is_not_sent_again_if_its_answer_is_lost(
    watched: Watched, tmp_path: Path
) -> None:
    page, sent = watched.page, list[str]()
    watched.ready()

    def lose_answers(route: Route) -> None:
        body = route.request.post_data or ""
        if '"fn_name":"refresh"' in body or '"fn_name":"start"' in body:
            sent.append(body)
            route.fetch()
            route.abort("connectionreset")
        elif '"fn_name":"state"' in body:  # otherwise the page would learn of the job, and show it
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(CALLS, lose_answers)
    watched.turn_to("Documents")
    page.get_by_role("button", name="Refresh changed files").click()
    expect(page.locator("#pc-report .pc-gone")).to_be_visible()
    assert len(sent) == 1
    questions = tmp_path / "questions.csv"
    questions.write_text(f"question\n{BELL}\n", encoding="utf-8")
    watched.turn_to("Batch")
    page.set_input_files("#pc-questions input[type=file]", questions)
    expect(page.locator("#pc-batch .pc-gone")).to_be_visible()
    assert len(sent) == 2
    page.unroute(CALLS)
    forgive(watched)


def test_a_server_that_is_gone_gives_a_card_that_stays_and_asks_again(watched: Watched) -> None:
    page = watched.page
    watched.ready()
    page.route(CALLS, lambda route: route.abort("connectionrefused"))
    page.get_by_label("Your question").fill(BELL)
    page.keyboard.press("Enter")
    card = page.locator("#pc-answers .pc-gone")
    expect(card).to_contain_text("Pincite is not answering.")
    watched.says("Pincite is not answering.")
    page.wait_for_timeout(9_000)  # other notes go after eight seconds
    expect(card).to_be_visible()
    page.unroute(CALLS)
    card.get_by_role("button", name="Try again").click()
    watched.answered(BELL)
    forgive(watched)


def test_a_write_is_followed_in_a_second_tab_and_after_a_reload(
    context: BrowserContext, address: str, index: Path, tmp_path: Path
) -> None:
    files = []
    for number in range(30):
        files.append(tmp_path / f"note{number}.txt")
        files[-1].write_text(f"The lamp of pier {number} was lit by keeper {number} in 18{number}.", encoding="utf-8")
    copy = Path(shutil.copytree(index, tmp_path / "index"))
    with (
        served(copy) as own,
        watching(context, own, "#documents") as seen,
        watching(context, own, "#documents") as other,
    ):
        expect(other.page.locator("#pc-list")).to_contain_text("7 documents")
        with seen.page.expect_request(lambda request: '"fn_name":"news"' in (request.post_data or "")):
            seen.page.set_input_files("#pc-upload input[type=file]", files)
        seen.page.reload()
        for tab in (seen, other):
            expect(tab.page.locator("#pc-list")).to_contain_text("37 documents")
            forgive(tab)


def test_a_page_is_told_when_the_server_has_really_stopped(context: BrowserContext, index: Path) -> None:
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", str(index), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = next(match[1] for line in process.stdout if (match := ADDRESS.search(line)))
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#pc-status [data-ready=true]")).to_have_count(1)
    finally:
        process.terminate()
        process.communicate(timeout=120)
    page.get_by_label("Your question").fill(BELL)
    page.keyboard.press("Enter")
    expect(page.locator("#pc-answers .pc-gone")).to_be_visible()
    page.close()
