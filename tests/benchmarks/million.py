"""Builds, opens, asks and changes an index of up to a million passages, and writes what each costs as JSON.

    python tests/benchmarks/million.py prepare CORPUS SHARDS WORK [--passages 1000000] [--seed 1]
    python tests/benchmarks/million.py dense WORK       # the vectors alone
    python tests/benchmarks/million.py build WORK
    python tests/benchmarks/million.py ask WORK [--questions DATA/squad2]
    python tests/benchmarks/million.py change WORK

CORPUS is JSON Lines of real passages. SHARDS is a folder of `.npz` files in its order: `keys` (sha256 of each embedded
text), `vectors`, and `lengths` and `sentences` (the packed vectors of sentences). `prepare` enlarges them to the wanted
number: a made passage joins sentences of a real one and of a real neighbour of it; its vector mixes both, with noise.
It tells the likeness of neighbours among real passages and among all, by which to judge whether that is fair.
`build` runs `Index.build` with an embedder that looks vectors up, so all but the embedding is what a user pays.
"""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from costs import memory, peak, rounded, spread, timed, watched
from enlarged import DIMENSION, key_of, noise, prepare, questions

from rag.core.protocols import VectorStore
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.index import Index
from rag.index.storage.quantised_vectors import QuantisedStore, open_vectors
from rag.index.writing.vector_writer import VectorWriter

SHARES = (0.5, 0.1, 0.01, 0.001)


class LookUp:
    """An embedder that looks passages up by the text that is embedded; questions are embedded for real."""

    def __init__(self, work: Path) -> None:
        """Open what `prepare` wrote."""
        self._real = open_embedder(Settings())
        self.name, self.fingerprint = self._real.name, self._real.fingerprint
        self.dimension, self.max_tokens = self._real.dimension, self._real.max_tokens
        self.count_tokens, self.embed_queries = self._real.count_tokens, self._real.embed_queries
        self._keys, self._order = np.load(work / "keys.npy"), np.load(work / "order.npy")
        self._vectors = np.load(work / "vectors.npy", mmap_mode="r")
        self.unknown, self.seconds = 0, 0.0

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence[Any]) -> Any:
        """Return vectors; of a sentence that of its passage, turned a little by its place."""
        began = time.process_time()
        wholes = np.stack([self._vector(text) for text in texts])
        inner = [_turned(whole, len(ranges)) for whole, ranges in zip(wholes, parts, strict=True)]
        self.seconds += time.process_time() - began
        return wholes, inner

    def embed_passages(self, texts: Sequence[str]) -> Any:
        """Return the vectors."""
        return self.embed_with_parts(texts, [()] * len(texts))[0]

    def _vector(self, text: str) -> Any:
        key = key_of(text)
        place = int(np.searchsorted(self._keys, key))
        if place < len(self._keys) and self._keys[place] == key:
            return self._vectors[self._order[place]]
        self.unknown += 1
        made = self._vectors[int(key) % len(self._vectors)] + noise(np.random.default_rng(int(key)), 1)[0]
        return (made / np.linalg.norm(made)).astype(np.float32)


def _turned(whole: Any, count: int) -> Any:
    noise = np.resize(whole[::-1], (count, DIMENSION)) * (0.3 + 0.01 * np.arange(count)[:, None])
    made = whole + noise
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def dense(given: argparse.Namespace) -> dict[str, Any]:
    """Write, open, search and change the vectors alone, by the rooms that an index does it with."""
    folders = [given.work / f"dense{number}" for number in range(3)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    vectors = np.load(given.work / "vectors.npy", mmap_mode="r")
    found: dict[str, Any] = {"passages": len(vectors)}
    stages, before = watched(LookUp), memory()
    writer = VectorWriter(folders[0], None, DIMENSION, given.vector_index)
    rows = np.arange(1, len(vectors) + 1, dtype=np.int64)
    cpu, wall = timed(_put, writer, rows, vectors)
    found["write"] = {"cpu_s": cpu / 1e3, "wall_s": wall / 1e3, "stages_cpu_s": rounded(stages, cpu / 1e3),
                      "memory_mb_before": before, "peak_mb": peak()}  # fmt: skip
    found["bytes_per_passage"] = {f.name: round(f.stat().st_size / len(rows), 1) for f in folders[0].iterdir()}
    queries = list(open_embedder(Settings()).embed_queries(questions(given.questions, given.asked)))
    for name, more, gone in (("add_1000", vectors[:1_000], rows[:0]), ("remove_1000", vectors[:0], rows[:1_000])):
        number = 1 if name == "add_1000" else 2
        writer = VectorWriter(folders[number], folders[number - 1], 0, given.vector_index)
        writer.remove(gone)
        new = np.arange(len(more), dtype=np.int64) + len(rows) + 1
        cpu, wall = timed(_put, writer, new, more)
        found[name] = {"cpu_ms": cpu, "wall_ms": wall}
    found |= _searched(folders[0], queries) | {"with_1000_added_and_1000_removed": _searched(folders[2], queries)}
    return found


def _put(writer: VectorWriter, rows: Any, vectors: Any) -> None:
    for start in range(0, len(rows), 512):
        writer.add(rows[start : start + 512], np.array(vectors[start : start + 512]))
    sys.stderr.write("".join(f"{note}\n" for note in writer.finish()))


def _searched(folder: Path, queries: Sequence[Any]) -> dict[str, Any]:
    before = memory()
    store, found = open_vectors(folder), dict[str, Any]()
    found["open_ms"] = timed(open_vectors, folder)[1]
    found["facts"] = vars(store.facts) if isinstance(store, QuantisedStore) else "flat"
    found["first_search_ms"] = timed(store.search, queries[0][None], 100)
    found["search_ms"] = spread([timed(store.search, query[None], 100) for query in queries])
    found["memory_mb"] = {"before": before, "after": memory()}
    found["recall_of_questions"] = recall(store, queries)
    rows, chance = store.rows(), np.random.default_rng(5)
    near = np.argsort(-(store.get(rows[::7]) @ queries[0]))  # a filter that goes with a subject
    for share in SHARES:
        anywhere = np.sort(chance.choice(rows, int(share * len(rows)), replace=False))
        subject = np.sort(rows[::7][near[: int(share * len(near))]])
        for name, among in (
            (f"filter {share:.1%}", anywhere),
            (f"filter {share:.1%} of a seventh, by subject", subject),
        ):
            cost = [timed(store.search, query[None], 100, among) for query in queries]
            found[name] = {"rows": len(among), **spread(cost), "recall": recall(store, queries, among)}
    return found


def build(given: argparse.Namespace) -> dict[str, Any]:
    """Build an index of the corpus in WORK."""
    stages, embedder = watched(LookUp), LookUp(given.work)
    began, clock = time.process_time(), time.perf_counter()
    index = Index.build(given.work / "corpus.jsonl", given.work / "index", Settings(vector_index=given.vector_index),
                        _teller(), embedder)  # fmt: skip
    cpu, wall = time.process_time() - began, time.perf_counter() - clock
    chunks = index.info.chunks
    return {
        "passages": chunks, "documents": index.info.documents, "cpu_s": round(cpu, 1), "wall_s": round(wall, 1),
        "unknown_texts": embedder.unknown, "stages_cpu_s": rounded(stages, cpu), "peak_mb": peak(), **on_disk(index),
    }  # fmt: skip


def on_disk(index: Index) -> dict[str, Any]:
    """Return the bytes per passage of each file."""
    sizes = Counter[str]()
    for name, facts in index.manifest.files.items():
        sizes[name.partition("/")[0]] += facts["bytes"]
    chunks = max(1, index.info.chunks)
    per = {name: round(size / chunks) for name, size in sizes.items()}
    return {"bytes_per_passage": per, "bytes_per_passage_all": sum(per.values()), "vectors": vars(index.vectors.facts)
            if hasattr(index.vectors, "facts") else "flat"}  # fmt: skip


def _teller() -> Callable[[Any], None]:
    told = [0.0]

    def tell(progress: Any) -> None:
        if progress.seconds - told[0] > 20:
            told[0] = progress.seconds
            sys.stderr.write(f"{progress.documents} documents, {progress.seconds:.0f} s, {memory()}\n")

    return tell


def ask(given: argparse.Namespace) -> dict[str, Any]:
    """Open the index and ask it, with and without filters."""
    from rag.answering.assistant import Assistant
    from rag.retrieval.candidates import retrieve

    before = memory()
    cost = timed(lambda: Index.open(given.work / "index").close())
    index = Index.open(given.work / "index")
    found: dict[str, Any] = {"passages": index.info.chunks, "open_ms": dict(zip(("cpu", "wall"), cost, strict=True))}
    found["first_use_ms_hashing"] = dict(zip(("cpu", "wall"), timed(lambda: index.vectors), strict=True))
    asked = questions(given.questions, given.asked)
    vectors = list(index.embedder.embed_queries(asked))
    settings = Settings()
    retrieve(index, asked[0], vectors[0], settings)
    pairs = list(zip(asked, vectors, strict=True))
    found["retrieve_ms"] = spread([timed(retrieve, index, text, vector, settings) for text, vector in pairs])
    found["dense_ms"] = spread([timed(index.vectors.search, vector[None], 100) for vector in vectors])
    found["words_ms"] = spread([timed(index.words.search, text, 100) for text in asked])
    found["memory_mb_retrieval"] = {"before": before, "after": memory()}
    found["recall"] = recall(index.vectors, vectors)
    found["filtered"] = filtered(index, pairs)
    assistant = Assistant.open(given.work / "index")
    assistant.ask("Is anybody there?")
    found["ask_ms"] = spread([timed(assistant.ask, text) for text in asked])
    found["memory_mb_asking"] = memory()
    return found


def recall(store: VectorStore, queries: Sequence[Any], among: Any = None) -> dict[str, float]:
    """Return recall@10 and @100 of the questions against the comparison with every vector."""
    import faiss

    rows = store.rows() if among is None else among
    best = np.full((len(queries), 100), -np.inf, np.float32)
    for start in range(0, len(rows), 20_000):
        block = store.get(rows[start : start + 20_000])
        scores, _ = faiss.knn(np.stack(queries), block, min(100, len(block)), faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :100]
    found = [store.search(query[None], 100, among)[0] for query in queries]
    return {
        f"at_{k}": round(float(np.mean([
            sum(score >= least[k - 1] - 1e-5 for _, score in ranking[:k]) / k
            for ranking, least in zip(found, best, strict=True)
        ])), 4)
        for k in (10, 100) if len(rows) >= k
    }  # fmt: skip


def filtered(index: Index, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return cost and recall at filters that leave some share of the passages, at random, and one source."""
    from rag.retrieval.candidates import retrieve

    found: dict[str, Any] = {"first_filter_ms": dict(zip(("cpu", "wall"), timed(index.selection, {"bucket": 1}),
                                                         strict=True))}  # fmt: skip
    wanted: dict[str, Any] = {f"{share:.1%}": {"bucket": {"<": round(share * 1_000)}} for share in SHARES}
    for name, filters in {**wanted, "one source": {"source": "linux-doc"}}.items():
        rows = index.selection(filters).rows
        assert rows is not None
        some = pairs[:40]
        found[name] = {
            "rows": len(rows), "choose_ms": spread([timed(index.selection, filters) for _ in range(5)]),
            "dense_ms": spread([timed(index.vectors.search, vector[None], 100, rows) for _, vector in some]),
            "retrieve_ms": spread([
                timed(retrieve, index, text, vector, Settings(), (), rows) for text, vector in some
            ]),
            "recall": recall(index.vectors, [vector for _, vector in some], rows),
        }  # fmt: skip
    return found


def change(given: argparse.Namespace) -> dict[str, Any]:
    """Add 1,000 documents of a new file, then take all but one of them away from it."""
    stages, index = watched(LookUp), Index.open(given.work / "index", LookUp(given.work))
    began = [json.loads(line) for line in islice((given.work / "corpus.jsonl").open(), 1_000)]
    extra = given.work / "extra" / "extra.jsonl"
    extra.parent.mkdir(exist_ok=True)
    turn = index.info.version  # other texts each time
    more = ({**row, "_id": f"extra:{row['_id']}", "text": f"More {turn}. {row['text']}"} for row in began)
    lines = [json.dumps(row) + "\n" for row in more]
    extra.write_text("".join(lines))
    found: dict[str, Any] = {"passages": index.info.chunks}
    for name, work in (
        ("add_1000", lambda: index.add(extra.parent)),
        ("remove_1000", lambda: (extra.write_text(lines[0]), index.add(extra.parent))),
    ):
        stages.spent.clear()
        cpu, wall = timed(work)
        found[name] = {"cpu_s": cpu / 1e3, "wall_s": wall / 1e3, "stages_cpu_s": rounded(stages, cpu / 1e3),
                       "passages": index.info.chunks}  # fmt: skip
    return {**found, "peak_mb": peak()}


def main() -> None:
    """Do one step and write its figures to WORK and to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("prepare", "dense", "build", "ask", "change"):
        step = steps.add_parser(name)
        if name == "prepare":
            step.add_argument("corpus", type=Path)
            step.add_argument("shards", type=Path)
        step.add_argument("work", type=Path)
        step.add_argument("--passages", type=int, default=1_000_000)
        step.add_argument("--seed", type=int, default=1)
        step.add_argument("--vector-index", default="auto")
        step.add_argument("--questions", type=Path, default=Path("../shared/data/squad2"))
        step.add_argument("--asked", type=int, default=100)
    given = parser.parse_args()
    found = {"prepare": prepare, "dense": dense, "build": build, "ask": ask, "change": change}[given.step](given)
    text = json.dumps(found, indent=1, default=str) + "\n"
    (given.work / f"{given.step}.json").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
