"""txtai: vectors in FAISS and words in its own BM25 (`hybrid`), texts in SQLite (`content`), all else as it comes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scale_driver import BEST, Engine, Question, batches, run
from scale_known import VECTORS
from txtai import Embeddings

SETTINGS = {"method": "external", "transform": "scale_known.vectors_of", "content": True, "hybrid": True}
os.environ["ALLOW_RESOLVE_TRANSFORM"] = "True"


def documents(material: Path) -> Iterator[tuple[int, str, None]]:
    for first, texts, vectors in batches(material):
        for place, text in enumerate(texts):
            VECTORS[text] = vectors[place]
            yield first + place, text, None


def build(material: Path, folder: Path) -> None:
    embeddings = Embeddings(SETTINGS)
    embeddings.index(documents(material))
    embeddings.save(str(folder))


def opened(folder: Path) -> Any:
    embeddings = Embeddings(SETTINGS)
    embeddings.load(str(folder))
    return embeddings


def nearest(embeddings: Any, question: Question) -> list[int]:
    return [place for place, _ in embeddings.ann.search(question.vector[None, :], BEST)[0]]


def mixed(embeddings: Any, question: Question) -> list[int]:
    VECTORS[question.text] = question.vector
    return [int(row["id"]) for row in embeddings.search(question.text, BEST)]


if __name__ == "__main__":
    run(Engine(build, opened, {"vectors": nearest, "words and vectors, with texts": mixed}))
