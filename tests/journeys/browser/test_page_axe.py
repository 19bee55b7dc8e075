import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests import ROOT
from tests.journeys.browser.articles import ABSURD, BRIDGE, RECALL
from tests.journeys.browser.watching import Watched, watching

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "no axe-core: make axe-core (npm fetches it)"
SERIOUS = ("serious", "critical")
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module", params=LIGHTS)
def seen(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Watched]:
    """Give a page by day or by night; without axe-core the tests are skipped, and fail where `CI` is set."""
    if not AXE.is_file():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    context = browser.new_context(reduced_motion="reduce", color_scheme=request.param, bypass_csp=True)
    with watching(context, address) as found:
        found.page.add_script_tag(path=AXE)
        found.ready()
        yield found
    context.close()


def violations(seen: Watched) -> list[str]:
    """Return what axe finds that is serious, with the places."""
    result = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['html'][:150]}"
        for one in result["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def test_axe_finds_what_is_wrong(seen: Watched) -> None:
    # A judge that never finds anything would pass every page.
    seen.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button id=bad></button>')")
    assert any(found.startswith("button-name") for found in violations(seen))
    seen.page.evaluate("document.getElementById('bad').remove()")


@pytest.mark.parametrize("question", [RECALL, BRIDGE, ABSURD])
def test_asking_has_no_serious_violation(seen: Watched, question: str) -> None:
    seen.turn_to("Ask")
    seen.ask(question)
    seen.page.eval_on_selector_all("#pc-part-ask details", "all => all.forEach(one => (one.open = true))")
    assert violations(seen) == []
    seen.page.locator("[data-show]").first.click()
    seen.page.wait_for_selector(".pc-source")
    assert violations(seen) == []
    seen.page.keyboard.press("Escape")


def test_the_documents_have_no_serious_violation(seen: Watched) -> None:
    seen.turn_to("Documents")
    seen.page.locator(".pc-open").first.click()
    seen.page.wait_for_selector(".pc-preview")
    assert violations(seen) == []


def test_batch_and_evaluate_have_no_serious_violation(seen: Watched, tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(f"question,answer\n{RECALL},\nWho cast the great bell of Lindow?,two pounds\n", encoding="utf-8")
    for part, place, done in (
        ("Batch", "#pc-questions", ".pc-batch"),
        ("Evaluate", "#pc-cases", "#pc-verdict section"),
    ):
        seen.turn_to(part)
        assert violations(seen) == []
        seen.page.set_input_files(f"{place} input[type=file]", file)
        seen.page.wait_for_selector(done)
        assert violations(seen) == []
