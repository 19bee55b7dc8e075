"""Puts the page together: its parts, the way between them, and the line that says what is being asked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from rag.core.settings import Options
from rag.server.page.asking import POLL_SECONDS, Asking
from rag.server.page.batch import Batch
from rag.server.page.components import PRIVATE, html_part, status_html
from rag.server.page.documents import Documents
from rag.server.page.evaluate import Evaluate
from rag.server.page.html.markup import element
from rag.server.rate_limit import RateLimit
from rag.server.shared_assistant import SharedAssistant

PARTS = {"ask": "Ask", "documents": "Documents", "batch": "Batch", "evaluate": "Evaluate"}
MASTHEAD = """
<header class="pc-masthead">
  <div><h1>Pincite</h1>
  <p>Answers from your own articles, in their exact words.</p></div>
  {links}
</header>
"""


def build_page(assistant: SharedAssistant, options: Options | None = None) -> gr.Blocks:
    """Return the page; it can be shown before `assistant` is loaded."""
    options = options or Options()
    limit = RateLimit(options.rate_limit)
    status: Any = html_part("pc-status", status_html(assistant), script="status", shown=False)
    blocks: gr.Blocks
    with gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True) as blocks:
        html_part("pc-top", MASTHEAD.format(links=_links()), script="parts")
        with _part("ask"):
            Asking(assistant, options, limit).lay_out(blocks)
        with _part("documents"):
            Documents(assistant, options).lay_out(blocks, status)
        with _part("batch"):
            Batch(assistant, limit).lay_out()
        with _part("evaluate"):
            Evaluate(assistant, limit).lay_out()
        status.render()

        async def on_load() -> AsyncIterator[str]:
            while assistant.info is None and assistant.problem is None:
                yield status_html(assistant)
                await asyncio.sleep(POLL_SECONDS)
            yield status_html(assistant)

        blocks.load(on_load, outputs=[status], concurrency_limit=None, **PRIVATE)
    return blocks


def _part(name: str) -> gr.Column:
    return gr.Column(elem_id=f"pc-part-{name}", elem_classes="pc-part")


def _links() -> str:
    links = [element("a", words, href=f"#{name}") for name, words in PARTS.items()]
    return element("nav", *links, class_="pc-parts", aria_label="Parts of this page")
