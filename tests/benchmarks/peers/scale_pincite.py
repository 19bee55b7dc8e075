"""Pincite: `Index.build`, which also cuts, masks and sketches, and keeps vectors of sentences; both rankings, mixed."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from scale_driver import BEST, PASSAGES, Engine, Question, run, whole

from rag import Index
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.retrieval.candidates import hits, retrieve

SETTINGS = Settings()
ENDING, AHEAD = 40, 20


class Given:
    """An embedder that knows the vectors of the passages that are to come, in place of computing them."""

    def __init__(self, material: Path) -> None:
        real = open_embedder(SETTINGS)
        self.name, self.fingerprint, self.dimension = real.name, real.fingerprint, real.dimension
        self.max_tokens, self.count_tokens, self.embed_queries = real.max_tokens, real.count_tokens, real.embed_queries
        self._vectors = np.load(material / "vectors.npy", mmap_mode="r")
        self._file = (material / PASSAGES).open("rb")
        self._starts, self._places = [0], dict[bytes, int]()
        self._last = -1
        for place, line in enumerate(self._file):
            self._places.setdefault(_key(whole(line)), place)
            self._starts.append(self._starts[-1] + len(line))

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence[Any]) -> Any:
        vectors = np.stack([self._vector(text) for text in texts])
        return vectors, [np.repeat(one[None], len(ranges), 0) for one, ranges in zip(vectors, parts, strict=True)]

    def embed_passages(self, texts: Sequence[str]) -> Any:
        return self.embed_with_parts(texts, [()] * len(texts))[0]

    def _vector(self, text: str) -> Any:
        place = self._places.get(_key(text))
        if place is None:  # the first piece of a passage that is cut or masked stands for it, others are far from all
            place = next((next_one for next_one in self._coming() if text[-ENDING:] in self._text(next_one)), None)
            if place is None:
                return np.full(self.dimension, -(self.dimension**-0.5), np.float32)
        self._last = place
        return np.array(self._vectors[place])

    def _coming(self) -> range:
        return range(self._last + 1, min(len(self._vectors), self._last + AHEAD))

    def _text(self, place: int) -> str:
        self._file.seek(self._starts[place])
        return whole(self._file.readline())


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]


def build(material: Path, folder: Path) -> None:
    Index.build(material / PASSAGES, folder, SETTINGS, embedder=Given(material)).close()


def opened(folder: Path) -> Index:
    index = Index.open(folder)
    _ = index.vectors  # hashes large files, as before the first question
    return index


def nearest(index: Index, question: Question) -> list[int]:
    rows = [row for row, _ in index.vectors.search(question.vector[None, :], BEST)[0]]
    return [int(chunk.span.document_id) for chunk in index.store.chunks(rows)]


def mixed(index: Index, question: Question) -> list[int]:
    candidates = retrieve(index, question.text, question.vector, SETTINGS)
    return [int(hit.chunk.span.document_id) for hit in hits(index, candidates.fused[:BEST], candidates.scores)]


if __name__ == "__main__":
    run(Engine(build, opened, {"vectors, with texts": nearest, "words and vectors, with texts": mixed}))
