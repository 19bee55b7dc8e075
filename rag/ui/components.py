"""Makes the parts that the page is put together from, and lets what they call fail in words."""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.ui.refusals import message_html

ASSETS = Path(__file__).parent / "assets"
ASSETS_ADDRESS = "/pincite"
SCRIPTS = "".join(f'<script src="{ASSETS_ADDRESS}/{name}.js"></script>' for name in ("page", "ask", "desk"))
PRIVATE: Any = {"api_visibility": "private", "show_progress": "hidden"}
"""Events of the page that are no endpoints."""
FAILED = "Something failed inside Pincite."
TERMINAL = "Its terminal says what; try again or start it anew."
log = logging.getLogger(__name__)

Call = Callable[[dict[str, Any]], dict[str, Any]]


def html_part(name: str, value: str = "", script: str | None = None, calls: Sequence[Call] = ()) -> gr.HTML:
    """Return a part of the page, with the function of `assets/` that it starts and what that may call here."""
    started = f"window.pincite.{script}({{element, trigger, props, watch, server}})" if script else None
    return gr.HTML(
        value,
        elem_id=name,
        apply_default_css=False,
        js_on_load=started,
        head=SCRIPTS if script else None,
        server_functions=[_in_words(call) for call in calls] or None,
    )


def problem_html(error: Exception) -> str:
    """Return a card that says what went wrong and what to do; the log gets what no user can mend."""
    if isinstance(error, RagError):
        return message_html(error.message, error.remedy)
    log.error("the page failed", exc_info=error)
    return message_html(FAILED, TERMINAL)


def _in_words(call: Call) -> Call:
    """Return a call that gives `{"error": words}` in place of an exception."""

    @wraps(call)
    def answered(given: dict[str, Any]) -> dict[str, Any]:
        try:
            return call(given)
        except RagError as error:
            return {"error": str(error)}
        except Exception as error:
            log.error("the page failed", exc_info=error)
            return {"error": f"{FAILED} {TERMINAL}"}

    return answered
