"""Defines the interfaces of the parts that can be swapped: embedder, the three stores, reader and reranker."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.core.types import Chunk, Document, DocumentSummary, Extraction, Fields, Hit, Mask

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
        """Longest input in tokens, special tokens included; a longer input would be cut."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, special tokens included, uncut."""

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows."""

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows; a row does not depend on the other `texts`."""

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts (character ranges): both unit rows.

        A part's vector is the mean of its tokens' vectors as they stand in the text.
        """


class NewVectors(Protocol):
    """Takes rows with vectors while an index is written."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def add(self, rows: "Ints1d", vectors: "Floats2d") -> None:
        """Take new rows, rising and higher than all before."""

    def remove(self, rows: "Ints1d") -> None:
        """Drop rows."""

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, float32 (n, dimension), in the order asked."""

    def finish(self) -> tuple[str, ...]:
        """Write the files, if there are any; return notes on them for the user."""

    def close(self) -> None:
        """Discard unfinished files."""


class VectorStore(Protocol):
    """Rows with vectors, searched by inner product."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """Return the number of rows held."""

    def rows(self) -> "Ints1d":
        """Return all rows held, int64 (n,)."""

    def get(self, rows: "Ints1d") -> "Floats2d":
        """Return the stored vectors, float32 (n, dimension), in order. Raises ValueError if one is not held."""

    def search(self, queries: "Floats2d", k: int, among: "Ints1d | None" = None) -> list[Ranking]:
        """Return for each query the k rows of highest inner product, fewer if fewer are held, of `among` alone."""


class NewWords(Protocol):
    """Takes rows with words while an index is written. Changes are seen after `commit`."""

    def add(self, rows: Sequence[int], texts: Sequence[str], headings: Sequence[str]) -> None:
        """Take new rows: the passage, and the title and headings above it, searched with their own weight."""

    def remove(self, rows: Sequence[int]) -> None:
        """Drop rows."""

    def commit(self) -> None:
        """Make changes durable and visible."""


class LexicalStore(Protocol):
    """Rows with words, searched by BM25."""

    def __len__(self) -> int:
        """Return the number of rows held."""

    def search(self, query: str, k: int, among: "Ints1d | None" = None) -> Ranking:
        """Return the k best rows for the words of `query`; rows that share no word are not returned."""

    def language_of(self, text: str) -> str:
        """Return the language whose stemmer a text gets before that of the index, empty if it gets none."""

    def terms(self, text: str, language: str | None = None) -> list[str]:
        """Return the stemmed words of a text in order, repeated ones too; `language` None: the text's own."""

    def words(self, text: str) -> list[str]:
        """Return the words of a text as they are, lower-cased, without accents."""

    def words_as_written(self, text: str) -> list[str]:
        """Return the words of a text untouched, one for each of `words`."""

    def corrections(self, query: str) -> dict[str, tuple[str, ...]]:
        """Return for each word of the query that no row has the words of the index that are one edit away from it."""

    def document_frequency(self, term: str) -> int:
        """Return in how many rows a word of `terms` occurs (0: nowhere)."""


class Overlapping(Protocol):
    """The stored fingerprints of documents that overlap."""

    def sketches(self) -> dict[str, bytes]:
        """Return the sketch of every document, newest first, then in order of id; of equal texts only the first."""

    def shared_blocks(self) -> frozenset[int]:
        """Return the hashes of the blocks that many documents share."""


class DocumentStore(Protocol):
    """Documents, their masks and their chunks, as they are read; `documents.Store` says more of each."""

    @property
    def fields(self) -> "Fields":
        """The documents by the values that filters ask for."""

    @property
    def overlaps(self) -> Overlapping:
        """The stored fingerprints of documents that overlap."""

    def close(self) -> None:
        """Close the files."""

    def counts(self) -> tuple[int, int]:
        """Return the numbers of documents and chunks."""

    def sources(self) -> dict[str, tuple[str, str]]:
        """Return path and hash of every source by its id."""

    def source_of(self, document_id: str) -> str | None:
        """Return the id of the source that a document came from."""

    def documents_of(self, source: str) -> list[str]:
        """Return the ids of the documents that a source held."""

    def summaries(self) -> "list[DocumentSummary]":
        """Return all documents without their texts, in order of id."""

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and text hash of every document, in order of id."""

    def rows_of_keys(self, keys: Collection[int]) -> "Ints1d":
        """Return the rows of the documents of these keys, int64 (n,), in order."""

    def document(self, document_id: str) -> "Document | None":
        """Return a document, None if it is not held."""

    def masks(self, document_id: str) -> "list[Mask]":
        """Return the masks of a document in order."""

    def rows_of(self, document_id: str) -> list[int]:
        """Return the rows of a document's chunks, in order of place."""

    def rows(self) -> list[int]:
        """Return all rows, in order."""

    def chunks(self, rows: Sequence[int]) -> "list[Chunk]":
        """Return the chunks of rows, in the order asked."""

    def sentence_vectors(self, rows: Sequence[int]) -> Mapping[int, bytes]:
        """Return the packed vectors of the sentences of chunks, by row."""

    def problems(self) -> list[str]:
        """Return the damage of the files, one line each."""


class Reader(Protocol):
    """Question and passages to extractions."""

    def read(self, questions: Sequence[str], hits: Sequence[Sequence["Hit"]]) -> list[list["Extraction"]]:
        """Return for each question the extractions from its hits, best first, ties in order of document and place."""


class Reranker(Protocol):
    """Question and passages to relevance."""

    def score(self, question: str, texts: Sequence[str]) -> "Floats1d":
        """Return float32 (n,), higher is better, comparable within one question only."""
