"""Measures the cost of answering, and records the machine and the package versions."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.evaluation.cache import BuildCost
from rag.evaluation.results import Measure

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant

PACKAGES = (
    "pincite-slim", "faiss-cpu", "ir-measures", "langchain-text-splitters", "numpy", "nupunkt", "onnxruntime",
    "pytrec-eval-terrier", "scikit-learn", "sentence-transformers", "tantivy", "torch", "transformers",
)  # fmt: skip


def latencies(assistant: "Assistant", questions: Sequence[str]) -> list[float]:
    """Return the milliseconds of each question, asked one by one after one question that warms up.

    Pass an assistant that has not answered these questions, because it caches the vectors of questions and sentences.
    """
    assistant.ask("Is anybody there?")
    milliseconds = []
    for question in questions:
        started_at = time.perf_counter()
        assistant.ask(question)
        milliseconds.append((time.perf_counter() - started_at) * 1_000)
    return milliseconds


def cost_figures(
    assistant: "Assistant", questions: Sequence[str], one_by_one: Sequence[float], built: BuildCost
) -> list[Measure]:
    """Ask `questions` together; return latency, throughput, CPU seconds and peak memory.

    Pass an assistant that has not answered these questions.
    """
    clock, cpu = time.perf_counter(), time.process_time()
    assistant.ask_many(questions)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    count = len(questions)
    figures: list[tuple[str, float | None, int]] = [
        ("p50 one by one, ms", float(np.percentile(one_by_one, 50)), len(one_by_one)),
        ("p95 one by one, ms", float(np.percentile(one_by_one, 95)), len(one_by_one)),
        ("questions/s, batched", count / clock, count),
        ("CPU s per question, batched", cpu / count, count),
        ("peak memory of the process, MiB", peak_memory(), 1),
    ]
    if not built.remembered:
        figures += [
            ("passages/s indexed", built.passages / built.seconds, built.passages),
            ("passages/CPU s indexed", built.passages / built.cpu_seconds, built.passages),
        ]
    return [Measure("cost", name, value, None, None, n) for name, value, n in figures if value is not None]


def peak_memory() -> float | None:
    """Return the largest resident size of the process so far in MiB, or None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def environment() -> dict[str, object]:
    """Return machine, Python, package versions and commit for a result."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: installed for name in PACKAGES if (installed := _version(name))},
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout that the package runs from, with "+" if tracked files differ from it."""
    here = Path(__file__).parent
    try:
        run = [
            subprocess.run(["git", *command], cwd=here, capture_output=True, text=True, check=True, timeout=10).stdout
            for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return run[0].strip() + ("+" if run[1].strip() else "")
