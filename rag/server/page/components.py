"""Makes the parts that the page is put together from, and lets what they call fail in words."""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import RagError
from rag.server.page.html.markup import element, escaped
from rag.server.page.html.refusals import message_html
from rag.server.shared_assistant import SharedAssistant

ASSETS = Path(__file__).parent / "assets"
ASSETS_ADDRESS = "/pincite"
SCRIPTS = "".join(f'<script src="{ASSETS_ADDRESS}/{name}.js"></script>' for name in ("page", "ask", "desk"))
PRIVATE: Any = {"api_visibility": "private", "show_progress": "hidden"}
"""Events of the page that are no endpoints."""
FAILED = "Something failed inside Pincite."
TERMINAL = "Its terminal says what; try again or start it anew."
log = logging.getLogger(__name__)

Call = Callable[..., dict[str, Any]]
"""Takes what the page gives, as JSON, and the request where it asks for it."""


def html_part(
    name: str, value: str = "", script: str | None = None, calls: Sequence[Call] = (), shown: bool = True, **props: Any
) -> gr.HTML:
    """Return a part of the page, with the function of `assets/` that it starts, and what that may call and know.

    One that is not `shown` yet stands where its `render` is called.
    """
    started = f"window.pincite.{script}({{element, trigger, props, watch, server}})" if script else None
    return gr.HTML(
        value,
        elem_id=name,
        apply_default_css=False,
        js_on_load=started,
        head=SCRIPTS if script else None,
        render=shown,
        server_functions=[_in_words(call) for call in calls] or None,
        **props,
    )


def problem_html(error: Exception) -> str:
    """Return a card that says what went wrong and what to do; the log gets what no user can mend."""
    if isinstance(error, RagError):
        return message_html(error.message, error.remedy)
    log.error("the page failed", exc_info=error)
    return message_html(FAILED, TERMINAL)


def status_html(assistant: SharedAssistant) -> str:
    """Return the line that says what is being asked, or why nothing can be."""
    info, problem = assistant.info, assistant.problem
    if problem:
        words = str(problem) if isinstance(problem, RagError) else "The index could not be opened."
    elif info is None:
        words = "loading the model …"
    else:
        words = f"{info.documents:,} documents, {info.chunks:,} passages, version {info.version:,}, offline"
    return element("p", escaped(words), role="status", data_ready=str(info is not None).lower())


def _in_words(call: Call) -> Call:
    """Return a call that gives `{"error": words}` in place of an exception."""

    @wraps(call)
    def answered(*given: Any) -> dict[str, Any]:
        try:
            return call(*given)
        except RagError as error:
            return {"error": str(error)}
        except Exception as error:
            log.error("the page failed", exc_info=error)
            return {"error": f"{FAILED} {TERMINAL}"}

    return answered
