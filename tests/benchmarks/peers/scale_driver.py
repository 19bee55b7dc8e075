"""Runs one engine over vectors that are given, in a process of its own, and prints as JSON what it cost.

    python scale_NAME.py build MATERIAL FOLDER
    python scale_NAME.py ask MATERIAL FOLDER

MATERIAL is what `scale_peers.py` writes: `vectors.npy`, `passages.jsonl` in its order, `asked.npy` and
`questions.json`. CPU time is of all threads of the process. Imports come before the clock starts, opening and the first
search after it.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

AT_ONCE, BEST = 5_000, 10
PASSAGES = "passages.jsonl"
VECTORS = "vectors"
"""A way to search whose name begins so gives the nearest vectors; another mixes them with words."""


class Batch(NamedTuple):
    """Some passages: the place of the first among all, their texts and vectors."""

    first: int
    texts: list[str]
    vectors: Any


class Question(NamedTuple):
    """A question and its vector."""

    text: str
    vector: Any


@dataclass(frozen=True)
class Engine:
    """How an engine writes MATERIAL to a folder, opens it, and gives the places of the best ten in some ways."""

    build: Callable[[Path, Path], object]
    open: Callable[[Path], Any]
    ways: Mapping[str, Callable[[Any, Question], list[int]]]


def batches(material: Path) -> Iterator[Batch]:
    """Yield all passages in order."""
    vectors = np.load(material / "vectors.npy", mmap_mode="r")
    with (material / PASSAGES).open("rb") as lines:
        for first in range(0, len(vectors), AT_ONCE):
            texts = [whole(line) for line in islice(lines, AT_ONCE)]
            yield Batch(first, texts, np.array(vectors[first : first + AT_ONCE]))


def whole(line: bytes) -> str:
    """Return the text that the vector of a passage is of: its title and its own."""
    row = json.loads(line)
    return "\n".join(part for part in (row["title"], row["text"]) if part)


def questions(material: Path) -> list[Question]:
    """Return the questions with their vectors."""
    texts = json.loads((material / "questions.json").read_text(encoding="utf-8"))
    return list(map(Question, texts, np.load(material / "asked.npy")))


def run(engine: Engine) -> None:
    """Do what the command line says."""
    action, material, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    found = built(engine, material, folder) if action == "build" else asked(engine, questions(material), folder)
    sys.stdout.write("\n" + json.dumps({**found, "peak_mib": memory("VmHWM")}) + "\n")


def built(engine: Engine, material: Path, folder: Path) -> dict[str, Any]:
    """Return what writing cost."""
    cpu, wall = time.process_time(), time.perf_counter()
    engine.build(material, folder)
    return {"cpu_s": round(time.process_time() - cpu, 1), "wall_s": round(time.perf_counter() - wall, 1)}


def asked(engine: Engine, given: Sequence[Question], folder: Path) -> dict[str, Any]:
    """Return what opening, the first search and all others cost, the memory, and what was found."""
    before = memory("VmRSS")
    opened, opening = timed(engine.open, folder)
    first_way = next(iter(engine.ways.values()))
    _, first = timed(first_way, opened, given[0])
    ways = {}
    for name, way in engine.ways.items():
        way(opened, given[0])
        pairs = [timed(way, opened, question) for question in given]
        ways[name] = {"found": [ids for ids, _ in pairs], **spread([cost for _, cost in pairs])}
    return {
        "mib_before": before, "mib_after": memory("VmRSS"), "mib_after_not_of_files": memory("RssAnon"),
        "open_ms": opening, "first_search_ms": first, "ways": ways,
    }  # fmt: skip


def timed(work: Callable[..., Any], *given: Any) -> tuple[Any, tuple[float, float]]:
    """Return what a call gives, with CPU and wall milliseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work(*given)
    return found, ((time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3)


def spread(costs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return medians and 95th percentiles."""
    cpu, wall = zip(*costs, strict=True)
    return {
        "n": len(costs), "cpu_ms_p50": round(median(cpu), 2), "cpu_ms_p95": round(float(np.percentile(cpu, 95)), 2),
        "wall_ms_p50": round(median(wall), 2), "wall_ms_p95": round(float(np.percentile(wall, 95)), 2),
    }  # fmt: skip


def memory(name: str) -> float:
    """Return a figure of this process's memory in MiB, on Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(re.findall(rf"{name}:\s+(\d+)", status)[0]) / 1_024, 1)
