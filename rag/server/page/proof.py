"""Lays out the part of the page that proofreads: a draft, its statements beside their sources, files to save."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from rag.core.errors import InvalidInput
from rag.server.limits.rate_limit import RateLimit
from rag.server.page.asking import visitor_of
from rag.server.page.choosing import choice_of, fitting_ids
from rag.server.page.components import html_part
from rag.server.page.html.answers.no_answer_card import message_html
from rag.server.page.html.documents.choice_views import choice_words
from rag.server.page.html.documents.drop_zone import drop_zone_html
from rag.server.page.html.markup import element, escaped
from rag.server.page.html.proof_views import proof_html
from rag.server.page.jobs import Jobs
from rag.server.page.question_sets.question_files import MAX_QUESTION_FILE_MB, file_content
from rag.server.page.sources import Sources
from rag.server.proofs.proof_files import forms_of
from rag.server.proofs.proof_jobs import DraftSource, ProofJob, ProofJobs
from rag.server.shared_assistant import SharedAssistant

MAX_DRAFT_NAME_CHARACTERS = 200
PASTED_DRAFT = "draft.md"
"""The name of a draft that was pasted; its text is read as Markdown."""
PROOF_EXPLAINED = (
    "Each quotation, figure, date and name of the draft is compared with the documents. Every verdict comes with a"
    " quotation of a source. The draft is not changed and not added to the documents."
)
DRAFT_BOX = f"""<div class="pc-paste pc-draft-box">
<label><span>Or paste the draft</span><textarea rows="8" spellcheck="false"></textarea></label>
<button type="button" class="pc-tool" data-paste="{PASTED_DRAFT}">Proofread</button></div>"""
HAND_IN = '<details class="pc-hand-in" open><summary>Hand in a draft</summary>{}</details>'


class Proof:
    """The calls of the page about drafts."""

    def __init__(self, assistant: SharedAssistant, limit: RateLimit, jobs: Jobs, proofs: ProofJobs) -> None:
        """Proofread by `proofs`; take the statements out of the visitor's `limit`."""
        self._assistant, self._limit, self._jobs, self._proofs = assistant, limit, jobs, proofs

    def lay_out(self) -> None:
        """Make the parts inside the blocks that are being built."""
        heading = element("h2", "Does the draft say what the sources say?", class_="pc-headline")
        html_part("pc-proof-top", heading + element("p", PROOF_EXPLAINED, class_="pc-note"))
        zone = drop_zone_html(MAX_QUESTION_FILE_MB, False, "Draft")
        html_part("pc-draft", HAND_IN.format(zone + DRAFT_BOX), script="questionFile")
        with gr.Row(elem_id="pc-proof-desk", elem_classes="pc-two", equal_height=False):
            html_part("pc-proof", script="proof", calls=[self.start, self._jobs.news])
            Sources(self._assistant).lay_out("pc-proof-source")

    def start(self, arguments: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Start to proofread a draft of the documents that are chosen."""
        choice = choice_of(arguments.get("choice") or {})
        name = str(arguments.get("name") or PASTED_DRAFT)[:MAX_DRAFT_NAME_CHARACTERS]
        content = file_content(arguments)
        source = DraftSource(name, content=content, filters=choice.filters())
        self._limit.take(visitor_of(request), source.questions())
        searched = choice_words(self._assistant.documents(), fitting_ids(self._assistant, choice), choice)
        job = self._proofs.start(visitor_of(request), source)
        return {"job": self._jobs.start(lambda: self._shown(job, searched))}

    def _shown(self, job: ProofJob, searched: str) -> Iterator[str]:
        """Yield how far a proof is, then its report."""
        yield _progress_html(job)
        while not job.ended.wait(0.3):
            yield _progress_html(job)
        if job.problem is not None:
            raise InvalidInput(job.problem.detail, job.problem.remedy)
        assert job.report is not None and job.draft is not None
        yield proof_html(job.report, job.draft.document, job.id, forms_of(job.draft), searched)


def _progress_html(job: ProofJob) -> str:
    done, total = job.progress
    if job.status == "waiting":
        return message_html("Waiting …", "Another draft is being proofread.", "waiting")
    if not total:
        return message_html("Reading the draft …", "Its statements are compared in a moment.", "waiting")
    bar = element("progress", max=str(total), value=str(done), aria_label="Sentences compared")
    return bar + element("p", escaped(f"{done:,} of {total:,} sentences compared"), class_="pc-note")
