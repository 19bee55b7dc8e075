"""The vectors of Pincite alone: what an index keeps beside its texts and words."""

from pathlib import Path
from typing import Any

import numpy as np
from scale_driver import BEST, Engine, Question, batches, run

from rag.index.storage.quantised_vectors import open_vectors
from rag.index.writing.vector_writer import VectorWriter


def build(material: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    writer = None
    for batch in batches(material):
        writer = writer or VectorWriter(folder, None, batch.vectors.shape[1])
        writer.add(np.arange(batch.first, batch.first + len(batch.texts), dtype=np.int64), batch.vectors)
    assert writer is not None
    writer.finish()


def nearest(store: Any, question: Question) -> list[int]:
    return [row for row, _ in store.search(question.vector[None, :], BEST)[0]]


if __name__ == "__main__":
    run(Engine(build, open_vectors, {"vectors": nearest}))
