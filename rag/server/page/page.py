"""Puts the page together: its parts, the links between them, and the line that says which index is asked."""

from typing import Any

import gradio as gr

from rag.core.settings import Options
from rag.server.files.incoming_files import IncomingFiles
from rag.server.limits.rate_limit import RateLimit
from rag.server.page.asking import Asking
from rag.server.page.components import html_part, status_html
from rag.server.page.documents import Documents
from rag.server.page.html.markup import element
from rag.server.page.jobs import Jobs
from rag.server.page.proof import Proof
from rag.server.page.question_sets.batch import Batch
from rag.server.page.question_sets.evaluate import Evaluate
from rag.server.page.watch import Watch
from rag.server.proofs.proof_jobs import ProofJobs
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding

EVENT_POLL_SECONDS = 0.5
PARTS = {
    "ask": "Ask",
    "watch": "Watched",
    "proof": "Proof",
    "documents": "Documents",
    "batch": "Batch",
    "evaluate": "Evaluate",
}
INTERFACE_LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages of `assets/texts.js`, by their codes."""
MASTHEAD = """
<header class="pc-masthead">
  <div><h1>Pincite</h1>
  <p>Answers from your own articles, in their exact words.</p></div>
  {links}
</header>
"""


def build_page(
    assistant: SharedAssistant,
    options: Options | None = None,
    incoming: IncomingFiles | None = None,
    proofs: ProofJobs | None = None,
) -> gr.Blocks:
    """Return the page; it can be shown before `assistant` is loaded.

    The page calls the server by plain requests and uses none of Gradio's events: these answer over one stream for each
    page, and a message sent while that stream closes is lost. A request that gets no answer is sent again.
    """
    options = options or Options()
    limit, jobs = RateLimit(options.rate_limit), Jobs()
    files = incoming or IncomingFiles(options.upload_limit * 1_000_000, options.upload_space * 1_000_000)
    standing, drafts = SharedStanding(assistant), proofs or ProofJobs(assistant)
    blocks: gr.Blocks
    with gr.Blocks(title="Pincite", analytics_enabled=False, fill_width=True) as blocks:
        html_part("pc-top", MASTHEAD.format(links=_links()), script="parts")
        with _part("ask"):
            Asking(assistant, options, limit, standing).lay_out()
        with _part("watch"):
            Watch(assistant, standing, options).lay_out()
        with _part("proof"):
            Proof(assistant, limit, jobs, drafts).lay_out()
        with _part("documents"):
            Documents(assistant, options, files, jobs).lay_out()
        with _part("batch"):
            Batch(assistant, limit, jobs).lay_out()
        with _part("evaluate"):
            Evaluate(assistant, limit, jobs).lay_out()

        def state(arguments: dict[str, Any]) -> dict[str, Any]:
            return {"html": status_html(assistant), "ready": assistant.info is not None}

        html_part("pc-status", status_html(assistant), script="status", calls=[state])
        html_part("pc-language", _languages())
    # Gradio looks for events a thousand times a second, which takes 8% of a core. Only programs that ask by
    # gradio_client send events, and to these half a second is nothing.
    blocks._queue.sleep_when_free = blocks._queue.progress_update_sleep_when_free = EVENT_POLL_SECONDS
    return blocks


def _part(name: str) -> gr.Column:
    return gr.Column(elem_id=f"pc-part-{name}", elem_classes="pc-part")


def _languages() -> str:
    """Return a button for each language of the page, in that language; the one in use is not shown."""
    buttons = [
        element("button", words, type="button", data_language=code, lang=code, translate="no")
        for code, words in INTERFACE_LANGUAGES.items()
    ]
    return element("p", *buttons, role="group", aria_label="Language", class_="pc-note")


def _links() -> str:
    links = [element("a", words, href=f"#{name}") for name, words in PARTS.items()]
    return element("nav", *links, class_="pc-parts", aria_label="Parts of this page")
