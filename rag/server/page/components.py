"""Makes the parts of the page, and turns the errors of their calls into words."""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import RagError
from rag.server.page.html.answers.no_answer_card import message_html
from rag.server.page.html.markup import element, escaped
from rag.server.shared_assistant import SharedAssistant

ASSETS = Path(__file__).parent / "assets"
ASSETS_ADDRESS = "/pincite"
SCRIPT_NAMES = (
    "texts",
    "page",
    "language",
    "pages",
    "source",
    "choice",
    "history",
    "ask",
    "documents",
    "proof",
    "watch",
)
SCRIPTS = "".join(f'<script src="{ASSETS_ADDRESS}/{name}.js"></script>' for name in SCRIPT_NAMES)
FAILED = "Something failed inside Pincite."
TERMINAL = "Its terminal says what. Try again, or restart it."
log = logging.getLogger(__name__)

Call = Callable[..., dict[str, Any]]
"""Takes the JSON that the page sends, and the request if it has a parameter for it."""


def html_part(
    name: str, value: str = "", script: str | None = None, calls: Sequence[Call] = (), **props: Any
) -> gr.HTML:
    """Return a part of the page, with the function of `assets/` that it starts, and what that may call and know."""
    started = f"window.pincite.{script}({{element, props, server}})" if script else None
    return gr.HTML(
        value,
        elem_id=name,
        apply_default_css=False,
        js_on_load=started,
        head=SCRIPTS if script else None,
        server_functions=[_in_words(call) for call in calls] or None,
        **props,
    )


def problem_html(error: Exception) -> str:
    """Return a card with a problem and its remedy; an error of the program goes to the log."""
    if isinstance(error, RagError):
        return message_html(error.message, error.remedy)
    log.error("the page failed", exc_info=error)
    return message_html(FAILED, TERMINAL)


def status_html(assistant: SharedAssistant) -> str:
    """Return the line about the index, or the reason why it cannot be asked."""
    info, problem = assistant.info, assistant.problem
    if problem:
        words = str(problem) if isinstance(problem, RagError) else "The index could not be opened."
    elif info is None:
        words = "loading the model …"
    else:
        words = f"{info.documents:,} documents, {info.chunks:,} passages, version {info.version:,}"
    return element("p", escaped(words), role="status", data_ready=str(info is not None).lower())


def _in_words(call: Call) -> Call:
    """Return a call that gives the words of an exception, and a card of them, in place of the exception."""

    @wraps(call)
    def answered(*arguments: Any) -> dict[str, Any]:
        try:
            return call(*arguments)
        except Exception as error:
            words = str(error) if isinstance(error, RagError) else f"{FAILED} {TERMINAL}"
            return {"error": words, "card": problem_html(error)}

    return answered
