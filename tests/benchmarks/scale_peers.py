"""Measures other engines and Pincite over the same vectors, texts and questions, one after the other in one run.

    python tests/benchmarks/scale_peers.py material WORK TO [--passages 200000] [--questions DATA/hotpot_val_sample]
    python tests/benchmarks/scale_peers.py build TO --python PEERS/bin/python [--only txtai chroma]
    python tests/benchmarks/scale_peers.py ask TO --python PEERS/bin/python [--only txtai chroma] [--result NAME]

WORK is what `million prepare` wrote. `material` takes its first passages whose vector is that of their whole text, and
embeds the questions once, for all. `build` lets each engine write, `ask` lets each open and search what it wrote, each
in a process of its own (`peers/scale_NAME.py`); recall is against the comparison with all. The environment of the peers
has txtai, faiss-cpu, lancedb and chromadb. Engines use threads as they like, but that
OMP_NUM_THREADS is 1 for searching, or FAISS waits with one thread for the other; CPU time is of all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from enlarged import DIMENSION, key_of, questions
from many import EQUAL, Nearest

HERE = Path(__file__).resolve().parent
OURS = ("pincite_vectors", "pincite")
PEERS = ("txtai", "lancedb", "chroma")
DISTRIBUTIONS = ("txtai", "faiss-cpu", "lancedb", "chromadb", "numpy")
BEST, AT_ONCE = 10, 20_000


def material(given: argparse.Namespace) -> dict[str, Any]:
    """Write passages, their vectors, questions, their vectors and the true nearest to a folder."""
    from rag.core.settings import Settings
    from rag.embedding.embedder import open_embedder

    given.to.mkdir(parents=True, exist_ok=True)
    vectors = np.load(given.work / "vectors.npy", mmap_mode="r")
    kept = np.lib.format.open_memmap(given.to / "vectors.npy", "w+", np.float32, (given.passages, DIMENSION))
    count = made = 0
    with (given.to / "passages.jsonl").open("w", encoding="utf-8") as out:
        for row, place in islice(_found(given.work), given.passages):
            title = (row["title"] or "")[:200]
            out.write(json.dumps({"_id": str(count), "title": title, "text": row["text"]}) + "\n")
            kept[count] = vectors[place]
            count, made = count + 1, made + row["_id"].startswith("made:")
    if count < given.passages:
        raise SystemExit(f"{given.work} holds {count} passages of one vector.")
    texts = questions(given.questions, given.asked)
    asked = np.asarray(open_embedder(Settings()).embed_queries(texts), np.float32)
    nearest = Nearest(asked)
    for start in range(0, count, AT_ONCE):
        nearest.see(np.arange(start, min(count, start + AT_ONCE)), np.array(kept[start : start + AT_ONCE]))
    (given.to / "questions.json").write_text(json.dumps(texts), encoding="utf-8")
    np.save(given.to / "asked.npy", asked)
    np.savez(given.to / "nearest.npz", rows=nearest.rows, scores=nearest.scores)
    facts = {"passages": count, "made": made, "questions": len(texts), "of": given.questions.name}
    (given.to / "material.json").write_text(json.dumps(facts))
    return facts


def _found(work: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the rows of the corpus whose whole text was embedded as one, with the place of its vector."""
    keys, order = np.load(work / "keys.npy"), np.load(work / "order.npy")
    with (work / "corpus.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            title = (row["title"] or "")[:200]
            key = key_of("\n".join(part for part in (title, row["text"]) if part))
            place = int(np.searchsorted(keys, key))
            if place < len(keys) and keys[place] == key:
                yield row, int(order[place])


def build(given: argparse.Namespace) -> dict[str, Any]:
    """Let the engines write, one after the other, and return what each cost."""
    passages = json.loads((given.to / "material.json").read_text())["passages"]
    for name in given.only:
        folder = given.to / f"of_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        cost = _ran(given, name, "build")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        found = {**cost, "bytes_per_passage": round(size / passages)}
        (given.to / f"{name}.json").write_text(json.dumps(found) + "\n")
    return _written(given)


def ask(given: argparse.Namespace) -> dict[str, Any]:
    """Let the engines open what they wrote and search it, one after the other, and return all that is known of each."""
    true, asked = np.load(given.to / "nearest.npz"), {}
    for name in given.only:
        asked[name] = _ran(given, name, "ask")
        for way, row in asked[name]["ways"].items():
            found = row.pop("found")
            if way.startswith("vectors"):
                row["recall_at_10"] = recall(found, true["rows"], true["scores"])
    built = _written(given)
    found = summary(given, {name: {"build": built[name], **row} for name, row in asked.items()})
    if given.result:
        file = HERE / "results" / f"{datetime.now(UTC):%Y-%m-%d}-{given.result}.json"
        file.write_text(json.dumps(found, indent=1) + "\n")
    return found


def _written(given: argparse.Namespace) -> dict[str, Any]:
    return {name: json.loads((given.to / f"{name}.json").read_text()) for name in given.only}


def _ran(given: argparse.Namespace, name: str, action: str) -> dict[str, Any]:
    python = sys.executable if name in OURS else str(given.python.absolute())
    folder = given.to / f"of_{name}"
    command = [python, f"scale_{name}.py", action, str(given.to.resolve()), str(folder.resolve())]
    more = {"PYTHONPATH": str(HERE.parents[1])} if name in OURS else {}
    if action == "ask":
        more["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        command, cwd=HERE / "peers", env={**os.environ, **more}, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def recall(found: Sequence[Sequence[int]], rows: Any, scores: Any) -> float:
    """Return the share of the true ten nearest that was found; of equals any will do.

    >>> recall([[3, 1]], np.arange(10)[None], np.linspace(1, 0.1, 10)[None])
    0.2
    """
    shares = [
        len({*ids[:BEST]} & set(true[products >= products[BEST - 1] - EQUAL].tolist())) / BEST
        for ids, true, products in zip(found, rows, scores, strict=True)
    ]
    return round(float(np.mean(shares)), 4)


def summary(given: argparse.Namespace, engines: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured, with what it was measured on and the versions."""
    from rag.evaluation.cost import environment

    code = "import sys; from importlib.metadata import version; [print(n, version(n)) for n in sys.argv[1:]]"
    command = [str(given.python), "-c", code, *DISTRIBUTIONS]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peers = dict(line.split() for line in done.stdout.splitlines())
    facts = json.loads((given.to / "material.json").read_text())
    return {"environment": environment(), "peers": peers, "material": facts, "engines": engines}


def main() -> None:
    """Do one step and write its figures to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("material")
    step.add_argument("work", type=Path)
    step.add_argument("to", type=Path)
    step.add_argument("--passages", type=int, default=200_000)
    step.add_argument("--questions", type=Path, default=Path("../shared/data/hotpot_val_sample"))
    step.add_argument("--asked", type=int, default=200)
    for name in ("build", "ask"):
        step = steps.add_parser(name)
        step.add_argument("to", type=Path)
        step.add_argument("--python", type=Path, required=True, help="interpreter that has the peers")
        step.add_argument("--only", nargs="*", default=[*OURS, *PEERS])
        step.add_argument("--result", help="write what `ask` returns to results/ under this name")
    given = parser.parse_args()
    found = {"material": material, "build": build, "ask": ask}[given.step](given)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
