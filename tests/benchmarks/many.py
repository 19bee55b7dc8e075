"""Writes, opens, searches and changes millions of vectors made of real ones, in memory that does not grow with them.

    python tests/benchmarks/many.py write SHARDS WORK [--passages 5000000] [--questions DATA/hotpot_val_sample]
    python tests/benchmarks/many.py ask WORK
    python tests/benchmarks/many.py change SHARDS WORK

SHARDS is a folder of `.npz` files with `vectors` of real passages; the made ones lie between these and their
neighbours, with noise, by the rule of `million prepare`. Each block is made, compared with the questions in full
precision, and given to the writer, so that the true nearest are known without a copy of all. `ask` and `change` run in
processes of their own, which hold nothing else. The questions are real and of no passage here.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from costs import Memory, memory, resident, rounded, spread, timed, watched
from enlarged import DIMENSION, between, neighbours, questions, vectors_of

from rag.index.storage.quantised_vectors import QuantisedStore, open_vectors
from rag.index.writing.vector_writer import VectorWriter

AT_ONCE, DEEPEST, FEW = 20_000, 100, 1_000
SHARES = (0.5, 0.1, 0.01, 0.001)
EQUAL = 1e-6


def blocks(real: Any, near: Any, count: int, seed: int) -> Iterator[Any]:
    """Yield so many vectors in blocks: the real ones, then made ones."""
    for start in range(0, min(count, len(real)), AT_ONCE):
        yield real[start : min(count, start + AT_ONCE)]
    chance = np.random.default_rng(seed)
    for start in range(len(real), count, AT_ONCE):
        size = min(count, start + AT_ONCE) - start
        firsts = chance.integers(len(real), size=size)
        seconds = near[firsts, chance.integers(near.shape[1], size=size)]
        made = between(real[firsts], real[seconds], chance.uniform(0.3, 0.7, size=(size, 1)), chance)
        yield np.asarray(made, np.float32)


class Nearest:
    """The true nearest of some questions among all the vectors that were shown, with their products."""

    def __init__(self, asked: Any) -> None:
        """Begin with nothing seen."""
        self._asked = asked
        self.rows = np.zeros((len(asked), 0), np.int64)
        self.scores = np.zeros((len(asked), 0), np.float32)

    def see(self, rows: Any, vectors: Any) -> None:
        """Compare the questions with these, one by one."""
        import faiss

        wanted = min(len(rows), DEEPEST)
        scores, places = faiss.knn(self._asked, vectors, wanted, faiss.METRIC_INNER_PRODUCT)
        scores, rows = np.concatenate([self.scores, scores], 1), np.concatenate([self.rows, rows[places]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :DEEPEST]
        self.scores, self.rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)


def write(given: argparse.Namespace) -> dict[str, Any]:
    """Write the vectors and their lists, and the true nearest of the questions, to WORK."""
    from rag.core.settings import Settings
    from rag.embedding.embedder import open_embedder

    folder = given.work / "v0"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    embedder = open_embedder(Settings())
    asked = np.asarray(embedder.embed_queries(questions(given.questions, given.asked)), np.float32)
    real = vectors_of(given.shards)
    near, likeness = neighbours(real)
    nearest, writer, seconds, rows = Nearest(asked), VectorWriter(folder, None, DIMENSION), [0.0, 0.0, 0.0], 0
    before, stages = resident(), watched(type(embedder))
    with Memory() as taking:
        clock = time.process_time()
        for block in blocks(real, near, given.passages, given.seed):
            numbers = np.arange(rows, rows + len(block), dtype=np.int64)
            rows += len(block)
            made = time.process_time()
            nearest.see(numbers, block)
            compared = time.process_time()
            writer.add(numbers, block)
            added = time.process_time()
            seconds = [*map(sum, zip(seconds, (made - clock, compared - made, added - compared), strict=True))]
            clock = added
    real_count = len(real)
    del real, near
    notes, cost, most = finished(writer)
    np.savez(given.work / "asked.npz", asked=asked, rows=nearest.rows, scores=nearest.scores)
    sizes = {file.name: round(file.stat().st_size / rows, 1) for file in folder.iterdir()}
    return {
        "passages": rows, "real": real_count, "likeness_real": likeness, "notes": notes,
        "make_cpu_s": round(seconds[0], 1), "compare_with_questions_cpu_s": round(seconds[1], 1),
        "take_cpu_s": round(seconds[2], 1), "write_cpu_s": round(cost[0] / 1e3, 1),
        "write_wall_s": round(cost[1] / 1e3, 1), "stages_cpu_s": rounded(stages, seconds[2] + cost[0] / 1e3),
        "memory_mb": {"before": before, "most_while_making": taking.most, "most_while_writing": most},
        "bytes_per_vector": sizes, "bytes_per_vector_all": round(sum(sizes.values()), 1), "facts": facts(folder),
    }  # fmt: skip


def finished(writer: VectorWriter) -> tuple[Sequence[str], tuple[float, float], dict[str, int]]:
    """Write the files; return what is told, CPU and wall milliseconds, and the most memory."""
    notes: list[str] = []
    with Memory() as writing:
        cost = timed(lambda: notes.extend(writer.finish()))
    return notes, cost, writing.most


def facts(folder: Path) -> Any:
    """Return how the vectors of a folder are searched."""
    return json.loads((folder / "vectors.json").read_text())


def ask(given: argparse.Namespace) -> dict[str, Any]:
    """Open the vectors and search them, with and without filters."""
    kept, folder = np.load(given.work / "asked.npz"), given.work / "v0"
    before = memory()
    cost = timed(open_vectors, folder)
    again = spread([timed(open_vectors, folder) for _ in range(20)])
    store = open_vectors(folder)
    asked = kept["asked"]
    first = timed(store.search, asked[:1], DEEPEST)
    searched = {
        f"search_{k}_ms": spread([timed(store.search, vector[None], k) for vector in asked]) for k in (10, DEEPEST)
    }
    found: dict[str, Any] = {
        "passages": len(store), "first_open_ms": cost, "open_ms": again, "first_search_ms": first, **searched,
        "memory_mb": {"before": before, "after": memory()},
        "recall": recalls(store, asked, kept["rows"], kept["scores"]),
    }  # fmt: skip
    rows, chance = store.rows(), np.random.default_rng(5)
    for share in SHARES:
        among = np.sort(chance.choice(rows, int(share * len(rows)), replace=False))
        few, nearest = asked[: given.filtered], Nearest(asked[: given.filtered])
        for start in range(0, len(among), AT_ONCE):
            nearest.see(among[start : start + AT_ONCE], store.get(among[start : start + AT_ONCE]))
        found[f"filter {share:.1%}"] = {
            "rows": len(among), **spread([timed(store.search, vector[None], DEEPEST, among) for vector in few]),
            "recall": recalls(store, few, nearest.rows, nearest.scores, among),
        }  # fmt: skip
    return {**found, "memory_mb_after_filters": memory()}


def recalls(store: Any, asked: Any, rows: Any, scores: Any, among: Any = None) -> dict[str, float]:
    """Return the share of the true 10 and 100 nearest that is found; of equals any will do."""
    found = [[row for row, _ in store.search(vector[None], DEEPEST, among)[0]] for vector in asked]
    return {f"at_{k}": round(float(np.mean([
        len(set(ids[:k]) & set(true[products >= products[k - 1] - EQUAL].tolist())) / k
        for ids, true, products in zip(found, rows, scores, strict=True)
    ])), 4) for k in (10, DEEPEST) if rows.shape[1] >= k}  # fmt: skip


def change(given: argparse.Namespace) -> dict[str, Any]:
    """Add 1,000 vectors, then remove 1,000 others, each to a version of its own; look whether both are so."""
    real = vectors_of(given.shards)
    near = neighbours(real[: 20 * FEW])[0]
    more = list(blocks(real[: 20 * FEW], near, 21 * FEW, given.seed + 1))[-1][-FEW:]
    del real, near
    folders = [given.work / f"v{number}" for number in range(3)]
    held = len(open_vectors(folders[0]))
    gone = np.linspace(0, held - 1, FEW).astype(np.int64)
    found: dict[str, Any] = {"passages": held}
    for number, name, work in (
        (1, "add_1000", lambda writer: writer.add(np.arange(held, held + FEW, dtype=np.int64), more)),
        (2, "remove_1000", lambda writer: writer.remove(gone)),
    ):
        shutil.rmtree(folders[number], ignore_errors=True)
        folders[number].mkdir()
        cpu, wall = timed(_changed, folders[number], folders[number - 1], work)
        found[name] = {"cpu_ms": round(cpu, 1), "wall_ms": round(wall, 1)}
    store = open_vectors(folders[2])
    assert isinstance(store, QuantisedStore) and len(store) == held
    asked = np.load(given.work / "asked.npz")["asked"]
    best = [store.search(vector[None], 1)[0][0][0] for vector in more[:100]]
    rankings = [store.search(vector[None], DEEPEST)[0] for vector in [*asked, *store.get(np.arange(held, held + 10))]]
    return {
        **found, "open_ms": spread([timed(open_vectors, folders[2]) for _ in range(20)]),
        "search_100_ms": spread([timed(store.search, vector[None], DEEPEST) for vector in asked]),
        "added_found_first_of_100": sum(row == held + place for place, row in enumerate(best)),
        "removed_found": len({row for ranking in rankings for row, _ in ranking} & set(gone.tolist())),
    }  # fmt: skip


def _changed(folder: Path, base: Path, work: Callable[[VectorWriter], None]) -> None:
    writer = VectorWriter(folder, base, 0)
    work(writer)
    writer.finish()


def main() -> None:
    """Do one step and write its figures to WORK and to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("write", "ask", "change"):
        step = steps.add_parser(name)
        if name != "ask":
            step.add_argument("shards", type=Path)
        step.add_argument("work", type=Path)
        step.add_argument("--passages", type=int, default=5_000_000)
        step.add_argument("--seed", type=int, default=1)
        step.add_argument("--questions", type=Path, default=Path("../shared/data/hotpot_val_sample"))
        step.add_argument("--asked", type=int, default=100)
        step.add_argument("--filtered", type=int, default=20, help="questions with each filter")
    given = parser.parse_args()
    found = {"write": write, "ask": ask, "change": change}[given.step](given)
    text = json.dumps(found, indent=1, default=str) + "\n"
    (given.work / f"{given.step}.json").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
