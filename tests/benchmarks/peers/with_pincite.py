"""Pincite: `Index.build` and `Assistant.search`, which checks and cites every passage that it gives."""

from pathlib import Path
from typing import Any

from driver import Peer, run

from rag import Assistant, Document, Index
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder


def load(model: str) -> Any:
    return open_embedder(Settings(embedding_model=model))


def index(model: Any, passages: list[str], folder: Path) -> None:
    documents = [Document(f"{place:06d}", text) for place, text in enumerate(passages)]
    Index.build(documents, folder, Settings(embedding_model=model.name), embedder=model)


def opened(model: Any, folder: Path) -> Any:
    return Assistant(Index.open(folder, model))


def best(assistant: Any, question: str) -> str:
    found = assistant.search(question, top_k=5)
    return str(found[0].answer) if found else ""


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
