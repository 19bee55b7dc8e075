"""Builds, opens, asks and changes an index of up to a million passages, and writes what each costs as JSON.

    python -m tests.benchmarks.million prepare CORPUS SHARDS WORK [--passages 1000000] [--seed 1]
    python -m tests.benchmarks.million dense WORK       # the vectors alone
    python -m tests.benchmarks.million build WORK
    python -m tests.benchmarks.million ask WORK [--questions DATA/squad2]
    python -m tests.benchmarks.million change WORK

CORPUS is JSON Lines of real passages. SHARDS is a folder of `.npz` files in its order: `keys` (sha256 of each embedded
text), `vectors`, and `lengths` and `sentences` (the packed vectors of sentences). `prepare` enlarges them to the wanted
number: a made passage joins sentences of a real one and of a real neighbour of it; its vector mixes both, with noise.
It tells the likeness of neighbours among real passages and among all, by which to judge whether that is fair.
`build` runs `Index.build` with an embedder that looks vectors up, so all but the embedding is what a user pays.
"""

import argparse
import gzip
import hashlib
import json
import re
import resource
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rag.embedding import open_embedder
from rag.index import Index
from rag.protocols import VectorStore
from rag.quantised import QuantisedStore
from rag.settings import Settings
from rag.vector_files import VectorWriter, open_vectors

DIMENSION, NOISE = 384, 0.45
SHARES = (0.5, 0.1, 0.01, 0.001)
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


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
        key = _key(text)
        place = int(np.searchsorted(self._keys, key))
        if place < len(self._keys) and self._keys[place] == key:
            return self._vectors[self._order[place]]
        self.unknown += 1
        made = self._vectors[int(key) % len(self._vectors)] + _noise(np.random.default_rng(int(key)), 1)[0]
        return (made / np.linalg.norm(made)).astype(np.float32)


def _turned(whole: Any, count: int) -> Any:
    noise = np.resize(whole[::-1], (count, DIMENSION)) * (0.3 + 0.01 * np.arange(count)[:, None])
    made = whole + noise
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def _key(text: str) -> Any:
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little"))


def _noise(chance: Any, count: int) -> Any:
    return chance.normal(0, NOISE / DIMENSION**0.5, size=(count, DIMENSION))


def prepare(given: argparse.Namespace) -> dict[str, Any]:
    """Write `corpus.jsonl`, and the vectors with the keys of their texts, to WORK."""
    given.work.mkdir(parents=True, exist_ok=True)
    files = sorted(file for file in given.shards.glob("????.npz"))
    keys = np.concatenate([np.load(file)["keys"] for file in files])[:, :8].copy().view("<u8").ravel()
    real = np.concatenate([np.load(file)["vectors"] for file in files])
    rows = list(islice(_corpus(given.corpus), 2_048 * len(files)))
    chance = np.random.default_rng(given.seed)
    keep = np.arange(min(len(real), given.passages))
    near, likeness = _neighbours(real)
    made = max(0, given.passages - len(real))
    vectors = np.lib.format.open_memmap(given.work / "vectors.npy", "w+", np.float32, (len(keep) + made, DIMENSION))
    vectors[: len(keep)] = real[keep]
    firsts = chance.integers(len(real), size=made)
    seconds = near[firsts, chance.integers(near.shape[1], size=made)]
    shares = chance.uniform(0.3, 0.7, size=(made, 1))
    for start in range(0, made, 50_000):
        part = slice(start, min(made, start + 50_000))
        mixed = shares[part] * real[firsts[part]] + (1 - shares[part]) * real[seconds[part]]
        mixed = mixed / np.linalg.norm(mixed, axis=1, keepdims=True) + _noise(chance, len(mixed))
        vectors[len(keep) + part.start : len(keep) + part.stop] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    # A document of two passages stands for both: near enough to find the words of a vector.
    places = np.linspace(0, len(rows) - 1, len(real)).astype(np.int64)
    texts = _written(given.work / "corpus.jsonl", rows, places[firsts], places[seconds], given.passages, chance)
    all_keys = np.concatenate([keys[keep], np.array(list(texts), np.uint64)])
    order = np.argsort(all_keys, kind="stable")
    np.save(given.work / "keys.npy", all_keys[order])
    np.save(given.work / "order.npy", order)
    return {"real": len(real), "made": made, "likeness_real": likeness, "likeness_all": _likeness(vectors, len(keep))}


def _corpus(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from map(json.loads, lines)


def _neighbours(real: Any) -> tuple[Any, list[float]]:
    """Return the ten nearest others of each real vector, and percentiles of their likeness."""
    import faiss

    lists = int(4 * len(real) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIMENSION), DIMENSION, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.max_points_per_centroid = 5, 40
    index.train(real)
    index.add(real)
    index.nprobe = 16
    scores, places = index.search(real, 11)
    places = np.where(places < 0, places[:, :1], places)
    return places[:, 1:], _percentiles(scores[:, 1:])


def _likeness(vectors: Any, real: int) -> dict[str, list[float]]:
    """Return percentiles of the likeness of the ten nearest, exactly, of 200 real and of 200 made ones."""
    import faiss

    found = {}
    for name, low, high in (("real", 0, real), ("made", real, len(vectors))):
        if high > low:
            places = np.linspace(low, high - 1, 200).astype(np.int64)
            best = np.full((200, 11), -np.inf, np.float32)
            for start in range(0, len(vectors), 50_000):
                block = np.array(vectors[start : start + 50_000])
                scores, _ = faiss.knn(np.array(vectors[places]), block, 11, faiss.METRIC_INNER_PRODUCT)
                best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :11]
            found[name] = _percentiles(best[:, 1:])
    return found


def _percentiles(scores: Any) -> list[float]:
    return [round(float(value), 3) for value in np.percentile(scores, [5, 25, 50, 75, 95])]


def _written(
    path: Path, rows: Sequence[dict[str, Any]], firsts: Any, seconds: Any, passages: int, chance: Any
) -> Iterator[Any]:
    """Write the corpus, and yield the keys of the made passages' texts."""
    parts = [[part.strip() for part in _END.split(row["text"].replace("\n", " ")) if part.strip()] for row in rows]
    keep = len(rows)
    with path.open("w", encoding="utf-8") as out:
        for number, row in enumerate(rows[:passages]):
            out.write(json.dumps({"_id": row["_id"], "title": row.get("title"), "text": row["text"],
                                  "source": row.get("source"), "bucket": number % 1_000}) + "\n")  # fmt: skip
        for number, (first, second) in enumerate(zip(firsts, seconds, strict=True), keep):
            said = [*parts[first], *parts[second]]
            order = chance.permutation(len(said))
            text = ""
            for place in order:
                if len(text) + len(said[place]) < 700 or not text:
                    text = f"{text} {said[place]}".strip()
            text = f"Note {number}. {text}"[:850].strip()
            title = " ".join((rows[first].get("title") or "").split())
            out.write(json.dumps({"_id": f"made:{number}", "title": title, "text": text,
                                  "source": rows[first].get("source"), "bucket": number % 1_000}) + "\n")  # fmt: skip
            yield _key("\n".join(part for part in (title[:200], text) if part))


class Stages:
    """CPU seconds spent in the functions that are watched, without those inside others of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.spent: dict[str, float] = defaultdict(float)
        self._inside = [0.0]

    def watch(self, place: Any, name: str, label: str) -> None:
        """Count the time of `place.name` under `label`."""
        real = getattr(place, name)

        def timed(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inside.append(0.0)
            try:
                return real(*given, **named)
            finally:
                whole = time.process_time() - began
                self.spent[label] += whole - self._inside.pop()
                self._inside[-1] += whole

        setattr(place, name, timed)


def watched() -> Stages:
    """Return stages over the steps of a write."""
    from rag import build as build_room
    from rag import generations, ingest, lexical, overlaps, store, vector_files, wholeness, writer
    from rag.loading import jsonl

    stages = Stages()
    for place, name, label in (
        (jsonl, "_document", "read rows"), (writer, "find_blocks", "blocks"), (writer, "find_masks", "boilerplate"),
        (writer, "chunk", "chunks"), (writer, "sketch", "sketches"), (writer, "trace", "traces"),
        (LookUp, "embed_with_parts", "look vectors up"), (writer, "packed", "pack sentence vectors"),
        (store.Store, "put", "store"), (store.Store, "put_sentence_vectors", "store"), (store.Store, "commit", "store"),
        (store.Store, "rows_by_embedded", "store"), (store.Store, "document", "store"),
        (lexical.TantivyStore, "add", "words"), (lexical.TantivyStore, "commit", "words"),
        (vector_files.VectorWriter, "add", "vectors"), (vector_files.VectorWriter, "finish", "vectors"),
        (vector_files, "trained", "vectors: lists and 8 bits"), (vector_files, "extended", "vectors: add to lists"),
        (vector_files, "tuned", "vectors: measure recall"), (writer.Writer, "settle", "repeated blocks"),
        (ingest.Ingest, "_near_duplicates", "near-duplicates"), (writer, "described", "hash files"),
        (build_room, "_require_whole", "hash the version before"), (writer, "_fingerprint", "fingerprint"),
        (build_room, "commit", "commit, fsync"), (wholeness.LargeFiles, "require_whole", "hash before use"),
        (shutil, "copyfile", "copy the document store"),
    ):  # fmt: skip
        stages.watch(place, name, label)
    del generations, overlaps
    return stages


def dense(given: argparse.Namespace) -> dict[str, Any]:
    """Write, open, search and change the vectors alone, by the rooms that an index does it with."""
    folders = [given.work / f"dense{number}" for number in range(3)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    vectors = np.load(given.work / "vectors.npy", mmap_mode="r")
    found: dict[str, Any] = {"passages": len(vectors)}
    stages, before = watched(), memory()
    writer = VectorWriter(folders[0], None, DIMENSION, given.vector_index)
    rows = np.arange(1, len(vectors) + 1, dtype=np.int64)
    cpu, wall = timed(_put, writer, rows, vectors)
    found["write"] = {"cpu_s": cpu / 1e3, "wall_s": wall / 1e3, "stages_cpu_s": _rounded(stages, cpu / 1e3),
                      "memory_mb_before": before, "peak_mb": peak()}  # fmt: skip
    found["bytes_per_passage"] = {f.name: round(f.stat().st_size / len(rows), 1) for f in folders[0].iterdir()}
    queries = list(open_embedder(Settings()).embed_queries(_questions(given)))
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
    stages, embedder = watched(), LookUp(given.work)
    began, clock = time.process_time(), time.perf_counter()
    index = Index.build(given.work / "corpus.jsonl", given.work / "index", Settings(vector_index=given.vector_index),
                        _teller(), embedder)  # fmt: skip
    cpu, wall = time.process_time() - began, time.perf_counter() - clock
    chunks = index.info.chunks
    return {
        "passages": chunks, "documents": index.info.documents, "cpu_s": round(cpu, 1), "wall_s": round(wall, 1),
        "unknown_texts": embedder.unknown, "stages_cpu_s": _rounded(stages, cpu), "peak_mb": peak(), **on_disk(index),
    }  # fmt: skip


def _rounded(stages: Stages, whole: float) -> dict[str, float]:
    spent = {label: round(seconds, 2) for label, seconds in sorted(stages.spent.items(), key=lambda item: -item[1])}
    return {**spent, "rest": round(whole - sum(stages.spent.values()), 2)}


def on_disk(index: Index) -> dict[str, Any]:
    """Return the bytes per passage of each file."""
    sizes = Counter[str]()
    for name, facts in index.manifest.files.items():
        sizes[name.partition("/")[0]] += facts["bytes"]
    chunks = max(1, index.info.chunks)
    per = {name: round(size / chunks) for name, size in sizes.items()}
    return {"bytes_per_passage": per, "bytes_per_passage_all": sum(per.values()), "vectors": vars(index._vectors.facts)
            if hasattr(index._vectors, "facts") else "flat"}  # fmt: skip


def _teller() -> Callable[[Any], None]:
    told = [0.0]

    def tell(progress: Any) -> None:
        if progress.seconds - told[0] > 20:
            told[0] = progress.seconds
            sys.stderr.write(f"{progress.documents} documents, {progress.seconds:.0f} s, {memory()}\n")

    return tell


def peak() -> int:
    """Return the peak resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024


def memory() -> dict[str, int]:
    """Return resident MB: all, and what is no page of a file."""
    found = dict(re.findall(r"^(Rss|Anonymous):\s+(\d+)", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE))
    return {name: int(kb) // 1_024 for name, kb in found.items()}


def timed(work: Callable[..., object], *given: Any) -> tuple[float, float]:
    """Return CPU and wall milliseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work(*given)
    return (time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3


def spread(found: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return medians and 95th percentiles."""
    cpu, wall = zip(*found, strict=True)
    return {"n": len(found), "cpu_p50": round(median(cpu), 2), "cpu_p95": round(float(np.percentile(cpu, 95)), 2),
            "wall_p50": round(median(wall), 2), "wall_p95": round(float(np.percentile(wall, 95)), 2)}  # fmt: skip


def ask(given: argparse.Namespace) -> dict[str, Any]:
    """Open the index and ask it, with and without filters."""
    from rag.assistant import Assistant
    from rag.retrieval import retrieve

    before = memory()
    cost = timed(lambda: Index.open(given.work / "index").close())
    index = Index.open(given.work / "index")
    found: dict[str, Any] = {"passages": index.info.chunks, "open_ms": dict(zip(("cpu", "wall"), cost, strict=True))}
    found["first_use_ms_hashing"] = dict(zip(("cpu", "wall"), timed(lambda: index.vectors), strict=True))
    asked = _questions(given)
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


def _questions(given: argparse.Namespace) -> list[str]:
    lines = (given.questions / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return [texts[place] for place in np.random.default_rng(7).permutation(len(texts))[: given.asked]]


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
    from rag.retrieval import retrieve

    found: dict[str, Any] = {"first_filter_ms": dict(zip(("cpu", "wall"), timed(index.chosen, {"bucket": 1}),
                                                         strict=True))}  # fmt: skip
    wanted: dict[str, Any] = {f"{share:.1%}": {"bucket": {"<": round(share * 1_000)}} for share in SHARES}
    for name, filters in {**wanted, "one source": {"source": "linux-doc"}}.items():
        rows = index.chosen(filters).rows
        assert rows is not None
        some = pairs[:40]
        found[name] = {
            "rows": len(rows), "choose_ms": spread([timed(index.chosen, filters) for _ in range(5)]),
            "dense_ms": spread([timed(index.vectors.search, vector[None], 100, rows) for _, vector in some]),
            "retrieve_ms": spread([
                timed(retrieve, index, text, vector, Settings(), (), rows) for text, vector in some
            ]),
            "recall": recall(index.vectors, [vector for _, vector in some], rows),
        }  # fmt: skip
    return found


def change(given: argparse.Namespace) -> dict[str, Any]:
    """Add 1,000 documents of a new file, then take all but one of them away from it."""
    stages, index = watched(), Index.open(given.work / "index", LookUp(given.work))
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
        found[name] = {"cpu_s": cpu / 1e3, "wall_s": wall / 1e3, "stages_cpu_s": _rounded(stages, cpu / 1e3),
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
