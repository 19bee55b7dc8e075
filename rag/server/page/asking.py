"""Lays out the part of the page that asks: a question, its quotations, and the source of one of them."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.events import api

from rag.answering.feedback import feedback_record, keep
from rag.core.errors import InvalidInput, RagError
from rag.core.response import Answer, IndexInfo, Response
from rag.core.settings import Options
from rag.evidence.citation_link import follow, link_of_query
from rag.retrieval.follow_up import follow_up
from rag.server.limits.rate_limit import RateLimit
from rag.server.page.choosing import choice_of, fitting_ids, offer
from rag.server.page.components import Call, html_part, problem_html, status_html
from rag.server.page.examples import examples
from rag.server.page.html.answers.cards import response_html
from rag.server.page.html.answers.completed import completed_html
from rag.server.page.html.answers.confidence_slider import slider_html
from rag.server.page.html.answers.no_answer_card import message_html
from rag.server.page.html.documents.about_index import about_html
from rag.server.page.html.documents.choice_views import choice_words, list_html, panel_html
from rag.server.page.html.line_breaks import flowing, is_of_page
from rag.server.page.html.link_views import link_html
from rag.server.page.html.markup import element, escaped
from rag.server.page.html.source_view import (
    answers_of,
)
from rag.server.page.sources import Sources
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding

WAITING_MESSAGE = message_html("Reading …", "Your question is answered in a moment.", "waiting")
MOST_SENTENCES = 50
"""Sentences by which a quotation can be widened on each side; beyond, the source is there."""
MAX_PREVIOUS_CHARACTERS = 2_000
"""Characters of the question before that a follow-up is completed from."""
MAX_SUMMARIZED_DOCUMENTS = 20_000
"""Documents up to which the first screen names kinds and titles; of more it gives the number alone."""
MAX_LINK_CHARACTERS = 20_000
"""Characters of the address of a link, percent-encoded."""
ANSWER_FILES = {
    "markdown": ("md", "text/markdown"),
    "json": ("json", "application/json"),
    "bibtex": ("bib", "text/plain"),
}
EARLIER = """<details class="pc-earlier" hidden><summary>Earlier questions</summary>
<div class="pc-sitting" hidden><p>This sitting</p><ol></ol></div>
<div class="pc-before" hidden><p>Before</p><ol></ol></div>
<button type="button" class="pc-forget">Clear history</button></details>"""
CHOICE = """<details class="pc-choose"><summary>Searched: <bdi translate="yes">all documents</bdi></summary>
<div class="pc-choice-body"></div></details>
<button type="button" class="pc-ask-all" hidden>Ask all documents</button>"""


class Asking:
    """What happens when a visitor asks, and when he does something with an answer."""

    def __init__(
        self, assistant: SharedAssistant, options: Options, limit: RateLimit, standing: SharedStanding
    ) -> None:
        """Ask `assistant`; take each question out of the visitor's `limit`. Watched questions go to `standing`."""
        self._assistant, self._options, self._limit, self._standing = assistant, options, limit, standing
        self._looking = threading.Lock()
        self._examples: tuple[int, str] | None = None

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built. `ask.js` hears Enter and the button."""
        with gr.Row(elem_id="pc-form", equal_height=False):
            gr.Textbox(label="Your question", lines=1, max_lines=4, autofocus=True, elem_id="pc-question")
            gr.Button("Ask", variant="primary", elem_id="pc-ask", scale=0)
        html_part("pc-only", CHOICE, script="chosen", calls=[self.choices])
        html_part("pc-examples", EARLIER, script="suggested", calls=[self.examples])
        html_part("pc-expectation", script="confidence", calls=[self.slider])
        with gr.Row(elem_id="pc-desk", equal_height=False):
            calls: list[Call] = [self.ask, self.widen, self.export, self.linked]
            calls += [] if self._options.readonly else [self.judge, self.watch]
            html_part("pc-answers", script="answers", calls=calls, waiting=WAITING_MESSAGE)
            Sources(self._assistant).lay_out("pc-source")

        api(self.endpoint, api_name="ask", api_description="Return the response to a question as a JSON object.")

    def examples(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the HTML of questions to start with and of what is asked, both found once for each version."""
        info = self._assistant.info
        version = info.version if info else 0
        with self._looking:
            if self._examples is None or self._examples[0] != version:
                self._examples = version, _examples_html(self._answered_examples()) + self._about(info)
        return {"html": self._examples[1] + EARLIER}

    def slider(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the slider of the confidence."""
        return {"html": slider_html(self._assistant.calibration(), self._assistant.threshold())}

    def endpoint(self, question: str, request: gr.Request) -> dict[str, Any]:
        """Return the response as JSON."""
        try:
            self._limit.take(visitor_of(request))
            response = self._assistant.ask(question)
        except RagError as error:
            raise gr.Error(str(error), print_exception=False) from None
        return {**response.to_dict(), "explain": None}

    def ask(self, arguments: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Return the cards of a question, the line about the index, and the question that a follow-up may go back to.

        `before` is the question before it, empty if the question is to be asked as it is.
        """
        stands = ""
        try:
            self._limit.take(visitor_of(request))
            least = None if arguments.get("least") is None else min(1.0, max(0.0, float(arguments["least"])))
            filters = choice_of(arguments.get("choice") or {}).filters()
            typed = str(arguments["question"])
            completed = follow_up(str(arguments.get("before") or "")[:MAX_PREVIOUS_CHARACTERS], typed)
            question = completed.question if completed and completed.is_sure else typed
            response = self._assistant.ask(question, least, filters=filters)
            html = response_html(response, not self._options.readonly, self._is_watched(question, filters))
            html = completed_html(typed, completed) + html if completed else html
            stands = question if completed is None or completed.is_sure else ""
        except Exception as error:
            html = problem_html(error)
        return {"html": html, "status": status_html(self._assistant), "stands": stands}

    def choices(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return which documents a choice asks, in words; the list of a search in them; `whole` adds the fields."""
        choice, query = choice_of(arguments.get("choice") or {}), str(arguments.get("query") or "")
        documents, asked = self._assistant.documents(), fitting_ids(self._assistant, choice)
        fitting = fitting_ids(self._assistant, replace(choice, only=())) if choice.only else asked
        panel = panel_html(offer(self._assistant), choice) if arguments.get("whole") else None
        words = choice_words(documents, asked, choice)
        return {"words": words, "list": list_html(documents, fitting, choice, query), "panel": panel}

    def linked(self, arguments: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Return a card that says what became of the quotation of a link."""
        try:
            self._limit.take(visitor_of(request))
            link = link_of_query(str(arguments["link"])[:MAX_LINK_CHARACTERS])
            with self._assistant.ready() as assistant:
                return {"html": link_html(follow(assistant, link))}
        except Exception as error:
            return {"html": problem_html(error)}

    def watch(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Keep asking the question of a response that was given lately, of the documents chosen for it."""
        if self._options.readonly:
            raise InvalidInput("This page is for reading only.", "Use rag standing add, in a shell.")
        response = self._assistant.response(str(arguments["response"]))
        self._standing.add(response.question, choice_of(arguments.get("choice") or {}).filters())
        return {"question": response.question}

    def widen(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the HTML before and after a quotation, some sentences more on each side.

        `continued` says that the text now holds what the card warns of.
        """
        answer = _named(self._assistant.response(str(arguments["response"])), str(arguments["address"]))
        before, after = self._assistant.widened(answer, min(MOST_SENTENCES, max(0, int(arguments["by"]))))
        text, is_page = before + answer.answer + after, is_of_page(answer)
        return {
            "before": flowing(text, is_page, 0, len(before)),
            "after": flowing(text, is_page, len(text) - len(after)),
            "continued": answer.continues is not None and answer.continues[1] in after,
        }

    def export(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return all answers to a question as a file."""
        response, form = self._assistant.response(str(arguments["response"])), str(arguments["form"])
        if form not in ANSWER_FILES:
            raise InvalidInput(f"There is no form {form!r}.", f"Known: {', '.join(ANSWER_FILES)}.")
        texts = {"markdown": response.to_markdown, "json": response.to_json, "bibtex": response.to_bibtex}
        suffix, kind = ANSWER_FILES[form]
        return {"name": f"{response.response_id}.{suffix}", "text": texts[form](), "type": kind}

    def judge(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Keep a reader's verdict on an answer."""
        response = self._assistant.response(str(arguments["response"]))
        keep(self._assistant.path, feedback_record(response, int(arguments["rank"]), str(arguments["verdict"])))
        return {}

    def _is_watched(self, question: str, filters: Mapping[str, Any] | None) -> bool | None:
        """Tell whether a question is watched, None if it cannot be."""
        if self._options.readonly:
            return None
        try:
            return self._standing.watches(question, filters)
        except RagError:
            return None

    def _answered_examples(self) -> list[str]:
        try:
            return list(examples(self._assistant))
        except Exception as error:
            problem_html(error)
            return []

    def _about(self, info: IndexInfo | None) -> str:
        if info is None:
            return ""
        summaries = self._assistant.documents() if info.documents <= MAX_SUMMARIZED_DOCUMENTS else []
        return about_html(info.documents, summaries, None if self._options.readonly else self._options.upload_limit)


def visitor_of(request: gr.Request) -> str:
    """Return the address by which a visitor is told from others."""
    return request.client.host if request.client else ""


def _named(response: Response, address: str) -> Answer:
    group, _, numbers = address.partition("/")
    answers = answers_of(response, group)
    answer = next((answer for answer in answers if str(answer.rank) == numbers.partition("/")[0]), None)
    if answer is None:
        raise InvalidInput(f"There is no answer {address!r} on this page.", "Ask the question again.")
    return answer


def _examples_html(questions: list[str]) -> str:
    if not questions:
        return ""
    buttons = [element("button", escaped(text), type="button", data_question=text, dir="auto") for text in questions]
    return element("div", element("span", "Try"), *buttons, role="group", aria_label="Examples", class_="pc-examples")
