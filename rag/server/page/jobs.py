"""Runs long work of the page in threads, and keeps its latest HTML until the page has asked for it.

A job does not depend on the page that started it: a page that is loaded again, or a second one, can follow it.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rag.core.errors import InvalidInput
from rag.server.page.components import problem_html

MAX_JOBS = 100
"""Jobs that are remembered, the latest; those that run are never dropped."""
MAX_RUNNING = 8


@dataclass
class Job:
    """What one piece of work has shown so far."""

    html: str = ""
    done: bool = False


class Jobs:
    """The jobs of all visitors."""

    def __init__(self) -> None:
        """Begin with none."""
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, work: Callable[[], Iterator[str]]) -> str:
        """Run work that yields HTML, and return the name of its job. Raises InvalidInput if too much is running."""
        # Whoever knows the name sees the result, so it must be hard to guess.
        name, job = secrets.token_urlsafe(16), Job()
        with self._lock:
            if sum(not other.done for other in self._jobs.values()) >= MAX_RUNNING:
                raise InvalidInput("The server is busy with other files.", "Try again in a minute.")
            self._jobs[name] = job
            surplus = max(0, len(self._jobs) - MAX_JOBS)
            for old in [key for key, other in self._jobs.items() if other.done][:surplus]:
                del self._jobs[old]
        threading.Thread(target=_run, args=(work, job), daemon=True).start()
        return name

    def news(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the latest HTML of the job that the page names, and whether the job is done."""
        job = self._jobs.get(str(arguments["job"]))
        if job is None:
            raise InvalidInput("The server has been started again since.", "See under Documents what it has done.")
        # Read `done` first: the HTML read after it is then the last.
        return {"done": job.done, "html": job.html}

    def running(self, name: str) -> bool:
        """Tell whether a job is still at work."""
        job = self._jobs.get(name)
        return job is not None and not job.done


def _run(work: Callable[[], Iterator[str]], job: Job) -> None:
    try:
        for html in work():
            job.html = html
    except Exception as error:
        job.html = problem_html(error)
    finally:
        job.done = True
