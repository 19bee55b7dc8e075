"""Pincite: `Index.build`, which also cuts, masks and sketches, and keeps vectors of sentences; both rankings, mixed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scale_driver import BEST, Batch, Engine, Question, run

from rag import Document, Index
from rag.embedding import open_embedder
from rag.retrieval import hits, retrieve
from rag.settings import Settings

SETTINGS = Settings()


class Given:
    """An embedder that knows the vectors of the texts that are to come, in place of computing them."""

    def __init__(self) -> None:
        real = open_embedder(SETTINGS)
        self.name, self.fingerprint, self.dimension = real.name, real.fingerprint, real.dimension
        self.max_tokens, self.count_tokens, self.embed_queries = real.max_tokens, real.count_tokens, real.embed_queries
        self.vectors: dict[str, Any] = {}

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence[Any]) -> Any:
        wholes = np.stack([self.vectors.pop(text, self._last) for text in texts])
        self._last = wholes[-1]
        return wholes, [np.repeat(whole[None], len(ranges), 0) for whole, ranges in zip(wholes, parts, strict=True)]

    def embed_passages(self, texts: Sequence[str]) -> Any:
        return self.embed_with_parts(texts, [()] * len(texts))[0]

    def documents(self, batches: Iterator[Batch]) -> Iterator[Document]:
        for first, texts, vectors in batches:
            self._last = vectors[0]  # of a text that is cut in two: one more, as far as time and room go
            for place, text in enumerate(texts):
                self.vectors[text] = vectors[place]
                yield Document(f"{first + place:08d}", text)


def build(batches: Iterator[Batch], folder: Path) -> None:
    embedder = Given()
    Index.build(embedder.documents(batches), folder, SETTINGS, embedder=embedder).close()


def opened(folder: Path) -> Index:
    index = Index.open(folder)
    _ = index.vectors  # hashes large files, as before the first question
    return index


def nearest(index: Index, question: Question) -> list[int]:
    rows = [row for row, _ in index.vectors.search(question.vector[None, :], BEST)[0]]
    return [int(chunk.document_id) for chunk in index.store.chunks(rows)]


def mixed(index: Index, question: Question) -> list[int]:
    candidates = retrieve(index, question.text, question.vector, SETTINGS)
    return [int(hit.chunk.document_id) for hit in hits(index, candidates.fused[:BEST], candidates.scores)]


if __name__ == "__main__":
    run(Engine(build, opened, {"vectors, with texts": nearest, "words and vectors, with texts": mixed}))
