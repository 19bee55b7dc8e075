"""Chroma: a persistent client whose collection embeds with sentence-transformers."""

from pathlib import Path
from typing import Any

import chromadb
from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction
from driver import Peer, run


def load(model: str) -> Any:
    return SentenceTransformerEmbeddingFunction(model_name=model)


def index(model: Any, passages: list[str], folder: Path) -> None:
    collection = chromadb.PersistentClient(path=str(folder)).create_collection("passages", embedding_function=model)
    collection.add(ids=[str(place) for place in range(len(passages))], documents=passages)


def opened(model: Any, folder: Path) -> Any:
    return chromadb.PersistentClient(path=str(folder)).get_collection("passages", embedding_function=model)


def best(collection: Any, question: str) -> str:
    return str(collection.query(query_texts=[question], n_results=5)["documents"][0][0])


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
