"""Adds files that clients sent to the index in the background, one job after the other, and tells how far each came.

A job shows its client the files by the names that they came with. Jobs are kept in memory: those that still wait when
the server stops are not carried out, and the one that runs then is carried out whole.
"""

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from rag.core.errors import IndexLocked, RagError
from rag.core.reports import IndexReport, Progress
from rag.server.api.access import Client
from rag.server.api.rest.handlers import Handlers, report_json
from rag.server.files.incoming_files import IncomingFiles
from rag.server.files.uploads import FileResult
from rag.server.problems import AGAIN_AFTER_SECONDS, Problem, places_of, problem_of, refused, unexpected

MAX_KEPT_JOBS = 100
"""Jobs whose report can still be read, the latest; those that wait or run are never dropped."""
MAX_WAITING_JOBS = 50
MAX_LISTED_IDS = 100
"""Ids that are listed of the documents of one file; a file of rows may hold a million."""
MAX_LOCKED_SECONDS = 3_600
"""A job waits so long for another writer of the index."""
LOCKED_PAUSE_SECONDS = 0.5
Status = Literal["waiting", "running", "done", "failed"]
log = logging.getLogger(__name__)


@dataclass
class FileJob:
    """The state of one job."""

    id: str
    client: str
    keys: list[str]
    files: list[tuple[str, int]]
    created_at: str = field(default_factory=lambda: _now())
    finished_at: str | None = None
    status: Status = "waiting"
    progress: Progress | None = None
    outcome: tuple[IndexReport, list[FileResult]] | None = None
    problem: Problem | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        report = None if self.outcome is None else self.outcome[0]
        return {
            "id": self.id,
            "status": self.status,
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "files": [self._file(position) for position in range(len(self.files))],
            "progress": None if self.progress is None else _progress_json(self.progress),
            "report": None if report is None else report_json(report),
            "problem": None if self.problem is None else self.problem.to_dict(),
        }

    def _file(self, position: int) -> dict[str, Any]:
        name, size = self.files[position]
        content: dict[str, Any] = {"name": name, "bytes": size, "outcome": self.status, "stored_as": None,
                                   "documents": 0, "document_ids": [], "problems": []}  # fmt: skip
        if self.outcome is None:
            return content
        report, results = self.outcome
        result = results[position]
        return {
            **content,
            "outcome": result.outcome(report),
            "stored_as": result.stored_as if result.document_ids else None,
            "documents": len(result.document_ids),
            "document_ids": list(result.document_ids[:MAX_LISTED_IDS]),
            "problems": [{"source": source, "reason": reason} for source, reason in result.problems],
        }


class FileJobs:
    """The jobs of all clients; each client sees its own."""

    def __init__(self, handlers: Handlers, incoming: IncomingFiles) -> None:
        """Begin with none; `incoming` holds the files that clients sent."""
        self._handlers, self._incoming = handlers, incoming
        self._jobs: OrderedDict[str, FileJob] = OrderedDict()
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = ThreadPoolExecutor(1, "pincite-files")

    def start(self, client: Client, keys: Sequence[str]) -> FileJob:
        """Return the new job of files that wait in `incoming`. Raises Refused if too many jobs wait already."""
        with self._lock:
            self._require_space()
            files = [(file.name, file.size) for file in self._incoming.take(keys)]
            # The name is hard to guess, because every client of this machine has the same name.
            job = FileJob(secrets.token_urlsafe(16), client.name, list(keys), files)
            self._jobs[job.id] = job
            ended = [name for name, other in self._jobs.items() if other.finished_at]
            for name in ended[: max(0, len(self._jobs) - MAX_KEPT_JOBS)]:
                del self._jobs[name]
        self._thread.submit(self._run, job)
        return job

    def job(self, client: Client, job_id: str) -> FileJob:
        """Return a job of a client; an admin sees all. Raises Refused if the client has none of this id."""
        job = self._jobs.get(job_id)
        if job is None or (job.client != client.name and client.scope != "admin"):
            raise refused(404, "You have no such job.", "A job is forgotten when the server stops.")
        return job

    def require_space(self) -> None:
        """Raise Refused if too many jobs wait already."""
        with self._lock:
            self._require_space()

    def close(self) -> None:
        """Carry out the job that runs, and none that waits."""
        self._stopping.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _require_space(self) -> None:
        if sum(job.finished_at is None for job in self._jobs.values()) >= MAX_WAITING_JOBS:
            again = {"retry-after": str(AGAIN_AFTER_SECONDS)}
            raise refused(429, f"{MAX_WAITING_JOBS} jobs wait already.", "Try again in a moment.", again)

    def _run(self, job: FileJob) -> None:
        job.status = "running"
        try:
            files = [(name, self._incoming.file_taken(key)) for key, (name, _) in zip(job.keys, job.files, strict=True)]
            until = time.monotonic() + MAX_LOCKED_SECONDS
            while not self._written(job, files, until):
                self._stopping.wait(LOCKED_PAUSE_SECONDS)
        except RagError as error:
            job.problem = problem_of(error)
        except Exception as error:
            log.error("a job of files failed: %s", places_of(error))
            job.problem = unexpected()
        finally:
            self._incoming.discard(job.keys)
            job.status = "failed" if job.outcome is None else "done"
            job.finished_at = _now()

    def _written(self, job: FileJob, files: Sequence[tuple[str, Any]], until: float) -> bool:
        """Tell whether the write is done; another writer may hold the index. Raises what the write does."""

        def tell(progress: Progress) -> None:
            job.progress = progress

        try:
            job.outcome = self._handlers.add_files(files, tell)
        except IndexLocked:
            if self._stopping.is_set() or time.monotonic() > until:
                raise
            return False
        return True


def _progress_json(progress: Progress) -> dict[str, Any]:
    content = asdict(progress)
    return {**content, "seconds_left": progress.seconds_left}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
