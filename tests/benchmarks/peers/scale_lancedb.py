"""LanceDB: a table with its default index, IVF_PQ, and a full-text index; also with more of it compared."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("LANCEDB_LOG", "error")  # each search warns, which takes time

import lancedb
import pyarrow as pa
from lancedb.index import FTS, IvfPq
from scale_driver import BEST, Engine, Question, batches, run

NAME, PROBES, REFINE = "passages", 50, 20


def rows(material: Path) -> Iterator[Any]:
    for first, texts, vectors in batches(material):
        flat = pa.array(vectors.ravel(), pa.float32())
        yield pa.RecordBatch.from_arrays(
            [pa.array(range(first, first + len(texts)), pa.int64()), pa.array(texts, pa.string()),
             pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])],
            names=["id", "text", "vector"],
        )  # fmt: skip


def build(material: Path, folder: Path) -> None:
    made = rows(material)
    head = next(made)
    table = lancedb.connect(str(folder)).create_table(NAME, pa.Table.from_batches([head]))
    for batch in made:
        table.add(pa.Table.from_batches([batch]))
    table.create_index("vector", config=IvfPq(distance_type="cosine"))
    table.create_index("text", config=FTS())
    table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)  # else what it replaced stays on disk


def opened(folder: Path) -> Any:
    return lancedb.connect(str(folder)).open_table(NAME)


def ids(query: Any) -> list[int]:
    return [row["id"] for row in query.to_list()]


def nearest(table: Any, question: Question) -> list[int]:
    return ids(table.search(question.vector).distance_type("cosine").limit(BEST).select(["id", "text"]))


def refined(table: Any, question: Question) -> list[int]:
    query = table.search(question.vector).distance_type("cosine").nprobes(PROBES).refine_factor(REFINE)
    return ids(query.limit(BEST).select(["id", "text"]))


def mixed(table: Any, question: Question) -> list[int]:
    query = table.search(query_type="hybrid").vector(question.vector).text(question.text)
    return ids(query.distance_type("cosine").limit(BEST).select(["id", "text"]))


if __name__ == "__main__":
    ways = {
        "vectors, with texts": nearest,
        f"vectors, with texts, {PROBES} probes, {REFINE} times as many refined": refined,
        "words and vectors, with texts": mixed,
    }
    run(Engine(build, opened, ways))
