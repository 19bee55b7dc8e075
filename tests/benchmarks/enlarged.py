"""Enlarges real passages and their vectors to any number: what `million prepare` and `many` search.

A made vector lies between a real one and a real neighbour of it, with noise; a made passage joins sentences of both.
"""

import argparse
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION, NOISE = 384, 0.45
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def key_of(text: str) -> Any:
    """Return what a text is found by."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little"))


def between(first: Any, second: Any, shares: Any, chance: Any) -> Any:
    """Return unit vectors between each two, the share of the first given, with noise."""
    mixed = shares * first + (1 - shares) * second
    mixed = mixed / np.linalg.norm(mixed, axis=1, keepdims=True) + noise(chance, len(mixed))
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def noise(chance: Any, count: int) -> Any:
    """Return so many rows of noise, about `NOISE` long."""
    return chance.normal(0, NOISE / DIMENSION**0.5, size=(count, DIMENSION))


def prepare(given: argparse.Namespace) -> dict[str, Any]:
    """Write `corpus.jsonl`, and the vectors with the keys of their texts, to WORK."""
    given.work.mkdir(parents=True, exist_ok=True)
    files = sorted(file for file in given.shards.glob("????.npz"))
    keys = np.concatenate([np.load(file)["keys"] for file in files])[:, :8].copy().view("<u8").ravel()
    real = vectors_of(given.shards)
    rows = list(islice(_corpus(given.corpus), 2_048 * len(files)))
    chance = np.random.default_rng(given.seed)
    keep = np.arange(min(len(real), given.passages))
    near, likeness = neighbours(real)
    made = max(0, given.passages - len(real))
    vectors = np.lib.format.open_memmap(given.work / "vectors.npy", "w+", np.float32, (len(keep) + made, DIMENSION))
    vectors[: len(keep)] = real[keep]
    firsts = chance.integers(len(real), size=made)
    seconds = near[firsts, chance.integers(near.shape[1], size=made)]
    shares = chance.uniform(0.3, 0.7, size=(made, 1))
    for start in range(0, made, 50_000):
        part = slice(start, min(made, start + 50_000))
        mixed = between(real[firsts[part]], real[seconds[part]], shares[part], chance)
        vectors[len(keep) + part.start : len(keep) + part.stop] = mixed
    # A document of two passages stands for both: near enough to find the words of a vector.
    places = np.linspace(0, len(rows) - 1, len(real)).astype(np.int64)
    texts = _written(given.work / "corpus.jsonl", rows, places[firsts], places[seconds], given.passages, chance)
    all_keys = np.concatenate([keys[keep], np.array(list(texts), np.uint64)])
    order = np.argsort(all_keys, kind="stable")
    np.save(given.work / "keys.npy", all_keys[order])
    np.save(given.work / "order.npy", order)
    return {"real": len(real), "made": made, "likeness_real": likeness, "likeness_all": _likeness(vectors, len(keep))}


def questions(folder: Path, count: int) -> list[str]:
    """Return so many questions of a data set, the same each time."""
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return [texts[place] for place in np.random.default_rng(7).permutation(len(texts))[:count]]


def vectors_of(shards: Path) -> Any:
    """Return the vectors of real passages."""
    return np.concatenate([np.load(file)["vectors"] for file in sorted(shards.glob("????.npz"))])


def _corpus(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from map(json.loads, lines)


def neighbours(real: Any) -> tuple[Any, list[float]]:
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
    return places[:, 1:], percentiles(scores[:, 1:])


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
            found[name] = percentiles(best[:, 1:])
    return found


def percentiles(scores: Any) -> list[float]:
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
            yield key_of("\n".join(part for part in (title[:200], text) if part))
