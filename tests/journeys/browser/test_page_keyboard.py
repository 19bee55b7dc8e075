import json

from playwright.sync_api import Page, Request, Route, expect

from tests.journeys.browser.articles import ABSURD, RECALL
from tests.journeys.browser.watching import Watched

FOCUSED = "document.activeElement"


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Wait until the element is shown, then press Tab until it has the focus; fail where it is never reached."""
    page.wait_for_selector(selector)
    for _ in range(150):
        if page.evaluate(f"{FOCUSED}.matches({selector!r})"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} is not reached by {key}")


def outlined(page: Page) -> bool:
    """Tell whether one sees where the focus is."""
    return bool(
        page.evaluate(
            f"(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle({FOCUSED}))"
        )
    )


def test_the_keyboard_alone_asks_opens_the_source_and_comes_back(watched: Watched) -> None:
    page = watched.page
    watched.ready()
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(RECALL)
    page.keyboard.press("Enter")
    watched.answered(RECALL)
    tab_to(page, "[data-show='answers/1/0']")
    assert outlined(page)
    page.keyboard.press("Enter")
    expect(page.locator("#pc-source h2")).to_be_focused()
    page.keyboard.press("n")
    watched.says("mark 2 of")
    tab_to(page, "[data-ignored]")
    page.keyboard.press("Space")
    expect(page.locator(".pc-ignored").first).not_to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-show='answers/1/0']")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_every_detail_of_an_answer_is_opened_by_the_keyboard(watched: Watched) -> None:
    page = watched.page
    watched.ask(RECALL)
    tab_to(page, "[data-widen='answers/1/0']")
    page.keyboard.press("Enter")
    expect(page.locator("[data-widen='answers/1/1']")).to_be_attached()
    for name in ("pc-verified", "pc-explain", "pc-feedback"):
        tab_to(page, f".{name} summary")
        assert outlined(page)
        page.keyboard.press("Enter")
        expect(page.locator(f".{name}").first).to_have_attribute("open", "")
    tab_to(page, "[data-verdict='1/not_an_answer']")
    page.keyboard.press("Space")
    watched.says("Noted: Not an answer")


def test_the_slider_moves_by_the_arrows(watched: Watched) -> None:
    page = watched.page
    watched.ready()
    tab_to(page, ".pc-expect summary")
    page.keyboard.press("Enter")
    tab_to(page, "#pc-least")
    assert outlined(page)
    before = page.locator(".pc-stop").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pc-stop")).not_to_have_text(before)
    expect(page.locator("#pc-least")).to_have_attribute("aria-valuetext", page.locator(".pc-stop").inner_text())


def is_ask(request: Request) -> bool:
    return '"fn_name":"ask"' in (request.post_data or "")


def test_of_many_steps_of_the_slider_only_the_first_and_the_last_are_asked(watched: Watched) -> None:
    page, held_back, asked = watched.page, list[Route](), list[float]()

    def hold_the_first(route: Route) -> None:
        if is_ask(route.request):
            asked.append(json.loads(str(route.request.post_data))["data"]["least"])
            if len(asked) == 1:
                held_back.append(route)
                return
        route.continue_()

    watched.ask(RECALL)
    page.locator(".pc-expect summary").click()
    slider = page.locator("#pc-least")
    page.route("**/gradio_api/component_server/", hold_the_first)
    with page.expect_request(is_ask):
        slider.press("ArrowRight")
    for _ in range(9):
        slider.press("ArrowRight")
    expect(page.locator(".pc-answers mark").first).to_be_visible()  # the answers before stay
    with page.expect_request(is_ask):
        held_back[0].continue_()
    expect(page.locator(".pc-response, .pc-none")).to_be_visible()
    page.unroute("**/gradio_api/component_server/")
    assert asked[1:] == [int(slider.input_value()) / 100]


def test_the_closest_passage_is_opened_in_its_source_by_the_keyboard(watched: Watched) -> None:
    watched.ask(ABSURD)
    tab_to(watched.page, "[data-show='closest/1/0']")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("span.pc-here")).to_be_in_viewport()


def test_every_part_of_the_page_and_what_it_offers_is_reached_by_the_keyboard(watched: Watched) -> None:
    page = watched.page
    watched.ready()
    reached = {
        "documents": (
            "#pc-upload input",
            "#pc-find input, #pc-find textarea",
            ".pc-open",
            ".pc-remove",
            "#pc-health button",
        ),
        "batch": ("#pc-questions input",),
        "evaluate": ("#pc-cases input",),
    }
    for part, offered in reached.items():
        tab_to(page, f".pc-parts a[href='#{part}']", "Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator(f"#pc-part-{part}")).to_be_visible()
        expect(page.locator(".pc-parts [aria-current=page]")).to_have_attribute("href", f"#{part}")
        for selector in offered:
            tab_to(page, selector)
            assert outlined(page), selector
    page.keyboard.press("/")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_a_document_is_opened_by_the_keyboard_and_its_name_takes_the_focus(watched: Watched) -> None:
    page = watched.page
    page.goto(f"{watched.address}#documents")
    tab_to(page, ".pc-open")
    page.keyboard.press("Enter")
    expect(page.locator("#pc-preview h2")).to_be_focused()
