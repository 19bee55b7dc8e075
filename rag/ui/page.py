"""Lays out the page and connects its events: a question, its quotations, and the source of one of them."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from rag.errors import RagError
from rag.response import Response
from rag.ui.cards import message_html, response_html
from rag.ui.examples import examples
from rag.ui.markup import element, escaped
from rag.ui.shared import SharedAssistant
from rag.ui.source_view import shown_by, source_html

ASSETS = Path(__file__).parent / "assets"
ASSETS_ADDRESS = "/pincite"
SCRIPT = f'<script src="{ASSETS_ADDRESS}/page.js"></script>'
MASTHEAD = """
<header class="pc-masthead">
  <h1>Pincite</h1>
  <p>Answers from your own articles, in their exact words.</p>
</header>
"""
POLL_SECONDS = 0.2
log = logging.getLogger(__name__)


def build_page(assistant: SharedAssistant) -> gr.Blocks:
    """Return the page; it can be shown before `assistant` is loaded."""
    page = _Page(assistant)
    private: Any = {"api_visibility": "private", "show_progress": "hidden"}
    blocks: gr.Blocks
    with gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True) as blocks:
        _html("pc-top", MASTHEAD)
        with gr.Row(elem_id="pc-form", equal_height=False):
            question = gr.Textbox(label="Your question", lines=1, max_lines=4, autofocus=True, elem_id="pc-question")
            button = gr.Button("Ask", variant="primary", elem_id="pc-ask", scale=0)
        suggested = _html("pc-examples", script="examples")
        with gr.Row(elem_id="pc-desk", equal_height=False):
            answers = _html("pc-answers", script="answers")
            source = _html("pc-source", script="source")
        status = _html("pc-status", page.status())
        held = gr.State(None, time_to_live=3_600)

        asked: Any = {"inputs": [question], "outputs": [answers, source, held, status], **private}
        gr.on([question.submit, button.click], page.on_ask, **asked)
        suggested.select(page.on_choose, outputs=[question], **private).then(page.on_ask, **asked)
        answers.select(page.on_show, inputs=[held], outputs=[source], **private)
        blocks.load(page.on_load, outputs=[status, suggested], concurrency_limit=None, **private)
        api(page.ask, api_name="ask", api_description="Return the response to a question as a JSON object.")
    return blocks


class _Page:
    """What the page does at each event."""

    def __init__(self, assistant: SharedAssistant) -> None:
        self._assistant = assistant
        self._occasions = itertools.count(1)

    def on_ask(self, question: str) -> Iterator[tuple[str, str, Response | None, str]]:
        waiting = "Reading …" if self._assistant.info else "The model is being loaded …"
        yield message_html(waiting, "Your question is answered in a moment.", "waiting"), "", None, self.status()
        response, html = None, ""
        try:
            response = self._assistant.ask(question or "")
            html = response_html(response)
        except Exception as error:
            html = _problem(error)
        yield html, "", response, self.status()

    def on_show(self, response: Response | None, event: gr.EventData) -> str:
        try:
            shown = shown_by(response, str(event.address))
            document, masks = self._assistant.document(shown.citation.span.document_id)
            return source_html(document, masks, shown, next(self._occasions))
        except Exception as error:
            return _problem(error)

    def on_choose(self, event: gr.EventData) -> str:
        return str(event.question)

    async def on_load(self) -> AsyncIterator[tuple[str, str]]:
        yield self.status(), ""
        while self._assistant.info is None and self._assistant.problem is None:
            await asyncio.sleep(POLL_SECONDS)
        yield self.status(), ""
        if self._assistant.info:
            questions = await asyncio.to_thread(self._examples)
            yield self.status(), _examples_html(questions)

    def ask(self, question: str) -> dict[str, Any]:
        try:
            return self._assistant.ask(question).to_dict()
        except RagError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def status(self) -> str:
        info, problem = self._assistant.info, self._assistant.problem
        if problem:
            words = str(problem) if isinstance(problem, RagError) else "The index could not be opened."
        elif info is None:
            words = "loading the model …"
        else:
            words = f"{info.documents:,} documents, {info.chunks:,} passages, version {info.version:,}, offline"
        return element("p", escaped(words), role="status", data_ready=str(info is not None).lower())

    def _examples(self) -> list[str]:
        try:
            return list(examples(self._assistant))
        except RagError:
            return []


def _examples_html(questions: list[str]) -> str:
    if not questions:
        return ""
    buttons = [element("button", escaped(text), type="button", data_question=text, dir="auto") for text in questions]
    return element("div", element("span", "Try"), *buttons, role="group", aria_label="Examples", class_="pc-examples")


def _problem(error: Exception) -> str:
    if isinstance(error, RagError):
        return message_html(error.message, error.remedy)
    log.error("the page failed", exc_info=error)
    return message_html("Something failed inside Pincite.", "Its terminal says what; ask again or start it anew.")


def _html(name: str, value: str = "", script: str | None = None) -> gr.HTML:
    """Return a part of the page, with the function of `assets/page.js` that it calls once it is there."""
    started = f"window.pincite.{script}(element, trigger, props, watch)" if script else None
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=started, head=SCRIPT if script else None)
