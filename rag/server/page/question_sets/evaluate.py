"""Lays out the part of the page that judges the index on a visitor's own questions with known answers."""

import secrets
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.evaluation.datasets import Dataset
from rag.evaluation.results import Evaluation, write_json
from rag.server.limits.rate_limit import RateLimit
from rag.server.page.asking import visitor_of
from rag.server.page.components import html_part
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.evaluation_views import evaluation_html
from rag.server.page.html.markup import element, escaped
from rag.server.page.jobs import Jobs
from rag.server.page.question_sets.evaluate_questions import judge
from rag.server.page.question_sets.question_files import MAX_QUESTION_FILE_MB, file_content, read_questions
from rag.server.shared_assistant import SharedAssistant

MAX_EVALUATIONS = 10
"""Evaluations that can still be saved, over all visitors, the latest."""
EVALUATION_EXPLAINED = (
    "A CSV with the columns question, answer and document, or JSONL with question and answers. An empty answer says"
    " that the documents hold none. What went wrong is shown first."
)


class Evaluate:
    """The calls of the page about questions with known answers."""

    def __init__(self, assistant: SharedAssistant, limit: RateLimit, jobs: Jobs) -> None:
        """Ask `assistant`; take the questions out of the visitor's `limit`."""
        self._assistant, self._limit, self._jobs = assistant, limit, jobs
        self._evaluations: OrderedDict[str, Evaluation] = OrderedDict()

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built."""
        heading = element("h2", "How good are the answers?", class_="pc-headline")
        html_part("pc-evaluate-top", heading + element("p", EVALUATION_EXPLAINED, class_="pc-note"))
        zone = drop_zone_html(MAX_QUESTION_FILE_MB, False, "Questions with answers")
        html_part("pc-cases", zone, script="questionFile")
        html_part("pc-verdict", script="batch", calls=[self.start, self._jobs.news, self.download])

    def start(self, arguments: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Start to judge the index on the questions of a file."""
        dataset = read_questions(file_content(arguments), str(arguments["name"]), self._assistant.texts())
        self._limit.take(visitor_of(request), len(dataset.questions))
        return {"job": self._jobs.start(lambda: self._judged(dataset))}

    def _judged(self, dataset: Dataset) -> Iterator[str]:
        """Yield how far the questions are, then the figures."""
        yield _progress_html(0, len(dataset.questions))
        for news in judge(dataset, self._assistant):
            if isinstance(news, Evaluation):
                yield evaluation_html(news, self._keep(news))
            else:
                yield _progress_html(news, len(dataset.questions))

    def download(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return an evaluation as a file."""
        from rag.evaluation.reporting.report import render_html

        evaluation, form = self._evaluations.get(str(arguments["id"])), str(arguments["form"])
        if evaluation is None:
            raise InvalidInput("This evaluation has expired.", "Hand in the questions again.")
        if form == "report":
            return {"name": "evaluation.html", "text": render_html(evaluation), "type": "text/html"}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "evaluation.json"
            write_json(evaluation, path)
            return {"name": path.name, "text": path.read_text(encoding="utf-8"), "type": "application/json"}

    def _keep(self, evaluation: Evaluation) -> str:
        # Whoever knows the name may save it: it is not to be guessed.
        name = secrets.token_urlsafe(16)
        self._evaluations[name] = evaluation
        while len(self._evaluations) > MAX_EVALUATIONS:
            self._evaluations.popitem(last=False)
        return name


def _progress_html(done: int, total: int) -> str:
    bar = element("progress", max=str(total), value=str(done), aria_label="Questions asked")
    return bar + element("p", escaped(f"{done:,} of {total:,} questions"), class_="pc-note")
