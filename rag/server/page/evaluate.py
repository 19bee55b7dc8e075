"""Lays out the part of the page that judges the index on a visitor's own questions with known answers."""

import secrets
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.evaluation.results import Evaluation, write_json
from rag.server.page.asking import client_of
from rag.server.page.components import PRIVATE, html_part, problem_html
from rag.server.page.html.judging_views import evaluation_html
from rag.server.page.html.markup import element, escaped
from rag.server.page.judging import judge
from rag.server.page.question_files import read_questions
from rag.server.rate_limit import RateLimit
from rag.server.shared_assistant import SharedAssistant

KEPT = 10
"""Evaluations that can still be saved, over all visitors, the latest."""
EXPLAINED = (
    "A CSV with the columns question, answer and document, or JSONL with question and answers. An empty answer says"
    " that the documents hold none. What went wrong is shown first."
)


class Evaluate:
    """What happens when a visitor hands in questions with known answers."""

    def __init__(self, assistant: SharedAssistant, limit: RateLimit) -> None:
        """Ask `assistant`; take the questions out of the visitor's `limit`."""
        self._assistant, self._limit = assistant, limit
        self._found: OrderedDict[str, Evaluation] = OrderedDict()

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built, and connect them."""
        heading = element("h2", "How good are the answers?", class_="pc-headline")
        html_part("pc-evaluate-top", heading + element("p", EXPLAINED, class_="pc-note"))
        file = gr.File(label="Questions with answers", file_count="single", elem_id="pc-cases", height=130)
        verdict = html_part("pc-verdict", script="batch", calls=[self.download])
        file.upload(self.on_file, inputs=[file], outputs=[file, verdict], concurrency_limit=2, **PRIVATE)

    def on_file(self, file: str | None, request: gr.Request) -> Iterator[tuple[Any, str]]:
        """Judge the index on the questions of a file, telling how far it is."""
        try:
            path = Path(file or "")
            dataset = read_questions(path.read_bytes(), path.name, self._assistant.texts())
            self._limit.take(client_of(request), len(dataset.questions))
            yield None, _progress_html(0, len(dataset.questions))
            for news in judge(dataset, self._assistant):
                if isinstance(news, Evaluation):
                    yield gr.skip(), evaluation_html(news, self._keep(news))
                else:
                    yield gr.skip(), _progress_html(news, len(dataset.questions))
        except Exception as error:
            yield None, problem_html(error)

    def download(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return an evaluation as a file."""
        from rag.evaluation.reporting.report import render_html

        found, form = self._found.get(str(given["id"])), str(given["form"])
        if found is None:
            raise InvalidInput("This evaluation is no longer at hand.", "Hand in the questions again.")
        if form == "report":
            return {"name": "evaluation.html", "text": render_html(found), "type": "text/html"}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "evaluation.json"
            write_json(found, path)
            return {"name": path.name, "text": path.read_text(encoding="utf-8"), "type": "application/json"}

    def _keep(self, evaluation: Evaluation) -> str:
        # Whoever knows the name may save it: it is not to be guessed.
        name = secrets.token_urlsafe(16)
        self._found[name] = evaluation
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        return name


def _progress_html(done: int, total: int) -> str:
    bar = element("progress", max=str(total), value=str(done), aria_label="Questions asked")
    return bar + element("p", escaped(f"{done:,} of {total:,} questions"), class_="pc-note")
