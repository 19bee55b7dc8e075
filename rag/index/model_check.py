"""Embeds passages of an index a second time with sentence-transformers, and compares the vectors."""

from typing import TYPE_CHECKING

from rag.chunking.chunks import embedding_text
from rag.embedding.reference import reference_cosines

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d
    from rag.index.index import Index

MAX_COMPARED_PASSAGES = 100


def cosines_of_passages(index: "Index") -> "Floats1d":
    """Return the cosine of both vectors for up to 100 passages, spread over the index, float32 (n,).

    Raises ExtraNotInstalled if sentence-transformers is not installed, ModelNotAvailable.
    """
    rows = index.store.rows()
    sample = rows[:: -(-len(rows) // MAX_COMPARED_PASSAGES) or 1]
    return reference_cosines(index.embedder, [embedding_text(chunk) for chunk in index.store.chunks(sample)])
