"""Says what a part must do to be swapped: embedder, vector store, lexical store, reader, reranker."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.types import Extraction, Hit

    Floats1d = NDArray[np.float32]
    Floats2d = NDArray[np.float32]
    Ints1d = NDArray[np.int64]
    Ranges = Sequence[tuple[int, int]]

Ranking = list[tuple[int, float]]
"""Rows with scores, best first; equal scores in order of row."""


class Embedder(Protocol):
    """Text to unit vectors. The same text gives the same vector, alone or in a batch, within 1e-5."""

    @property
    def name(self) -> str:
        """The name a user gives in settings."""

    @property
    def fingerprint(self) -> str:
        """A hash of the weights: vectors of different fingerprints are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; what is longer would be cut."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, special tokens included, uncut."""

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows."""

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows; a row does not depend on what else is in `texts`."""

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts (character ranges): both unit rows.

        A part's vector is the mean of its tokens' vectors as they stand in the text.
        """


class VectorStore(Protocol):
    """Rows with vectors, searched by inner product."""

    def __len__(self) -> int:
        """Return the number of rows held."""

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Take new rows; a row already held raises ValueError."""

    def remove(self, rows: "Ints1d") -> None:
        """Drop rows; a row not held raises ValueError."""

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, float32 (n, dimension), in the order asked."""

    def search(self, queries: "Floats2d", k: int) -> list[Ranking]:
        """Return for each query the k rows of highest inner product (fewer if fewer are held)."""

    def save(self, path: Path) -> None:
        """Write one file."""


class LexicalStore(Protocol):
    """Rows with words, searched by BM25. Changes are seen after `commit`."""

    def __len__(self) -> int:
        """Return the number of rows held."""

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Take new rows: the passage and what stands above it (title, headings), searched with their own weight."""

    def remove(self, rows: Sequence[int]) -> None:
        """Drop rows."""

    def commit(self) -> None:
        """Make changes durable and visible."""

    def search(self, query: str, k: int) -> Ranking:
        """Return the k best rows for the words of `query`; rows that share no word are not returned."""

    def document_frequency(self, word: str) -> int:
        """Return in how many rows a word of `terms` occurs (0: nowhere)."""


class Reader(Protocol):
    """Question and passages to extractions."""

    def read(self, questions: Sequence[str], hits: Sequence[Sequence["Hit"]]) -> list[list["Extraction"]]:
        """Return for each question the extractions from its hits, best first, ties in order of document and place."""


class Reranker(Protocol):
    """Question and passages to relevance."""

    def score(self, question: str, texts: Sequence[str]) -> "Floats1d":
        """Return float32 (n,), higher is better, comparable within one question only."""
