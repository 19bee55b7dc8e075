"""Writes the files of a proof: a web page, JSON, the draft with footnotes, and Word comments."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from rag.core.errors import InvalidInput
from rag.proofreading.drafts import Draft
from rag.proofreading.records import ProofReport
from rag.proofreading.reports.docx_comments import write_comments
from rag.proofreading.reports.footnotes import FOOTNOTE_FORMATS, with_footnotes
from rag.proofreading.reports.html_report import html_report
from rag.server.problems import refused
from rag.server.proofs.proof_jobs import ProofJob

ProofForm = Literal["html", "json", "footnotes", "comments"]
DOCX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FORM_WORDS: dict[ProofForm, str] = {
    "html": "Web page",
    "json": "JSON",
    "footnotes": "Draft with footnotes",
    "comments": "Word with comments",
}


@dataclass(frozen=True)
class ProofFile:
    """A file to be sent: its name, media type and content."""

    name: str
    media_type: str
    content: bytes

    def headers(self) -> dict[str, str]:
        """Return the header that makes a browser save the file under its name."""
        plain = "".join(letter for letter in self.name if (letter.isascii() and letter.isalnum()) or letter in "._-")
        return {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name)}"}


def forms_of(draft: Draft) -> list[ProofForm]:
    """Return the forms in which the proof of a draft can be written."""
    forms: list[ProofForm] = ["html", "json"]
    if draft.document.format in FOOTNOTE_FORMATS:
        forms.append("footnotes")
    if is_word(draft):
        forms.append("comments")
    return forms


def is_word(draft: Draft) -> bool:
    """Tell whether a draft was read from a Word file."""
    return draft.path is not None and draft.document.format == "docx"


def proof_file(job: ProofJob, form: str) -> ProofFile:
    """Return a file of a proof. Raises Refused if it is not done, InvalidInput if the draft has no such form."""
    if job.report is None or job.draft is None:
        raise refused(409, "The proof has no report yet.", "Wait until its status is done.")
    stem, report, draft = Path(job.source.name).stem or "draft", job.report, job.draft
    if form == "html":
        return ProofFile(f"{stem}.proof.html", "text/html", html_report(report, draft.document).encode())
    if form == "json":
        return ProofFile(f"{stem}.proof.json", "application/json", report.to_json().encode())
    if form == "footnotes":
        suffix, kind = ("md", "text/markdown") if draft.document.format == "markdown" else ("txt", "text/plain")
        return ProofFile(f"{stem}.cited.{suffix}", kind, with_footnotes(report, draft).encode())
    if form == "comments" and is_word(draft):
        return ProofFile(f"{stem}.checked.docx", DOCX_MEDIA_TYPE, _commented(report, draft))
    raise InvalidInput(f"There is no form {form!r} of this draft.", f"Known: {', '.join(forms_of(draft))}.")


def _commented(report: ProofReport, draft: Draft) -> bytes:
    if draft.path is None or not draft.path.is_file():
        raise refused(404, "The file of the draft is no longer at hand.", "Hand in the draft again.")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checked.docx"
        write_comments(report, draft.path, copy)
        return copy.read_bytes()
