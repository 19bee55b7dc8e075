"""Watches a page: everything that goes over its network, its console and its dialogs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Error, Page, expect

GRADIOS_OWN = ("signal is aborted", "Failed to fetch")
"""What Gradio says though all is well: when one leaves a page that has called the server."""


@dataclass
class Watched:
    """A page, with everything that went over its network, its console and its dialogs."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Ask, and wait for the card that answers this very question."""
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        self.answered(question)

    def answered(self, question: str) -> None:
        """Wait for the card that answers this very question."""
        self.page.wait_for_function(
            "question => document.querySelector('#pc-answers [data-question]')?.dataset.question === question",
            arg=question.strip(),
        )

    def turn_to(self, part: str) -> None:
        """Go to a part of the page by its link."""
        link = self.page.get_by_role("navigation", name="Parts of this page").get_by_role("link", name=part)
        # On a busy machine one press while the page loaded had no effect; who sees none presses again.
        for _ in range(5):
            link.click()
            with suppress(AssertionError):
                return expect(link).to_have_attribute("aria-current", "page", timeout=5_000)
        expect(link).to_have_attribute("aria-current", "page")

    def ready(self) -> None:
        """Wait until the index is open."""
        expect(self.page.locator("#pc-status [data-ready=true]")).to_have_count(1)

    def says(self, words: str) -> None:
        """Wait until a screen reader is told these words."""
        expect(self.page.locator("#pc-live")).to_contain_text(words, timeout=60_000)

    def dismiss(self, dialog: Dialog) -> None:
        self.troubles.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not any(words in said.text for words in GRADIOS_OWN):
            self.troubles.append(said.text)

    def fail(self, error: Error) -> None:
        if not any(words in str(error) for words in GRADIOS_OWN):
            self.troubles.append(f"error {error}")

    def dom_text(self, selector: str) -> str:
        return str(self.page.eval_on_selector(selector, "element => element.textContent"))


@contextmanager
def watching(context: BrowserContext, address: str, opened: str = "") -> Iterator[Watched]:
    """Open a page and give it; in the end, nothing may have been asked of elsewhere and nothing may have gone wrong."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    seen = Watched(page, address)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("dialog", seen.dismiss)
    page.on("pageerror", seen.fail)
    page.on("console", seen.hear)
    page.goto(address + opened)
    yield seen
    assert seen.troubles == [], seen.troubles
    elsewhere = [url for url in seen.requests if not url.startswith((address, "data:", f"blob:{address}"))]
    assert elsewhere == [], elsewhere
    assert page.evaluate("window.broken") is None
    page.close()
