"""Compares the vectors of an embedder with those of sentence-transformers, the reference."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats1d

MIN_MEAN_COSINE, MIN_COSINE = 0.99, 0.97
"""The means and the lowest cosine over passages below which the vectors are not those of the model."""


def reference_cosines(embedder: "Embedder", texts: Sequence[str]) -> "Floats1d":
    """Return for each text the cosine of its vector and the vector of the reference, float32 (n,).

    The reference is the model of the same name, run by sentence-transformers. Raises ExtraNotInstalled,
    ModelNotAvailable.
    """
    settings = Settings(embedding_model=embedder.name, embedding_runtime="sentence-transformers")
    reference = open_embedder(settings).embed_passages(texts)
    return np.asarray((embedder.embed_passages(texts) * reference).sum(axis=1), np.float32)


def same_vectors(cosines: "Floats1d") -> bool:
    """Tell whether vectors with these cosines can stand for one another.

    >>> same_vectors(np.array([0.995, 0.991], np.float32)), same_vectors(np.array([0.999, 0.9], np.float32))
    (True, False)
    """
    return bool(cosines.mean() >= MIN_MEAN_COSINE and cosines.min() >= MIN_COSINE)
