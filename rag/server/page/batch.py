"""Lays out the part of the page that answers many questions at once: a file of them, a table, its downloads."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.core.reports import duration
from rag.core.response import Response
from rag.server.page.asking import client_of
from rag.server.page.components import PRIVATE, html_part, problem_html
from rag.server.page.html.batch_views import FORMS, file_of, questions_in, table_html
from rag.server.page.html.markup import element, escaped
from rag.server.rate_limit import RateLimit
from rag.server.shared_assistant import SharedAssistant

MOST_QUESTIONS = 1_000
KEPT = 20
"""Tables that can still be saved, over all visitors, the latest."""
TOLD_EVERY_SECONDS = 0.3
EXPLAINED = (
    "A CSV with a question in each row, or a column named question. The table gives for each the best quotation, its"
    " confidence, source and place."
)


class Batch:
    """What happens when a visitor hands in a file of questions."""

    def __init__(self, assistant: SharedAssistant, limit: RateLimit) -> None:
        """Ask `assistant`; take the questions out of the visitor's `limit`."""
        self._assistant, self._limit = assistant, limit
        self._tables: OrderedDict[str, list[Response]] = OrderedDict()

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built, and connect them."""
        heading = element("h2", "Many questions at once", class_="pc-headline")
        html_part("pc-batch-top", heading + element("p", EXPLAINED, class_="pc-note"))
        file = gr.File(label="Questions", file_count="single", elem_id="pc-questions", height=130)
        table = html_part("pc-batch", script="batch", calls=[self.download])
        file.upload(self.on_file, inputs=[file], outputs=[file, table], concurrency_limit=4, **PRIVATE)

    def on_file(self, file: str | None, request: gr.Request) -> Iterator[tuple[Any, str]]:
        """Answer the questions of a file one after the other, telling how far it is."""
        try:
            questions = questions_in(Path(file or "").read_bytes(), MOST_QUESTIONS)
            self._limit.take(client_of(request), len(questions))
            responses: list[Response] = []
            began = told = time.monotonic()
            yield None, _progress_html(0, len(questions), None)
            for question in questions:
                responses.append(self._assistant.ask(question, explain=False))
                now = time.monotonic()
                if now - told > TOLD_EVERY_SECONDS:
                    told, left = now, (now - began) * (len(questions) / len(responses) - 1)
                    yield gr.skip(), _progress_html(len(responses), len(questions), left)
            yield gr.skip(), table_html(responses, self._keep(responses))
        except Exception as error:
            yield None, problem_html(error)

    def download(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return a table as a file."""
        responses = self._tables.get(str(given["id"]))
        if responses is None:
            raise InvalidInput("This table is no longer at hand.", "Hand in the questions again.")
        text = file_of(responses, str(given["form"]))
        suffix, kind, _ = FORMS[str(given["form"])]
        return {"name": f"answers.{suffix}", "text": text, "type": kind}

    def _keep(self, responses: list[Response]) -> str:
        # Whoever knows the name may save the table: it is not to be guessed.
        name = secrets.token_urlsafe(16)
        self._tables[name] = responses
        while len(self._tables) > KEPT:
            self._tables.popitem(last=False)
        return name


def _progress_html(done: int, total: int, left: float | None) -> str:
    bar = element("progress", max=str(total), value=str(done), aria_label="Questions answered")
    words = f"{done:,} of {total:,} questions" + (f", about {duration(left)} left" if left else "")
    return bar + element("p", escaped(words), class_="pc-note")
