"""Proofreads drafts one after the other in a thread, tells how far each came, and keeps the latest reports.

Reports are kept in memory and drafts of files in a folder of this process; both are gone when the server stops.
"""

import logging
import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rag.core.errors import IndexWriteFailed, InvalidInput, RagError
from rag.proofreading.drafts import Draft, draft_at, draft_of_text
from rag.proofreading.proofread import proofread
from rag.proofreading.records import ProofReport
from rag.server.files.incoming_files import file_name
from rag.server.problems import AGAIN_AFTER_SECONDS, Problem, places_of, problem_of, refused, unexpected
from rag.server.shared_assistant import SharedAssistant

MAX_KEPT_PROOFS = 30
"""Proofs whose report can still be read, over all clients, the latest; those that wait or run are never dropped."""
MAX_WAITING_PROOFS = 20
MAX_SERVED_DRAFT_CHARACTERS = 200_000
"""A longer draft is for the shell, where nobody waits for it."""
MAX_DRAFT_FILE_BYTES = 20_000_000
CHARACTERS_OF_A_QUESTION = 2_000
"""Characters of a draft that count as one question of a client's minute."""
PROOF_FOLDER_PREFIX = "pincite-proofs-"
ProofStatus = Literal["waiting", "running", "done", "failed"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DraftSource:
    """A draft as it came: its text, or the content of a file; `name` is what its sender calls it."""

    name: str
    text: str = ""
    content: bytes | None = None
    markdown: bool = True
    filters: Mapping[str, Any] | None = None

    def questions(self) -> int:
        """Return as how many questions the draft counts."""
        length = len(self.text if self.content is None else self.content)
        return 1 + min(length, MAX_SERVED_DRAFT_CHARACTERS) // CHARACTERS_OF_A_QUESTION


@dataclass
class ProofJob:
    """The state of one proof; `draft` and `report` are there once it is done.

    `file` is the draft's file in a folder of this process. `ended` is set when the job is done or has failed.
    """

    id: str
    client: str
    source: DraftSource
    file: Path | None = None
    created_at: str = field(default_factory=lambda: _now())
    finished_at: str | None = None
    status: ProofStatus = "waiting"
    progress: tuple[int, int] = (0, 0)
    draft: Draft | None = None
    report: ProofReport | None = None
    problem: Problem | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "id": self.id,
            "name": self.source.name,
            "status": self.status,
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "progress": dict(zip(("done", "total"), self.progress, strict=True)),
            "report": None if self.report is None else self.report.to_dict(),
            "problem": None if self.problem is None else self.problem.to_dict(),
        }


class ProofJobs:
    """The proofs of all clients; each client sees its own."""

    def __init__(self, assistant: SharedAssistant) -> None:
        """Begin with none."""
        self._assistant = assistant
        self._jobs: OrderedDict[str, ProofJob] = OrderedDict()
        self._lock, self._turn, self._stopping = threading.Lock(), threading.Lock(), threading.Event()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self, client: str, source: DraftSource) -> ProofJob:
        """Return the new job of a draft. Raises Refused if too many wait, InvalidInput if it is empty or too long."""
        _require_short(source)
        # The name is hard to guess, because every client of this machine has the same name.
        name = secrets.token_urlsafe(16)
        with self._lock:
            if sum(job.finished_at is None for job in self._jobs.values()) >= MAX_WAITING_PROOFS:
                again = {"retry-after": str(AGAIN_AFTER_SECONDS)}
                raise refused(429, f"{MAX_WAITING_PROOFS} drafts wait already.", "Try again in a moment.", again)
            job = ProofJob(name, client, replace(source, content=None), self._stored(name, source))
            self._jobs[name] = job
            ended = [key for key, other in self._jobs.items() if other.finished_at]
            for key in ended[: max(0, len(self._jobs) - MAX_KEPT_PROOFS)]:
                self._forget(self._jobs.pop(key))
        # A thread that ends with the process: nobody waits for a report once the server stops.
        threading.Thread(target=self._run_in_turn, args=(job,), daemon=True).start()
        return job

    def job(self, client: str | None, job_id: str) -> ProofJob:
        """Return a job of a client, or of any client if it is None. Raises Refused if there is none of this id."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or client not in (None, job.client):
            raise refused(404, "This proof is no longer at hand.", "Hand in the draft again.")
        return job

    def close(self) -> None:
        """Stop the proof that runs, and carry out none that waits."""
        self._stopping.set()

    def _stored(self, name: str, source: DraftSource) -> Path | None:
        """Write the file of a draft to the folder of this process. Raises IndexWriteFailed."""
        if source.content is None:
            return None
        try:
            if self._folder is None or not Path(self._folder.name).is_dir():
                self._folder = tempfile.TemporaryDirectory(prefix=PROOF_FOLDER_PREFIX, ignore_cleanup_errors=True)
            file = Path(self._folder.name) / f"{name}{Path(file_name(source.name)).suffix.lower()}"
            file.write_bytes(source.content)
        except OSError as error:
            raise IndexWriteFailed(f"The draft could not be stored: {error.strerror}.", "Free disk space.") from None
        return file

    def _forget(self, job: ProofJob) -> None:
        if job.file is not None:
            job.file.unlink(missing_ok=True)

    def _run_in_turn(self, job: ProofJob) -> None:
        with self._turn:
            self._run(job)

    def _run(self, job: ProofJob) -> None:
        job.status = "running"
        try:
            draft = _read(job)
            with self._assistant.ready() as assistant:
                pass
            # A draft may take minutes; meanwhile others ask.
            report = proofread(assistant, draft, job.source.filters, lambda done, total: self._tell(job, done, total))
            job.draft, job.report = draft, report
        except RagError as error:
            job.problem = problem_of(error)
        except Exception as error:
            log.error("a proof failed: %s", places_of(error))
            job.problem = unexpected()
        finally:
            job.status = "failed" if job.report is None else "done"
            job.finished_at = _now()
            job.ended.set()

    def _tell(self, job: ProofJob, done: int, total: int) -> None:
        if self._stopping.is_set():
            raise InvalidInput("The server stops.", "Hand in the draft again.")
        job.progress = done, total


def _require_short(source: DraftSource) -> None:
    if len(source.text) > MAX_SERVED_DRAFT_CHARACTERS:
        raise _too_long(len(source.text))
    if not (source.text.strip() if source.content is None else source.content):
        raise InvalidInput("The draft is empty.", "Give the text of a draft.")
    if source.content is not None and len(source.content) > MAX_DRAFT_FILE_BYTES:
        largest = MAX_DRAFT_FILE_BYTES // 1_000_000
        raise InvalidInput(f"The draft is larger than {largest} MB.", "Save it without its pictures, or split it.")


def _read(job: ProofJob) -> Draft:
    """Return the draft under the name that its sender gave it. Raises InvalidInput."""
    source = job.source
    if job.file is None:
        return draft_of_text(source.text, source.name, source.markdown)
    draft = draft_at(job.file, source.name)
    if len(draft.document.text) > MAX_SERVED_DRAFT_CHARACTERS:
        raise _too_long(len(draft.document.text))
    return draft


def _too_long(length: int) -> InvalidInput:
    what = f"The draft has {length:,} characters; at most {MAX_SERVED_DRAFT_CHARACTERS:,} are read here."
    return InvalidInput(what, "Split it, or use rag proof in a shell.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
