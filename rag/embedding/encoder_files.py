"""Finds the files of an encoder that ONNX Runtime runs: those of the shipped model, or those made from a folder.

The graph of the shipped model lies in the package. That of another model is made once from its weights and kept in the
user's cache folder.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from rag.core.errors import ModelNotAvailable
from rag.core.extras import require_package
from rag.core.files.hashing import file_sha256
from rag.core.files.safe_json import json_value
from rag.embedding.onnx_graph import EncoderShape, Precision, encoder_graph
from rag.embedding.prompts import NO_PROMPTS, Prompts, prompts_of_folder
from rag.embedding.weights import SHIPPED_SHA256, WEIGHTS, is_shipped, weights_sha256

SHIPPED_ENCODER = Path(__file__).parents[1] / "models" / "embedder"
ENCODER_GRAPH, ENCODER_TOKENIZER, ENCODER_CARD = "encoder.onnx", "tokenizer.json", "embedder.json"
GRAPH_VERSION = 2
"""Raised when the graph of the same weights changes, so that an older one in the cache is not used."""
CACHE_VARIABLE = "PINCITE_CACHE"
NEEDED_FILES = ("config.json", "modules.json", "tokenizer.json", WEIGHTS)
DAMAGED = "Install Pincite again: pip install --force-reinstall --no-deps pincite-slim"


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder: its fingerprint, its size, its limit in tokens, its tokenizer and graph, and its prompts."""

    fingerprint: str
    dimension: int
    max_tokens: int
    tokenizer: Path
    graph: Path | bytes
    prompts: Prompts = NO_PROMPTS


def shipped_encoder(folder: Path = SHIPPED_ENCODER) -> EncoderFiles:
    """Return the shipped encoder in 8 bits. Raises ModelNotAvailable if a file is not the shipped one."""
    card = _read(folder / ENCODER_CARD, DAMAGED)
    for name in (ENCODER_GRAPH, ENCODER_TOKENIZER):
        try:
            intact = file_sha256(folder / name) == card["sha256"][name]
        except (OSError, KeyError, TypeError):
            intact = False
        if not intact:
            raise ModelNotAvailable(f"{folder / name} is missing or damaged.", DAMAGED)
    return EncoderFiles(
        str(card["weights_sha256"]), int(card["dimension"]), int(card["max_tokens"]),
        folder / ENCODER_TOKENIZER, folder / ENCODER_GRAPH,
    )  # fmt: skip


def exported_encoder(folder: Path, precision: Precision = "int8") -> EncoderFiles:
    """Return the encoder of a model folder; if the cache has no graph of it, make one. Raises ModelNotAvailable."""
    weights, prompts = SHIPPED_SHA256 if is_shipped(folder) else weights_sha256(folder), prompts_of_folder(folder)
    graph = _cached_graph(weights, precision) or _new_graph(folder, weights, precision)
    dimension, tokenizer = int(_read(folder / "config.json")["hidden_size"]), folder / "tokenizer.json"
    return EncoderFiles(prompts.fingerprint(weights), dimension, max_tokens_of(folder), tokenizer, graph, prompts)


def supports(path: Path) -> bool:
    """Tell whether a model folder holds a BERT encoder with mean pooling, as `OnnxEmbedder` computes it.

    A model whose prompts are left out of the mean is not one.
    """
    if not all((path / name).is_file() for name in NEEDED_FILES):
        return False
    try:
        config = _read(path / "config.json")
        modules = _read(path / "modules.json")
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        pooling = _read(
            path / next(module["path"] for module in modules if module["path"].endswith("Pooling")) / "config.json"
        )
    except (ModelNotAvailable, KeyError, TypeError, StopIteration):
        return False
    modes = {key for key, value in pooling.items() if key.startswith("pooling_mode") and value}
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and kinds[:2] == ["Transformer", "Pooling"]
        and set(kinds[2:]) <= {"Normalize"}
        and modes <= {"pooling_mode_mean_tokens", "pooling_mode"}
        and pooling.get("pooling_mode", "mean") == "mean"
        and (pooling.get("include_prompt", True) or prompts_of_folder(path) == NO_PROMPTS)
    )


def encoder_shape(path: Path) -> EncoderShape:
    """Return the shape of the encoder in a model folder. Raises ModelNotAvailable."""
    config = _read(path / "config.json")
    return EncoderShape(int(config["num_attention_heads"]), float(config["layer_norm_eps"]))


def max_tokens_of(path: Path) -> int:
    """Return the longest input of the model in a folder, in tokens. Raises ModelNotAvailable."""
    positions = int(_read(path / "config.json")["max_position_embeddings"])
    file = path / "sentence_bert_config.json"
    return min(positions, int(_read(file).get("max_seq_length") or positions)) if file.is_file() else positions


def cache_folder() -> Path:
    """Return the folder of graphs, which can be made again: `PINCITE_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_path

    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else user_cache_path("pincite", appauthor=False)


def _new_graph(path: Path, fingerprint: str, precision: Precision) -> bytes:
    for module in ("onnx", "safetensors"):
        require_package(module, "models", "The graph of a model is made")
    if weights_sha256(path) != fingerprint:
        raise ModelNotAvailable(f"The weights at {path} change while they are read.", "Try again.")
    try:
        graph = encoder_graph(path / WEIGHTS, encoder_shape(path), precision)
    except (KeyError, ValueError) as error:
        raise cannot_run(path, error) from error
    _save_to_cache(graph, fingerprint, precision)
    return graph


def cannot_run(model: object, error: Exception) -> ModelNotAvailable:
    """Return the error to raise if ONNX Runtime cannot run a model."""
    return ModelNotAvailable(
        f"Cannot run the model at {model} with ONNX Runtime: {error}",
        "Set embedding_runtime=sentence-transformers, or install the model again.",
    )


def _cached_graph(fingerprint: str, precision: Precision) -> Path | None:
    """Return the graph of an earlier run, None if there is none or its bytes have changed."""
    for path in sorted(_graph_files(fingerprint, precision)):
        try:
            digest = file_sha256(path)
        except OSError:
            continue
        if digest[:16] == path.stem.rpartition("-")[2]:
            return path
    return None


def _save_to_cache(graph: bytes, fingerprint: str, precision: Precision) -> None:
    name = f"{_graph_name(fingerprint, precision)}-{hashlib.sha256(graph).hexdigest()[:16]}.onnx"
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=cache_folder(), suffix=".partial", delete=False) as file:
            file.write(graph)
        os.replace(file.name, cache_folder() / name)
    except OSError:
        return  # without a cache folder the graph is made at every start


def _graph_files(fingerprint: str, precision: Precision) -> Iterable[Path]:
    return cache_folder().glob(f"{_graph_name(fingerprint, precision)}-*.onnx")


def _graph_name(fingerprint: str, precision: Precision) -> str:
    return f"encoder-{fingerprint[:16]}-{precision}-v{GRAPH_VERSION}"


def _read(path: Path, remedy: str = "Install the model again.") -> Any:
    try:
        return json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotAvailable(f"{path} cannot be read: {error}.", remedy) from error
