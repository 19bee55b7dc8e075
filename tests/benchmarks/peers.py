"""Measures Pincite beside other libraries over the same passages, with the same weights, on the same machine, in turns.

    make bench-peers DATA=../shared/data          # sets the libraries up in build/peers, then runs
    python tests/benchmarks/peers.py DATA/bbc_news --python build/peers/bin/python [--rounds 2] [--passages 100]

Every figure is CPU seconds of a process of its own, all threads counted, as the median of rounds in which the
libraries take turns. The scripts in `peers/` use each library as its documentation shows first. OMP_NUM_THREADS is 1
for all: with more threads torch waits for its own on a busy machine, and a question costs some 450 ms. What was
measured is added to `--measured`, so that rounds may be run one by one; the summary is of all that is there.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rag import Index
from rag.embedding.weights import shipped_path
from rag.evaluation import datasets
from rag.evaluation.cost import environment

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SCRIPTS = HERE / "peers"
OURS = ("pincite", "pincite_reading")
PEERS = ("faiss", "langchain", "haystack", "txtai", "llamaindex", "chroma")
INDEXED_BY = {"pincite_reading": "pincite"}
QUESTIONS = 31
"""The first of which is asked cold."""
DISTRIBUTIONS = (
    "sentence-transformers", "faiss-cpu", "langchain-community", "langchain-huggingface", "haystack-ai", "txtai",
    "llama-index-core", "chromadb", "torch",
)  # fmt: skip


def main() -> None:
    """Measure, and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="interpreter that has the libraries")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--only", nargs="*", default=[*OURS, *PEERS])
    parser.add_argument("--measured", type=Path, default=Path("build/peers/measured.jsonl"))
    given = parser.parse_args()
    with TemporaryDirectory() as work:
        passages, questions = material(given.dataset, given.passages, Path(work))
        for _ in range(given.rounds):
            for name in given.only:
                row = measured(name, given.python, passages, questions, Path(work))
                with given.measured.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"name": name, "passages": given.passages, **row}) + "\n")
    rows = [json.loads(line) for line in given.measured.read_text(encoding="utf-8").splitlines()]
    found = summary(rows, given.passages, given.python)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    (RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-peers.json").write_text(json.dumps(found, indent=1) + "\n")


def material(dataset: Path, count: int, work: Path) -> tuple[Path, Path]:
    """Write passages, cut as Pincite cuts them, and questions, the titles of their articles; return both files."""
    documents = [document for _, document in zip(range(count), datasets.documents(dataset), strict=False)]
    index = Index.build(documents, work / "material")
    rows = index.store.rows()[:count]
    chunks = index.store.chunks(rows)
    questions = list(dict.fromkeys(f"{chunk.title}?" for chunk in chunks))
    index.close()
    files = work / "passages.json", work / "questions.json"
    for file, texts in zip(files, ([chunk.text for chunk in chunks], questions[:QUESTIONS]), strict=True):
        file.write_text(json.dumps(texts), encoding="utf-8")
    return files


def measured(name: str, python: Path, passages: Path, questions: Path, work: Path) -> dict[str, Any]:
    """Return what one library cost in one round: it indexes, then another process asks."""
    with TemporaryDirectory(dir=work) as folder:
        place = Path(folder) / "index"
        indexed = ran(INDEXED_BY.get(name, name), python, "index", passages, place)
        asked = ran(name, python, "ask", questions, place)
    del asked["found"]
    return {**asked, "indexing": indexed["indexing"], "peak_mib_indexing": indexed["peak_mib"]}


def ran(name: str, python: Path, action: str, given: Path, folder: Path) -> dict[str, Any]:
    """Return what a script printed last."""
    interpreter = sys.executable if name in OURS else str(python.absolute())
    command = [interpreter, f"with_{name}.py", action, str(shipped_path()), str(given), str(folder)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=SCRIPTS, env=one_thread, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(rows: Sequence[dict[str, Any]], passages: int, python: Path) -> dict[str, Any]:
    """Return the medians of each library over all of its rounds of so many passages."""
    kept = [row for row in rows if row["passages"] == passages]
    names = [name for name in (*OURS, *PEERS) if any(row["name"] == name for row in kept)]
    return {
        "environment": environment(),
        "peers": versions(python),
        "passages": passages,
        "questions": QUESTIONS,
        "libraries": {name: medians([row for row in kept if row["name"] == name]) for name in names},
    }


def medians(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the figures of one library."""
    warm = [seconds * 1_000 for row in rows for seconds in row["warm"]]
    return {
        "rounds": len(rows),
        "passages_per_cpu_second": round(rows[0]["passages"] / median(row["indexing"] for row in rows), 1),
        "cold_first_cpu_seconds": round(median(row["first"] for row in rows), 2),
        "warm_cpu_ms_p50": round(float(np.percentile(warm, 50)), 1),
        "warm_cpu_ms_p95": round(float(np.percentile(warm, 95)), 1),
        "peak_mib_asking": round(median(row["peak_mib"] for row in rows), 1),
        "peak_mib_indexing": round(median(row["peak_mib_indexing"] for row in rows), 1),
    }


def versions(python: Path) -> dict[str, str]:
    """Return the versions of the libraries that are measured."""
    code = "import sys; from importlib.metadata import version; [print(n, version(n)) for n in sys.argv[1:]]"
    done = subprocess.run([python, "-c", code, *DISTRIBUTIONS], check=True, capture_output=True, text=True)
    return dict(line.split() for line in done.stdout.splitlines())


if __name__ == "__main__":
    main()
