"""Gives the passages of the index to proofreading: those that speak about some words, and their documents and proof."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.answering.answers import stored_document
from rag.answering.citation import cite, verify
from rag.core.citations import Citation
from rag.core.settings import Settings
from rag.core.types import Chunk, Document, Hit, Span
from rag.embedding.embedder import QueryVectors
from rag.index.index import Index
from rag.index.storage.sentence_vectors import cosine
from rag.proofreading.comparing.words import without_link_targets
from rag.retrieval.candidates import hits, retrieve

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d

MAX_QUERY_CHARACTERS = 2_000
"""Characters of a quotation or sentence that are searched with; the embedder reads fewer."""
CACHED_PROOF_DOCUMENTS = 64


class SourcePassages:
    """The passages of one version of an index, for one draft."""

    def __init__(self, index: Index, settings: Settings, filters: Mapping[str, Any] | None = None) -> None:
        """Search the documents that pass `filters`. Raises InvalidFilter."""
        self.index, self._settings = index, settings
        self.selection = index.selection(filters)
        self._vectors = QueryVectors(lambda: index.embedder)
        self.document = lru_cache(CACHED_PROOF_DOCUMENTS)(self._document)
        self.text = lru_cache(CACHED_PROOF_DOCUMENTS)(self._text)
        self.chunks = lru_cache(CACHED_PROOF_DOCUMENTS)(index.chunks)

    def is_empty(self) -> bool:
        """Tell whether no passage may be searched."""
        rows = self.selection.rows
        return len(self.index.words) == 0 or (rows is not None and len(rows) == 0)

    def about(self, queries: Sequence[str], count: int) -> Iterator[list[Hit]]:
        """Yield for each query the passages that fit best, `count` at most."""
        if self.is_empty():
            yield from ([] for _ in queries)
            return
        texts = [" ".join(query[:MAX_QUERY_CHARACTERS].split()) for query in queries]
        for text, vector in zip(texts, self._vectors(texts), strict=True):
            candidates = retrieve(self.index, text, vector, self._settings, among=self.selection.rows)
            yield hits(self.index, candidates.fused[:count], candidates.scores)

    def vectors(self, texts: Sequence[str]) -> "list[Floats1d]":
        """Return the unit vectors of texts; none is needed if nothing may be searched."""
        return [] if not texts else self._vectors([" ".join(text.split()) for text in texts])

    def sentence_cosines(self, hits: Sequence[Hit], vector: "Floats1d") -> list[list[float]]:
        """Return for each hit the cosine of each of its sentences to a text."""
        stored = self.index.sentence_vectors([hit.row for hit in hits])
        return [list(cosine(vectors, vector)) for vectors in stored]

    def citation(self, span: Span) -> Citation:
        """Return the citation of a span, proven against the stored document."""
        chunk = next((chunk for chunk in self.chunks(span.document_id) if chunk.span.overlaps(span)), None)
        document = self.document(span.document_id)
        if chunk is None:  # a masked part is in no passage
            chunk = Chunk(span, document.slice(span), document.title)
        return cite(document, chunk, span, 1)

    def prove(self, citation: Citation) -> None:
        """Prove a citation against the index again, with its document read again. Raises VerificationError."""
        verify(citation, self._document(citation.span.document_id))

    def _document(self, document_id: str) -> Document:
        return stored_document(self.index, document_id)

    def _text(self, document_id: str) -> str:
        """Return the text of a document as its words are compared: of the same length, without addresses of links."""
        document = self.document(document_id)
        return without_link_targets(document.text) if document.format == "markdown" else document.text
