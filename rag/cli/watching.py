"""Watches files: compares their times and sizes every two seconds until a change has settled."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rag.core.errors import SourceNotFound
from rag.loading import discover

SECONDS_BETWEEN_LOOKS = 2.0

State = Mapping[str, tuple[int, int]]


def changes(
    paths: Sequence[str | Path],
    ignored: Callable[[Path], bool],
    seconds: float = SECONDS_BETWEEN_LOOKS,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Yield after files at or below `paths` were added, changed or removed and then stayed the same for one wait.

    A change that keeps both time and size of a file goes unnoticed. `ignored` excludes files, such as those of the
    index itself.
    """
    reported = state(paths, ignored)
    before = reported
    while True:
        wait(seconds)
        now = state(paths, ignored)
        if now == before and now != reported:
            reported = now
            yield
        before = now


def state(paths: Sequence[str | Path], ignored: Callable[[Path], bool]) -> State:
    """Return the modification time and size of every file; empty if there are none."""
    states: dict[str, tuple[int, int]] = {}
    for path in paths:
        try:
            sources = discover([path])
        except SourceNotFound:
            continue
        for source in sources:
            try:
                status = source.path.stat()
            except OSError:
                continue
            if not ignored(source.path):
                states[str(source.path)] = (status.st_mtime_ns, status.st_size)
    return states
