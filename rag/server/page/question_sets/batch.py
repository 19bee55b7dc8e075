"""Lays out the part of the page that answers many questions at once: a file of them, a table, its downloads."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.core.reports import duration
from rag.core.response import Response
from rag.server.limits.rate_limit import RateLimit
from rag.server.page.asking import visitor_of
from rag.server.page.components import html_part
from rag.server.page.html.batch_views import BATCH_FILES, file_of, questions_in, table_html
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.markup import element, escaped
from rag.server.page.jobs import Jobs
from rag.server.page.question_sets.question_files import MAX_QUESTION_FILE_MB, file_content
from rag.server.shared_assistant import SharedAssistant

MOST_QUESTIONS = 1_000
MAX_BATCHES = 20
"""Tables that can still be saved, over all visitors, the latest."""
BATCH_REFRESH_SECONDS = 0.3
BATCH_EXPLAINED = (
    "A file with a question a line, or a CSV with a column named question. The table gives for each the best quotation,"
    " its confidence, source and place."
)
PASTED = """<details class="pc-paste"><summary>Or paste the questions</summary>
<label><span>A question a line</span><textarea rows="6"></textarea></label>
<button type="button" class="pc-tool" data-paste="">Answer them</button></details>"""


class Batch:
    """The calls of the page about many questions at once."""

    def __init__(self, assistant: SharedAssistant, limit: RateLimit, jobs: Jobs) -> None:
        """Ask `assistant`; take the questions out of the visitor's `limit`."""
        self._assistant, self._limit, self._jobs = assistant, limit, jobs
        self._tables: OrderedDict[str, list[Response]] = OrderedDict()

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built."""
        heading = element("h2", "Many questions at once", class_="pc-headline")
        html_part("pc-batch-top", heading + element("p", BATCH_EXPLAINED, class_="pc-note"))
        zone = drop_zone_html(MAX_QUESTION_FILE_MB, False, "Questions")
        html_part("pc-questions", zone + PASTED, script="questionFile")
        html_part("pc-batch", script="batch", calls=[self.start, self._jobs.news, self.download])

    def start(self, arguments: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Start to answer the questions of a file."""
        questions = questions_in(file_content(arguments), MOST_QUESTIONS)
        self._limit.take(visitor_of(request), len(questions))
        return {"job": self._jobs.start(lambda: self._answered(questions))}

    def _answered(self, questions: list[str]) -> Iterator[str]:
        """Yield how far the answers are, then their table."""
        responses: list[Response] = []
        began = shown_at = time.monotonic()
        yield _progress_html(0, len(questions), None)
        for question in questions:
            responses.append(self._assistant.ask(question, explain=False))
            now = time.monotonic()
            if now - shown_at > BATCH_REFRESH_SECONDS:
                shown_at, seconds_left = now, (now - began) * (len(questions) / len(responses) - 1)
                yield _progress_html(len(responses), len(questions), seconds_left)
        yield table_html(responses, self._keep(responses))

    def download(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a table as a file."""
        responses = self._tables.get(str(arguments["id"]))
        if responses is None:
            raise InvalidInput("This table has expired.", "Hand in the questions again.")
        text = file_of(responses, str(arguments["form"]))
        suffix, kind, _ = BATCH_FILES[str(arguments["form"])]
        return {"name": f"answers.{suffix}", "text": text, "type": kind}

    def _keep(self, responses: list[Response]) -> str:
        # Whoever knows the name may save the table: it is not to be guessed.
        name = secrets.token_urlsafe(16)
        self._tables[name] = responses
        while len(self._tables) > MAX_BATCHES:
            self._tables.popitem(last=False)
        return name


def _progress_html(done: int, total: int, seconds_left: float | None) -> str:
    bar = element("progress", max=str(total), value=str(done), aria_label="Questions answered")
    words = f"{done:,} of {total:,} questions" + (f", about {duration(seconds_left)} left" if seconds_left else "")
    return bar + element("p", escaped(words), class_="pc-note")
