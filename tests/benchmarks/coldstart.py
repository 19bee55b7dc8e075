"""Measures what a fresh process costs, in CPU seconds: `rag --help`, `rag search`, `rag ask` alone and beside a running
`rag serve` of the index, whose own seconds for the answer are not counted, and the same from Python.

    python tests/benchmarks/coldstart.py INDEX QUESTION [--rounds 5]

The commands take turns; each figure is the median of the rounds, all threads and the interpreter's own start counted.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

MEMORY = "; print('\\n' + open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
"""What a process says of its own peak: `getrusage` would count the one that started it too."""
ASK = "import sys; from rag import Assistant; Assistant.open(sys.argv[1]).ask(sys.argv[2])"
BUILD = (
    "import sys, time; from pathlib import Path; from rag import Index; from rag.evaluation import datasets;"
    " documents = [d for d, _ in zip(datasets.documents(Path(sys.argv[1])), range(int(sys.argv[3])))];"
    " began = time.process_time(); index = Index.build(documents, sys.argv[2]);"
    " print('\\n', index.manifest.chunks, time.process_time() - began)"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("question")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(cold(given.index, given.question, given.rounds), indent=1) + "\n")


def cold(index: Path, question: str, rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of a fresh process for each way to ask."""
    where = str(index.absolute())
    rag = [sys.executable, "-m", "rag.cli"]
    ways: Mapping[str, Sequence[str]] = {
        "rag --help": [*rag, "--help"],
        "rag search": [*rag, "search", question, "--index", where],
        "rag ask": [*rag, "ask", question, "--index", where, "--no-server"],
        "rag ask, a server running": [*rag, "ask", question, "--index", where],
        "Assistant.open(…).ask(…)": [sys.executable, "-c", ASK, where, question],
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    with serving(where):
        for _ in range(rounds):
            for name, command in ways.items():
                found[name].append(cpu_seconds(command))
    return {name: round(median(values), 2) for name, values in found.items()}


@contextmanager
def serving(index: str) -> Iterator[None]:
    """Have a `rag serve` of the index, its model loaded, for the time of the block."""
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", index, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            if not any("Pincite is at" in line for line in process.stdout):
                raise SystemExit("The server did not start.")
            yield
        finally:
            process.terminate()


def cpu_seconds(command: Sequence[str]) -> float:
    """Return the CPU seconds of a process, those of the system for it counted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with TemporaryDirectory() as folder:
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak_asking(index: Path, question: str) -> float:
    """Return the peak memory of a process that answers one question, in MiB (Linux)."""
    return round(int(said([ASK + MEMORY, str(index.absolute()), question])[-1]) / 1_024, 1)


def building(dataset: Path, articles: int) -> dict[str, float]:
    """Return the rate and the peak memory of a process that indexes so many articles (Linux)."""
    with TemporaryDirectory() as folder:
        *_, passages, seconds, peak = said([BUILD + MEMORY, str(dataset.absolute()), f"{folder}/index", str(articles)])
    return {
        "articles": articles,
        "passages": int(passages),
        "passages_per_cpu_second": round(int(passages) / float(seconds), 1),
        "peak_mib": round(int(peak) / 1_024, 1),
    }


def said(arguments: Sequence[str]) -> list[str]:
    """Return the words that a Python program prints."""
    done = subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.split()


if __name__ == "__main__":
    main()
