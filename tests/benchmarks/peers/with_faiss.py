"""sentence-transformers and FAISS, as tutorials put them together."""

import json
from pathlib import Path
from typing import Any

import faiss
from driver import Peer, run
from sentence_transformers import SentenceTransformer


def index(model: Any, passages: list[str], folder: Path) -> None:
    vectors = model.encode(passages, normalize_embeddings=True)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    folder.mkdir(parents=True)
    faiss.write_index(flat, str(folder / "vectors.faiss"))
    (folder / "passages.json").write_text(json.dumps(passages), encoding="utf-8")


def opened(model: Any, folder: Path) -> Any:
    passages = json.loads((folder / "passages.json").read_text(encoding="utf-8"))
    return model, faiss.read_index(str(folder / "vectors.faiss")), passages


def best(parts: Any, question: str) -> str:
    model, flat, passages = parts
    _, rows = flat.search(model.encode([question], normalize_embeddings=True), 5)
    return str(passages[rows[0][0]])


if __name__ == "__main__":
    run(Peer(SentenceTransformer, index, opened, best))
