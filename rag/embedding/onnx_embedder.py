"""Turns text into unit vectors with ONNX Runtime: the same weights as sentence-transformers, without torch.

For BERT encoders with mean pooling that lie in a folder, such as the shipped model. The graph is made once from the
weights and kept in the user's cache folder. Every text runs alone and on one thread, several texts side by side: no
padding is computed, and a vector never depends on the other texts.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import ModelNotAvailable
from rag.core.hashing import file_sha256
from rag.core.runtime import session, side_by_side
from rag.core.safe_json import json_value
from rag.embedding.onnx_graph import EncoderShape, Precision, encoder_graph
from rag.embedding.weights import SHIPPED_SHA256, WEIGHTS, is_shipped, weights_sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.core.protocols import Floats2d, Ranges

GRAPH_VERSION = 2
"""Raised when the graph of the same weights changes, so that an older one in the cache is not used."""
CACHE_VARIABLE = "PINCITE_CACHE"
NEEDED_FILES = ("config.json", "modules.json", "tokenizer.json", WEIGHTS)


class OnnxEmbedder:
    """Embeds with ONNX Runtime. `supports` tells which model folders it can run."""

    def __init__(self, name: str, path: Path, precision: Precision = "int8") -> None:
        """Load the graph; if the cache has none, make it first. Raises ModelNotAvailable with the remedy."""
        from tokenizers import Tokenizer

        self._name, self._precision = name, precision
        self._fingerprint = SHIPPED_SHA256 if is_shipped(path) else weights_sha256(path)
        self._dimension = int(_read(path / "config.json")["hidden_size"])
        self._max_tokens = _max_tokens_of(path)
        self._tokenizer: Any = Tokenizer.from_file(str(path / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._session: Any = _session(path, self._fingerprint, precision)

    @property
    def name(self) -> str:
        """Return the name given in settings."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the weights that the graph was made from."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Return the model's own limit in tokens."""
        return self._max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the uncut length of each text in tokens, special tokens included."""
        return [len(encoding) for encoding in self._tokenizer.encode_batch(list(texts))]

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows."""
        return self._stacked(side_by_side(self._embed, texts))

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows: the same as `embed_passages` gives."""
        return self.embed_passages(texts)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts, float32 (parts, dimension), unit rows.

        A part's vector is the mean of its tokens' vectors as they stand in the text. A part whose tokens were cut
        off gets the vector of the text.
        """
        pairs = side_by_side(lambda pair: self._with_parts(*pair), list(zip(texts, parts, strict=True)))
        return self._stacked([whole for whole, _ in pairs]), [inner for _, inner in pairs]

    def _embed(self, text: str) -> "Floats2d":
        return _unit(self._tokens(self._tokenizer.encode(text)).mean(axis=0, keepdims=True))

    def _with_parts(self, text: str, parts: "Ranges") -> "tuple[Floats2d, Floats2d]":
        encoding = self._tokenizer.encode(text)
        tokens = self._tokens(encoding)
        places = self._cut(encoding.offsets)
        whole = _unit(tokens.mean(axis=0, keepdims=True))
        return whole, part_vectors(tokens, np.array(places, np.int64), parts, whole[0])

    def _tokens(self, encoding: Any) -> "Floats2d":
        ids = self._cut(encoding.ids)
        inputs = {
            "input_ids": np.array([ids], np.int32),
            "positions": np.arange(len(ids), dtype=np.int32),
        }
        vectors: Floats2d = self._session.run(None, inputs)[0][0]
        return vectors

    def _cut(self, values: list[Any]) -> list[Any]:
        # A text that is too long loses its end, but not the token that closes every text.
        return values if len(values) <= self._max_tokens else [*values[: self._max_tokens - 1], values[-1]]

    def _stacked(self, rows: "Sequence[Floats2d]") -> "Floats2d":
        return np.concatenate(rows) if rows else np.zeros((0, self._dimension), np.float32)


def supports(path: Path) -> bool:
    """Tell whether a model folder holds a BERT encoder with mean pooling, as `OnnxEmbedder` computes it."""
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
    )


def part_vectors(tokens: "Floats2d", places: "NDArray[np.int64]", parts: "Ranges", whole: "Floats2d") -> "Floats2d":
    """Return unit rows, float32 (parts, dimension): the mean of the tokens that lie in each part, else `whole`.

    `places` are the character ranges of the tokens; those of special tokens are empty and lie in no part.
    """
    rows = np.empty((len(parts), tokens.shape[1]), np.float32)
    for number, (start, end) in enumerate(parts):
        inside = (places[:, 0] >= start) & (places[:, 1] <= end) & (places[:, 0] < places[:, 1])
        rows[number] = tokens[inside].mean(axis=0) if inside.any() else whole
    return _unit(rows)


def _unit(rows: "Floats2d") -> "Floats2d":
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)


def _session(path: Path, fingerprint: str, precision: Precision) -> Any:
    try:
        return session(_cached_graph(fingerprint, precision) or _new_graph(path, fingerprint, precision))
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelNotAvailable(
            f"Cannot run the model at {path} with ONNX Runtime: {error}",
            "Set embedding_runtime=sentence-transformers, or install the model again.",
        ) from error


def _new_graph(path: Path, fingerprint: str, precision: Precision) -> bytes:
    if weights_sha256(path) != fingerprint:
        raise ModelNotAvailable(f"The weights at {path} change while they are read.", "Try again.")
    graph = encoder_graph(path / WEIGHTS, encoder_shape(path), precision)
    _save_to_cache(graph, fingerprint, precision)
    return graph


def encoder_shape(path: Path) -> EncoderShape:
    """Return the shape of the encoder in a model folder. Raises ModelNotAvailable."""
    config = _read(path / "config.json")
    return EncoderShape(int(config["num_attention_heads"]), float(config["layer_norm_eps"]))


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


def cache_folder() -> Path:
    """Return the folder of graphs, which can be made again: `PINCITE_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_path

    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else user_cache_path("pincite", appauthor=False)


def _max_tokens_of(path: Path) -> int:
    positions = int(_read(path / "config.json")["max_position_embeddings"])
    file = path / "sentence_bert_config.json"
    return min(positions, int(_read(file).get("max_seq_length") or positions)) if file.is_file() else positions


def _read(path: Path) -> Any:
    try:
        return json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotAvailable(f"{path} cannot be read: {error}.", "Install the model again.") from error
