import time

import pytest

from rag.core.errors import InvalidInput
from rag.server.page.jobs import MAX_JOBS, Jobs


def finished(jobs: Jobs, html: str) -> str:
    """Run a job to its end; return its name."""
    name = jobs.start(lambda: iter([html]))
    while not jobs.news({"job": name})["done"]:
        time.sleep(0.001)
    return name


def test_a_hundred_jobs_are_remembered_and_then_the_oldest_is_dropped() -> None:
    jobs = Jobs()
    names = [finished(jobs, str(number)) for number in range(MAX_JOBS)]
    assert [jobs.news({"job": name})["html"] for name in names] == [str(number) for number in range(MAX_JOBS)]
    finished(jobs, "last")
    with pytest.raises(InvalidInput):
        jobs.news({"job": names[0]})
    assert jobs.news({"job": names[1]})["html"] == "1"
