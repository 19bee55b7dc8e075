"""Defines the stores of a writer that are no files: new documents, vectors and words of a version."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rag.core.protocols import DocumentStore, NewVectors, NewWords, Overlapping
from rag.index.writing.sources import KnownSources

if TYPE_CHECKING:
    from rag.core.types import Chunk, Document, DocumentSummary, Mask
    from rag.index.storage.fingerprints import Fingerprint


class NewFingerprints(Overlapping, Protocol):
    """The fingerprints of documents while an index is written; `FingerprintTables` says more of each method."""

    def put(self, document_id: str, fingerprint: "Fingerprint") -> None:
        """Store the fingerprint of a document."""

    def missing_documents(self) -> list[str]:
        """Return the ids of the documents without a fingerprint, in order."""

    def sketches_like(self, document_ids: Sequence[str]) -> dict[str, bytes]:
        """Return those of `sketches` that may be near one of these documents, and perhaps others."""

    def text_count(self) -> int:
        """Return the number of different texts."""

    def fingerprints(self) -> "list[Fingerprint]":
        """Return the fingerprint of every document by id. If texts are equal, only the first counts."""

    def documents_with(self, blocks: Iterable[int]) -> list[str]:
        """Return the ids of the documents that have at least one of these blocks, in order."""

    def put_shared_blocks(self, blocks: Iterable[int]) -> None:
        """Replace the stored hashes of the blocks that many documents share."""


class NewDocuments(DocumentStore, Protocol):
    """The documents of a version while it is written; `documents.Store` says more of each method."""

    @property
    def overlaps(self) -> NewFingerprints:
        """The fingerprints of documents."""

    def put(
        self, document: "Document", source: str | None, masks: "Sequence[Mask]", chunks: "Sequence[Chunk]",
        embedded_sha256: Sequence[bytes],
    ) -> list[int]:  # fmt: skip
        """Store a document with its masks and chunks; return the new rows of the chunks, in order."""

    def replace_chunks(
        self, document_id: str, masks: "Sequence[Mask]", chunks: "Sequence[Chunk]", embedded_sha256: Sequence[bytes]
    ) -> tuple[dict[int, bytes], list[int]]:
        """Replace the masks and chunks of a stored document. Return the result of `delete` and that of `put`."""

    def put_sentence_vectors(self, row: int, vectors: bytes) -> None:
        """Store the packed vectors of a chunk's sentences."""

    def move(self, document_id: str, source: str | None, source_path: str | None) -> None:
        """Record the new source and path of a stored document."""

    def delete(self, document_id: str) -> dict[int, bytes]:
        """Delete a document. Return the hash of the embedded text of each of its rows, none if it is not stored."""

    def put_source(self, source: str, path: str, sha256: str) -> None:
        """Record the path of a source and the hash of its bytes."""

    def delete_source(self, source: str) -> None:
        """Delete the record of a source."""

    def summaries_of(self, document_ids: Sequence[str]) -> "Iterator[DocumentSummary]":
        """Yield the documents of these ids without their texts."""

    def hashes_like(self, document_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the pairs of `hashes`, but only for documents with the text of one of these."""

    def rows_by_embedded(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Return the first row of each hash of embedded text that is stored."""

    def facts(self) -> Iterator[tuple[Any, ...]]:
        """Yield all facts that decide the answers."""

    def commit(self) -> None:
        """Write all changes."""

    def compact(self) -> bool:
        """Give free space back if there is much. Tell whether anything was rewritten."""


class Sinks(NamedTuple):
    """Other stores than files in the writer's folder. `documents` is None if only these are files."""

    vectors: NewVectors
    words: NewWords
    sentence_vectors: Callable[[Sequence[int]], Mapping[int, bytes]]
    """Reads older sentence vectors, which the documents do not have."""
    documents: NewDocuments | None = None
    sources: KnownSources | None = None
    """The sources, if the documents need not read all of them."""
    shared_blocks: Callable[[float], frozenset[int]] | None = None
    """Returns `repeated_blocks.shared_blocks` for a share, if the fingerprints need not all be read."""
