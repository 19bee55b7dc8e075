"""txtai: an Embeddings database that keeps its texts."""

from pathlib import Path
from typing import Any

from driver import Peer, run
from txtai import Embeddings


def load(model: str) -> Any:
    return Embeddings(path=model, content=True)


def index(model: Any, passages: list[str], folder: Path) -> None:
    model.index(passages)
    model.save(str(folder))


def opened(model: Any, folder: Path) -> Any:
    model.load(str(folder))
    return model


def best(model: Any, question: str) -> str:
    return str(model.search(question, 5)[0]["text"])


if __name__ == "__main__":
    run(Peer(load, index, opened, best))
