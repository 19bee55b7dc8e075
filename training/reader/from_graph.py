"""Turns the shipped 8-bit graph back into weights that training can begin with.

    python -m training.reader.from_graph OUT

Writes OUT/reader.safetensors. The graph keeps each weight as an integer and a scale, so the weights are rounded;
written as a graph again they give the same integers.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from rag.reading.reader_model import GRAPH, SHIPPED_READER
from training.reader.network import HEADS

Array = NDArray[np.float32]
EMBEDDINGS = "embeddings.{}_embeddings.weight"


def main(out: Path) -> None:
    """Write the weights of the shipped reader."""
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights_of(SHIPPED_READER / GRAPH), out / "reader.safetensors")


def weights_of(graph: Path) -> dict[str, Array]:
    """Return the weights in a graph that `rag.embedding.onnx_graph.reader_graph` wrote, by the names of a BERT file."""
    import onnx
    from onnx import numpy_helper

    stored = {one.name: numpy_helper.to_array(one) for one in onnx.load(graph).graph.initializer}
    weights = {
        EMBEDDINGS.format("word"): _words(stored),
        EMBEDDINGS.format("position"): stored["positions.table"],
        EMBEDDINGS.format("token_type"): stored["segments.table"],
    }
    for name in ("reader.tokens", "reader.relevance"):
        weights |= _linear(stored, name, name)
    norms = [name for name in stored if "LayerNorm" in name]
    weights |= {name: stored[name] for name in norms}
    layers = {int(name.split(".")[2]) for name in stored if name.startswith("encoder.layer.")}
    for number in sorted(layers):
        weights |= _layer(stored, f"encoder.layer.{number}")
    return {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in weights.items()}


def _layer(stored: dict[str, Array], name: str) -> dict[str, Array]:
    joined = _linear(stored, f"{name}.attention.joined", "joined")
    weights: dict[str, Array] = {}
    for kind in ("weight", "bias"):
        query, key, value = np.split(joined[f"joined.{kind}"], 3)
        # The graph holds the queries divided by the root of a head's size.
        query = query * np.float32((len(query) // HEADS) ** 0.5)
        for part, tensor in (("query", query), ("key", key), ("value", value)):
            weights[f"{name}.attention.self.{part}.{kind}"] = tensor
    weights |= _linear(stored, f"{name}.wide", f"{name}.intermediate.dense")
    for part in ("attention.output.dense", "output.dense"):
        weights |= _linear(stored, f"{name}.{part}", f"{name}.{part}")
    return weights


def _linear(stored: dict[str, Array], name: str, own: str) -> dict[str, Array]:
    matrix = stored[f"{name}.matrix"].astype(np.float32) * stored.get(f"{name}.scales", np.float32(1))
    return {f"{own}.weight": matrix.T, f"{own}.bias": stored[f"{name}.bias"]}


def _words(stored: dict[str, Array]) -> Array:
    return stored["words.table"].astype(np.float32) * stored.get("words.scales", np.float32(1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
