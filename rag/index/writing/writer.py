"""Writes the next version of an index: documents to masks, chunks and vectors, each text embedded only once."""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rag import __version__
from rag.chunking.blocks import blocks as find_blocks
from rag.chunking.boilerplate import masks as find_masks
from rag.chunking.chunks import chunk, embedded_sentences, embedding_text
from rag.core.errors import IndexCorrupt
from rag.core.settings import Settings
from rag.core.types import Block, Chunk, Document, Mask
from rag.embedding.prompts import NO_PROMPTS
from rag.index.sinks import NewDocuments, Sinks
from rag.index.storage.documents import Store
from rag.index.storage.fingerprints import Fingerprint
from rag.index.storage.manifest import DOCUMENTS, WORDS, Manifest
from rag.index.storage.remedies import BUILD_AGAIN
from rag.index.storage.sentence_vectors import packed, packed_size
from rag.index.writing.commit import file_records, link_tree
from rag.index.writing.embedding_cache import EmbeddingCache, TextVectors, key_of
from rag.index.writing.near_duplicates import sketch
from rag.index.writing.rebuild import add_words, disk_refusals, open_words, rewrite_words
from rag.index.writing.repeated_blocks import MIN_DOCUMENTS, block_hashes, repeated, shared_blocks
from rag.index.writing.sources import KnownSources, SourceTable
from rag.index.writing.vector_writer import VectorWriter

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, NewVectors, NewWords

FIRST_CHUNKS, PENDING_CHUNKS = 32, 512
"""Chunks embedded at a time: few at first, so that progress is soon seen, then enough to sort well by length."""

Change = Literal["added", "updated", "unchanged", "moved"]


@dataclass(frozen=True)
class _Pending:
    row: int
    chunk: Chunk
    embedded_sha256: bytes
    vectors: "TextVectors | None"


class _ChunkedDocument(NamedTuple):
    """The chunks of a document, with the hash of each embedded text, and its vectors if they exist already."""

    chunks: list[Chunk]
    hashes: list[bytes]
    vectors: "list[TextVectors | None]"


class Writer:
    """One uncommitted version in its own folder, which starts empty or as a copy of the version `base`.

    `embedder` is called before the first text is embedded, so a run without new texts loads no model.
    """

    def __init__(
        self,
        folder: Path,
        base: Path | None,
        embedder: "Callable[[], Embedder]",
        settings: Settings,
        sinks: Sinks | None = None,
    ) -> None:
        """Open the document store and the words for writing. The vectors are opened at their first use."""
        self._folder, self._base, self._settings = folder, base, settings
        self._load_embedder, self._sinks = embedder, sinks
        if base is not None:
            shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
            if sinks is None:
                link_tree(base / WORDS, folder / WORDS)
        self._words: NewWords = sinks.words if sinks else open_words(folder, settings)
        own_documents = sinks.documents if sinks else None
        self.store: NewDocuments = own_documents or Store(folder / DOCUMENTS, writable=True)
        self._pending: list[_Pending] = []
        self._flushed = 0
        self._removed: list[int] = []
        self._removed_by_hash: dict[bytes, int] = {}
        self._shared_blocks = self.store.overlaps.shared_blocks()
        self._put_count, self._next_masking = 0, MIN_DOCUMENTS

    @cached_property
    def _embedder(self) -> "Embedder":
        return self._load_embedder()

    @cached_property
    def _vectors(self) -> "NewVectors":
        if self._sinks is not None:
            return self._sinks.vectors
        dimension = self._embedder.dimension if self._base is None else 0
        return VectorWriter(self._folder, self._base, dimension, self._settings.vector_index)

    @cached_property
    def _cache(self) -> EmbeddingCache:
        return EmbeddingCache(self._folder.parent, self._embedder.dimension)

    @property
    def pending_characters(self) -> int:
        """Return the number of characters that wait to be embedded."""
        return sum(len(item.chunk.text) for item in self._pending)

    def put(self, document: Document, source: str | None) -> Change:
        """Add a document, or update the one with this id. An equal document is not changed.

        If only its path has changed, the document is `moved` and its passages stay.
        """
        stored = self.store.document(document.id)
        if stored == document:
            return "unchanged"
        if stored is not None and replace(stored, source_path=document.source_path) == document:
            self.store.move(document.id, source, document.source_path)
            return "moved"
        blocks = find_blocks(document)
        own = find_masks(document, blocks)
        masks = self._with_repeated(document, blocks, own)
        chunked = self._chunked(document, blocks, masks)
        if stored is not None:
            self.remove(document.id)
        rows = self.store.put(document, source, masks, chunked.chunks, chunked.hashes)
        self._put_fingerprint(document, blocks, own)
        self._pending += map(_Pending, rows, *chunked)
        self._put_count += 1
        if len(self._pending) >= min(PENDING_CHUNKS, FIRST_CHUNKS + self._flushed):
            self._mask_early()
            self.flush()
        return "updated" if stored is not None else "added"

    def copy(
        self, document: Document, source: str | None, masks: Sequence[Mask], chunks: Sequence[Chunk],
        vectors: "Sequence[TextVectors]",
    ) -> None:  # fmt: skip
        """Add a document of another index with its masks, chunks and vectors."""
        hashes = [hashlib.sha256(embedding_text(item).encode()).digest() for item in chunks]
        rows = self.store.put(document, source, masks, chunks, hashes)
        blocks = find_blocks(document)
        self._put_fingerprint(document, blocks, find_masks(document, blocks))
        self._pending += map(_Pending, rows, chunks, hashes, vectors)
        if len(self._pending) >= PENDING_CHUNKS:
            self.flush()

    def remove(self, document_id: str) -> None:
        """Remove a document with its chunks, words and vectors."""
        self._forget_chunks(self.store.delete(document_id))

    def apply_repeated_masks(self) -> None:
        """Mask in every document, new or old, the blocks that the documents of the index repeat now.

        Call it after the last `put`, so that masks and chunks do not depend on the order of documents. Documents whose
        shared blocks have not changed are not read again.
        """
        for document_id in self.store.overlaps.missing_documents():
            document = self._stored_document(document_id)
            blocks = find_blocks(document)
            self._put_fingerprint(document, blocks, find_masks(document, blocks))
        shared = self._shared_blocks_now()
        changed, self._shared_blocks = shared ^ self._shared_blocks, shared
        if changed:
            self.store.overlaps.put_shared_blocks(shared)
            for document_id in self.store.overlaps.documents_with(changed):
                self._replace_masks(self._stored_document(document_id))

    def flush(self) -> None:
        """Embed the pending chunks, each text once, and pass vectors and words to their stores."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._flushed += len(pending)
        # A text may be two sentences in Markdown and one in plain text. Then it is embedded once for each.
        keys = [(item.embedded_sha256, tuple(embedded_sentences(item.chunk))) for item in pending]
        unknown = {key: item.chunk for key, item in zip(keys, pending, strict=True) if item.vectors is None}
        embedded = dict(zip(unknown, self._embed(list(unknown.values())), strict=True))
        rows, chunks = [item.row for item in pending], [item.chunk for item in pending]
        text_vectors = [item.vectors or embedded[key] for key, item in zip(keys, pending, strict=True)]
        self._vectors.add(np.array(rows, np.int64), np.array([item.vector for item in text_vectors], np.float32))
        for row, item in zip(rows, text_vectors, strict=True):
            self.store.put_sentence_vectors(row, item.sentences)
        add_words(self._words, rows, chunks)

    def finish(self) -> tuple[str, ...]:
        """Write all files and close them. Return notes for the user, one line each.

        Raises OSError if the disk refuses.
        """
        self.flush()
        self._vectors.remove(np.array(self._removed, np.int64))
        with disk_refusals():
            self._words.commit()
        notes = self._vectors.finish()
        self.store.commit()
        if self.store.compact() and isinstance(self.store, Store) and self._sinks is None:
            # Removed words stay in tantivy's segments and count in its scores until it merges them.
            self._words = rewrite_words(self._folder, self.store, self._settings)
        self.store.close()
        return notes

    def close(self) -> None:
        """Close the files, finished or not."""
        for part in ("_vectors", "_cache"):
            if part in self.__dict__:
                self.__dict__[part].close()
        self.store.close()
        del self._words

    def known_sources(self) -> KnownSources:
        """Return the sources of the index."""
        return self._sinks.sources if self._sinks and self._sinks.sources else SourceTable(self.store.sources())

    def _shared_blocks_now(self) -> frozenset[int]:
        share = self._settings.repeated_share
        if self._sinks and self._sinks.shared_blocks:
            return self._sinks.shared_blocks(share)
        return shared_blocks(self.store.overlaps.fingerprints(), share)

    def _stored_document(self, document_id: str) -> Document:
        document = self.store.document(document_id)
        if document is None:
            raise IndexCorrupt(f"The document store lacks document {document_id!r}.", BUILD_AGAIN)
        return document

    def _mask_early(self) -> None:
        # Blocks that are masked before embedding are not embedded in vain. The number of documents doubles each time,
        # so all these searches together cost no more than the last one.
        if self._put_count >= self._next_masking:
            self._next_masking = 2 * self._put_count
            self.apply_repeated_masks()

    def _with_repeated(self, document: Document, blocks: Sequence[Block], own: Sequence[Mask]) -> list[Mask]:
        return sorted([*own, *repeated(document, blocks, own, self._shared_blocks)], key=lambda mask: mask.span)

    def _put_fingerprint(self, document: Document, blocks: Sequence[Block], own: Sequence[Mask]) -> None:
        # Without masks of repeated blocks, so that the fingerprint does not depend on other documents.
        fingerprint = Fingerprint(sketch(_unmasked(document.text, own)), block_hashes(document, blocks, own))
        self.store.overlaps.put(document.id, fingerprint)

    def _replace_masks(self, document: Document) -> None:
        blocks = find_blocks(document)
        masks = self._with_repeated(document, blocks, find_masks(document, blocks))
        if masks == self.store.masks(document.id):
            return
        chunked = self._chunked(document, blocks, masks)
        old_rows, rows = self.store.replace_chunks(document.id, masks, chunked.chunks, chunked.hashes)
        self._forget_chunks(old_rows)
        self._pending += map(_Pending, rows, *chunked)
        if len(self._pending) >= PENDING_CHUNKS:
            self.flush()

    def _chunked(self, document: Document, blocks: Sequence[Block], masks: Sequence[Mask]) -> _ChunkedDocument:
        embedder = self._embedder
        chunks = chunk(document, blocks, masks, self._settings.chunk_size, embedder.max_tokens, embedder.count_tokens)
        hashes = [hashlib.sha256(embedding_text(item).encode()).digest() for item in chunks]
        return _ChunkedDocument(chunks, hashes, self._reusable_vectors(hashes, chunks))

    def _forget_chunks(self, rows: Mapping[int, bytes]) -> None:
        """Remove words and vectors of deleted chunks. Chunks that still wait to be embedded are only dropped."""
        waiting = {item.row for item in self._pending if item.row in rows}
        self._pending = [item for item in self._pending if item.row not in waiting]
        removed_rows = sorted(rows.keys() - waiting)
        with disk_refusals():
            self._words.remove(removed_rows)
        self._removed += removed_rows
        self._removed_by_hash.update((rows[row], row) for row in removed_rows)

    def _embed(self, chunks: Sequence[Chunk]) -> list[TextVectors]:
        """Return the vectors of chunks, from the cache of a killed run or new ones, which go to the cache."""
        texts, parts = [embedding_text(item) for item in chunks], [embedded_sentences(item) for item in chunks]
        embedder = f"{self._embedder.fingerprint} {self._settings.embedding_runtime}"
        keys = [key_of(text, ranges, embedder) for text, ranges in zip(texts, parts, strict=True)]
        text_vectors = self._cache.get(keys)
        new = [i for i, key in enumerate(keys) if key not in text_vectors]
        if new:
            vectors, sentences = self._embedder.embed_with_parts([texts[i] for i in new], [parts[i] for i in new])
            new_vectors = {keys[i]: TextVectors(vectors[n], packed(sentences[n])) for n, i in enumerate(new)}
            self._cache.put(new_vectors)
            text_vectors |= new_vectors
        return [text_vectors[key] for key in keys]

    def _reusable_vectors(self, hashes: Sequence[bytes], chunks: Sequence[Chunk]) -> list[TextVectors | None]:
        """Return the stored vectors of each chunk's text, None if it is new or its sentences differ."""
        stored_rows = self.store.rows_by_embedded(hashes)
        pending = {item.row for item in self._pending} if stored_rows else set()
        # Chunks that this run removed still have vectors, so a renamed file is not embedded again.
        rows = {sha: self._removed_by_hash[sha] for sha in hashes if sha in self._removed_by_hash}
        rows |= {sha: row for sha, row in stored_rows.items() if row not in pending}
        vectors = dict(zip(rows.values(), self._vectors.get(np.array(list(rows.values()), np.int64)), strict=True))
        sentences = self.store.sentence_vectors(list(rows.values()))
        if self._sinks is not None:
            older = [row for row in rows.values() if row not in sentences]
            sentences = {**sentences, **self._sinks.sentence_vectors(older)}
        reusable: list[TextVectors | None] = []
        for sha, item in zip(hashes, chunks, strict=True):
            row = rows.get(sha, -1)
            size = packed_size(len(item.sentences), self._vectors.dimension)
            is_same = row in sentences and len(sentences[row]) == size
            reusable.append(TextVectors(vectors[row], sentences[row]) if is_same else None)
        return reusable


def _unmasked(text: str, masks: Sequence[Mask]) -> str:
    starts, ends = (0, *(mask.span.end for mask in masks)), (*(mask.span.start for mask in masks), len(text))
    return " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))


class RecordedEmbedder:
    """Stands for the embedder of an index that is copied: its weights are named in the copy but never loaded."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        """Take the entry of a manifest."""
        self.record, self.name, self.fingerprint = dict(record), str(record["name"]), str(record["fingerprint"])
        self.dimension = int(record["dimension"])


def embedder_record(embedder: "Embedder | RecordedEmbedder") -> dict[str, Any]:
    """Return the entry of an embedder in a manifest, with the prompts of its model if it has any."""
    if isinstance(embedder, RecordedEmbedder):
        return embedder.record
    record: dict[str, Any] = {
        "name": embedder.name,
        "fingerprint": embedder.fingerprint,
        "dimension": embedder.dimension,
    }
    prompts = getattr(embedder, "prompts", None) or NO_PROMPTS
    return record if prompts == NO_PROMPTS else {**record, "prompts": asdict(prompts)}


def manifest_of(
    folder: Path, version: int, weights: Mapping[str, Any], settings: Settings, base: Manifest | None = None
) -> Manifest:
    """Return the manifest of the finished files in `folder`, which were made from the version `base`."""
    store = Store(folder / DOCUMENTS)
    documents, chunks = store.counts()
    manifest = Manifest(
        version=version,
        fingerprint=fingerprint_of(store, weights["fingerprint"], settings),
        embedder=weights,
        settings=settings.shaping(),
        documents=documents,
        chunks=chunks,
        files=file_records(folder, folder.parent, base),
        package=__version__,
    )
    store.close()
    return manifest


def fingerprint_of(store: NewDocuments, weights: str, settings: Settings) -> str:
    """Return `sha256:` and a hash of documents, weights and settings, which decide the results of a search."""
    digest = hashlib.sha256()
    for fact in chain((weights, sorted(settings.shaping().items())), store.facts()):
        digest.update(repr(fact).encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"
