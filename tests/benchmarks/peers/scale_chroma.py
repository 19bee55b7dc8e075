"""Chroma: a persistent collection with its graph (HNSW) as it comes, by cosine; it ranks no words."""

from pathlib import Path
from typing import Any

import chromadb
from scale_driver import BEST, Engine, Question, batches, run

NAME = "passages"
METRIC: Any = {"hnsw": {"space": "cosine"}}


def build(material: Path, folder: Path) -> None:
    client = chromadb.PersistentClient(path=str(folder))
    collection = client.create_collection(NAME, configuration=METRIC, embedding_function=None)
    for first, texts, vectors in batches(material):
        numbers = [str(place) for place in range(first, first + len(texts))]
        collection.add(ids=numbers, embeddings=vectors, documents=texts)


def opened(folder: Path) -> Any:
    return chromadb.PersistentClient(path=str(folder)).get_collection(NAME, embedding_function=None)


def nearest(collection: Any, question: Question) -> list[int]:
    found = collection.query(query_embeddings=[question.vector], n_results=BEST, include=["documents"])
    return [int(number) for number in found["ids"][0]]


if __name__ == "__main__":
    run(Engine(build, opened, {"vectors, with texts": nearest}))
