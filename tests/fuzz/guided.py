"""Draws inputs by coverage: what reaches something new in our rooms or in a parser is changed further (atheris)."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutations import LONGEST, mutated

WATCHED = ("rag", "docx", "openpyxl", "pptx", "striprtf", "trafilatura")
"""Packages whose branches count: ours, and what parses in Python for us."""
BLIND = 0.3
"""Share of the changes that libFuzzer makes, which knows what parts of an input were compared with."""
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b")
"""How those begin: libFuzzer would only break their sums."""
DEPTH = 2
"""Changes one after the other at most: after more, few archives can still be opened."""
GROWN = 2
"""Times as long as the longest sound input one may get: the longer they are, the fewer are tried."""
NEVER = 1_000_000
"""Seconds after which libFuzzer would end an input by the clock: ours are CPU seconds."""


def run(name: str, seed: int, kept: Path, prepared: Callable[[], tuple[Callable[[bytes], None], list[bytes]]]) -> None:
    """Call the check that `prepared` returns until it ends the process; it gives sound inputs to begin with too.

    In the folder `kept` stay the inputs that reach something new, for the next run. `prepared` is called while imports
    are watched: what it imports first counts. Raises ImportError where atheris is missing.
    """
    import atheris

    with atheris.instrument_imports(include=list(WATCHED)):
        check, sound = prepared()
    kept.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(sound):
        (kept / f"sound-{number}").write_bytes(data)

    def changed(data: bytes, longest: int, drawn: int) -> bytes:
        random_ = random.Random(drawn)
        if random_.random() < BLIND and not data.startswith(ARCHIVES):
            return bytes(atheris.Mutate(data, longest))
        return mutated(random_, data, random_.choice(sound))[:longest]

    most = min(LONGEST, GROWN * max(map(len, sound)))
    options = {"seed": seed, "max_len": most, "mutate_depth": DEPTH, "timeout": NEVER, "rss_limit_mb": 0}
    given = [f"-{key}={value}" for key, value in options.items()]
    prefix = f"-artifact_prefix={kept.parent}/died-{name.lstrip('.')}-"
    atheris.Setup([name, *given, prefix, str(kept)], check, custom_mutator=changed)
    atheris.Fuzz()
