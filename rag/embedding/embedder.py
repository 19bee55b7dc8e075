"""Opens the embedding model of a setting; sentence-transformers runs any, ONNX Runtime the common ones faster."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import ModelNotAvailable
from rag.core.extras import require_package
from rag.core.settings import Settings
from rag.embedding.encoder_files import exported_encoder, shipped_encoder, supports
from rag.embedding.onnx_embedder import OnnxEmbedder, part_vectors, prompt_tokens
from rag.embedding.prompts import prompts_among
from rag.embedding.weights import SHIPPED_MODEL, WEIGHTS, is_shipped_name, model_path, weights_sha256

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats1d, Floats2d, Ranges

BATCH_SIZE = 32
log = logging.getLogger(__name__)


def open_embedder(settings: Settings) -> "Embedder":
    """Return the embedder that the settings name. Raises ModelNotAvailable or ExtraNotInstalled with the remedy.

    With the runtime `auto`, ONNX Runtime runs a model if `supports` says so, else sentence-transformers runs it.
    """
    embedder = _opened(settings.embedding_model, settings.embedding_runtime)
    log.info("embedding model %s runs by %s", embedder.name, type(embedder).__name__)
    return embedder


def _opened(name: str, runtime: str) -> "Embedder":
    if is_shipped_name(name) and runtime in ("auto", "onnx-int8"):
        return OnnxEmbedder(name, shipped_encoder())
    path = model_path(name)
    lean = path is not None and supports(path)
    if runtime == "sentence-transformers" or (runtime == "auto" and not lean):
        return SentenceTransformerEmbedder(name)
    if path is None or not lean:
        raise ModelNotAvailable(
            f"The runtime {runtime!r} runs BERT encoders with mean pooling from a folder, not {name!r}.",
            "Set embedding_runtime=auto.",
        )
    return OnnxEmbedder(name, exported_encoder(path, "fp32" if runtime == "onnx-fp32" else "int8"))


class SentenceTransformerEmbedder:
    """Embeds with a sentence-transformers model.

    Queries are run one by one: a vector then never depends on the other questions of the call, and on a CPU
    a batch of one costs no more per text. Passages are run in batches of similar length.
    """

    def __init__(self, name: str = SHIPPED_MODEL) -> None:
        """Load the model. Raises ModelNotAvailable with the remedy."""
        require_package("sentence_transformers", "models", f"The model {name!r} runs")
        path = model_path(name)
        self._name = name
        self._model = _load(name, path)
        self.prompts = prompts_among(self._model.prompts)
        has_file = path is not None and (path / WEIGHTS).is_file()
        weights = weights_sha256(path) if path and has_file else _tensors_sha256(self._model)
        self._fingerprint = self.prompts.fingerprint(weights)

    @property
    def name(self) -> str:
        """Return the name given in settings."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the weights; prompts change it."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """Return the longest passage in tokens: the model's own limit without the prompt of a document."""
        return int(self._model.max_seq_length or 512) - prompt_tokens(self)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the uncut length of each text in tokens, special tokens included."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, computed in batches."""
        return self._encode(texts, BATCH_SIZE, self.prompts.document)

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, each computed alone and by one thread."""
        with _one_thread():
            rows = [self._encode([text], 1, self.prompts.query) for text in texts]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts, float32 (parts, dimension), unit rows.

        A part's vector is the mean of its tokens' vectors as they stand in the text. A part whose tokens were cut
        off gets the vector of the text.
        """
        prompt = self.prompts.document
        outputs = self._model.encode(
            list(texts), prompt=prompt, batch_size=BATCH_SIZE, output_value=None, show_progress_bar=False
        )
        wholes = np.array([_unit(one["sentence_embedding"]) for one in outputs], np.float32)
        inner = []
        for one, text, ranges, whole in zip(outputs, texts, parts, wholes, strict=True):
            encoded = self._model.tokenizer(
                prompt + text, truncation=True, max_length=self._model.max_seq_length or 512,
                return_offsets_mapping=True, verbose=False,
            )  # fmt: skip
            places = np.array(encoded["offset_mapping"], np.int64)
            places -= len(prompt)
            tokens = one["token_embeddings"].float().numpy(force=True)[: len(places)]
            inner.append(part_vectors(tokens, places, ranges, whole))
        return wholes.reshape(len(texts), self.dimension), inner

    def _encode(self, texts: Sequence[str], batch_size: int, prompt: str) -> "Floats2d":
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._model.encode(
            list(texts), prompt=prompt, batch_size=batch_size, normalize_embeddings=True, convert_to_numpy=True,
            show_progress_bar=False,
        )  # fmt: skip
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _load(name: str, path: Path | None) -> Any:
    from sentence_transformers import SentenceTransformer

    try:
        with _no_progress_bar():
            return SentenceTransformer(str(path or name), local_files_only=path is not None, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelNotAvailable(
            f"Cannot load embedding model {name!r}: {reason}",
            f"Use the shipped {SHIPPED_MODEL}, a local folder, or a hub name with a network.",
        ) from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    # transformers draws a bar for each load, in the middle of our own output.
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def _tensors_sha256(model: Any) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(dtype=_bytes_type()).numpy().tobytes())
    return digest.hexdigest()


def _bytes_type() -> Any:
    import torch

    return torch.uint8


@contextmanager
def _one_thread() -> Iterator[None]:
    # Two torch threads on a busy two-core machine cost one query 460 CPU ms instead of 15.
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _unit(vector: Any) -> "Floats2d":
    values: Floats2d = vector.float().numpy(force=True)
    return values / np.linalg.norm(values)


class QueryVectors:
    """The vectors of questions and sentences, the last `capacity` of them kept; several threads may ask at once.

    An embedder gives a text the same vector whatever else it embeds, so an answer never depends on
    earlier questions.
    """

    def __init__(self, embedder: "Callable[[], Embedder]", capacity: int = 20_000) -> None:
        """Begin with none; `embedder` is called when the first text is embedded."""
        self._embedder, self._capacity = embedder, capacity
        self._cached: OrderedDict[str, Floats1d] = OrderedDict()
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> "list[Floats1d]":
        """Return a unit vector, float32 (dimension,), for each text."""
        with self._lock:
            vectors = {text: self._cached[text] for text in texts if text in self._cached}
        new_texts = [text for text in dict.fromkeys(texts) if text not in vectors]
        if new_texts:
            vectors |= dict(zip(new_texts, self._embedder().embed_queries(new_texts), strict=True))
        with self._lock:
            for text in dict.fromkeys(texts):
                self._cached[text] = vectors[text]
                self._cached.move_to_end(text)
            while len(self._cached) > self._capacity:
                self._cached.popitem(last=False)
        return [vectors[text] for text in texts]
