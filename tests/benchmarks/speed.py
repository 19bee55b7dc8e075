"""Measures the lean runtime beside sentence-transformers, interleaved in one run, and writes the medians as JSON.

    python -m tests.benchmarks.speed DATA/squad2 [--rounds 5] [--passages 64]

CPU seconds, because a shared machine's wall time says little. The texts are the data set's passages as they are
indexed; the questions are asked of an index of its corpus, cold (a fresh process each) and warm.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from rag import Assistant
from rag.chunking import embedding_text
from rag.embedding import open_embedder
from rag.evaluation import datasets
from rag.evaluation.cache import cached_index
from rag.evaluation.cost import environment
from rag.settings import RUNTIMES, Settings

RESULTS = Path(__file__).parent / "results"
WARM = 100
COLD = "from rag import Assistant; import sys; Assistant.open(sys.argv[1]).ask(sys.argv[2])"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passages", type=int, default=64)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    dataset = datasets.load(given.dataset)
    path, _ = cached_index(dataset, Settings(), given.cache, lambda step: None)
    questions = [question.text for question in dataset.sampled(WARM, seed=3).questions]
    found = {
        "environment": environment(),
        "passages": given.passages,
        "rounds": given.rounds,
        "matrix_product_gflops_per_core": round(peak(), 1),
        "passages_per_cpu_second": throughput(path, given.passages, given.rounds),
        "cold_first_answer_cpu_seconds": median(cold(path, question) for question in questions[: given.rounds]),
        "warm_question_cpu_ms": warm(path, questions),
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    (RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-speed.json").write_text(json.dumps(found, indent=1) + "\n")


def peak() -> float:
    """Return the GFLOP per CPU second of a float32 matrix product of 1,024 rows."""
    left = np.ones((1_024, 1_024), np.float32)
    return 2 * 1_024**3 / 1e9 / median(spent(lambda: left @ left) for _ in range(9))


def throughput(path: Path, passages: int, rounds: int) -> dict[str, float]:
    """Return passages per CPU second for each runtime, the median of rounds that take turns."""
    index = Assistant.open(path).index
    texts = [embedding_text(made) for made in index.store.chunks(index.store.rows()[:passages])]
    runtimes = {name: open_embedder(Settings(embedding_runtime=name)) for name in RUNTIMES if name != "auto"}
    for embedder in runtimes.values():
        embedder.embed_passages(texts[:2])
    seconds: dict[str, list[float]] = {name: [] for name in runtimes}
    for _ in range(rounds):
        for name, embedder in runtimes.items():
            seconds[name].append(spent(embedder.embed_passages, texts))
    return {name: round(len(texts) / median(values), 1) for name, values in seconds.items()}


def cold(path: Path, question: str) -> float:
    """Return the CPU seconds of a process that opens the index and answers one question."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", COLD, str(path), question], check=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def warm(path: Path, questions: Sequence[str]) -> dict[str, float]:
    """Return percentiles of the CPU milliseconds of one question, answered and only searched."""
    asking, searching = Assistant.open(path), Assistant.open(path)
    asking.ask("Is anybody there?")
    searching.search("Is anybody there?")
    taken = {
        "ask": [spent(asking.ask, question) for question in questions],
        "search": [spent(searching.search, question) for question in questions],
    }
    return {
        f"{what} p{share}": round(float(np.percentile(values, share)) * 1_000, 1)
        for what, values in taken.items()
        for share in (50, 95)
    }


def spent(work: Callable[..., object], *given: object) -> float:
    """Return the CPU seconds that a call takes, all threads counted."""
    began = time.process_time()
    work(*given)
    return time.process_time() - began


if __name__ == "__main__":
    main()
