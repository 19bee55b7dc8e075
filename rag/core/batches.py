"""Takes questions in turns: so many at once, and the time that each stage took for one of them."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
QUESTIONS_AT_ONCE = 64


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in order, at most QUESTIONS_AT_ONCE together."""
    return (items[start : start + QUESTIONS_AT_ONCE] for start in range(0, len(items), QUESTIONS_AT_ONCE))


class Clock:
    """Milliseconds of each stage and of all, for each of `questions` that are read together."""

    def __init__(self, questions: int) -> None:
        """Start now."""
        self._questions = questions
        self._began = self._last = time.perf_counter()
        self.timings: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """Note the time since the last stop under the name of the stage that has ended."""
        now = time.perf_counter()
        self.timings[stage] = round((now - self._last) * 1_000 / self._questions, 1)
        self.timings["total"] = round((now - self._began) * 1_000 / self._questions, 1)
        self._last = now
