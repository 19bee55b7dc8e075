"""Waits for files to change: looks at their times and sizes again and again, and tells when they rest."""

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
    """Yield whenever files at and below `paths` were added, changed or removed and two looks found them the same.

    What changes neither the time nor the size of a file is not noticed. Files that are `ignored` are not looked at,
    such as those of the index itself.
    """
    told = state(paths, ignored)
    before = told
    while True:
        wait(seconds)
        now = state(paths, ignored)
        if now == before and now != told:
            told = now
            yield
        before = now


def state(paths: Sequence[str | Path], ignored: Callable[[Path], bool]) -> State:
    """Return time of change and size of every file; nothing where none is there."""
    found: dict[str, tuple[int, int]] = {}
    for path in paths:
        try:
            sources = discover([path])
        except SourceNotFound:
            continue
        for source in sources:
            try:
                known = source.path.stat()
            except OSError:
                continue
            if not ignored(source.path):
                found[str(source.path)] = (known.st_mtime_ns, known.st_size)
    return found
