"""Writes the next version of an index: documents to masks, chunks and vectors, each text embedded only once."""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from rag.index.storage.documents import Store
from rag.index.storage.fingerprints import Fingerprint
from rag.index.storage.manifest import DOCUMENTS, WORDS, Manifest
from rag.index.storage.remedies import BUILD_AGAIN
from rag.index.storage.sentence_vectors import packed, packed_size
from rag.index.writing.commit import described, link_tree
from rag.index.writing.embedding_cache import Embedded, Unfinished, key_of
from rag.index.writing.near_duplicates import sketch
from rag.index.writing.rebuild import add_words, disk_refusals, open_words, rewrite_words
from rag.index.writing.repeated_blocks import FEWEST, repeated, shared_blocks, trace
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
    known: "Embedded | None"


class _Cut(NamedTuple):
    """The chunks of a document, with the hash of what is embedded of each, and what that gave before."""

    chunks: list[Chunk]
    hashes: list[bytes]
    known: "list[Embedded | None]"


class Parts(NamedTuple):
    """Where a writer puts vectors and words, where not in files of its folder, and who has older sentence vectors."""

    vectors: "NewVectors"
    words: "NewWords"
    sentence_vectors: Callable[[Sequence[int]], Mapping[int, bytes]]


class Writer:
    """One uncommitted version in a folder of its own, begun empty or as a copy of the version `base`.

    `embedder` is called when the first text is to be embedded: a run that finds nothing new loads no model.
    """

    def __init__(
        self,
        folder: Path,
        base: Path | None,
        embedder: "Callable[[], Embedder]",
        settings: Settings,
        parts: Parts | None = None,
    ) -> None:
        """Open the document store and the words for writing; the vectors follow when they are needed."""
        self._folder, self._base, self._settings = folder, base, settings
        self._load_embedder, self._parts = embedder, parts
        if base is not None:
            shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
            if parts is None:
                link_tree(base / WORDS, folder / WORDS)
        self._words: NewWords = parts.words if parts else open_words(folder, settings)
        self.store = Store(folder / DOCUMENTS, writable=True)
        self._pending: list[_Pending] = []
        self._flushed = 0
        self._removed: list[int] = []
        self._removed_by_hash: dict[bytes, int] = {}
        self._shared = self.store.overlaps.shared_blocks()
        self._taken, self._settle_at = 0, FEWEST

    @cached_property
    def _embedder(self) -> "Embedder":
        return self._load_embedder()

    @cached_property
    def _vectors(self) -> "NewVectors":
        if self._parts is not None:
            return self._parts.vectors
        new = self._embedder.dimension if self._base is None else 0
        return VectorWriter(self._folder, self._base, new, self._settings.vector_index)

    @cached_property
    def _unfinished(self) -> Unfinished:
        return Unfinished(self._folder.parent, self._embedder.dimension)

    @property
    def pending_characters(self) -> int:
        """Return how much of what was put still waits to be embedded."""
        return sum(len(item.chunk.text) for item in self._pending)

    def put(self, document: Document, source: str | None) -> Change:
        """Add a document, or bring the one of this id up to date; an equal one is left as it is.

        One whose file only lies elsewhere now is `moved`: its passages stay.
        """
        held = self.store.document(document.id)
        if held == document:
            return "unchanged"
        if held is not None and replace(held, source_path=document.source_path) == document:
            self.store.move(document.id, source, document.source_path)
            return "moved"
        found = find_blocks(document)
        own = find_masks(document, found)
        masked = self._with_repeated(document, found, own)
        cut = self._cut(document, found, masked)
        if held is not None:
            self.remove(document.id)
        rows = self.store.put(document, source, masked, cut.chunks, cut.hashes)
        self._trace(document, found, own)
        self._pending += map(_Pending, rows, *cut)
        self._taken += 1
        if len(self._pending) >= min(PENDING_CHUNKS, FIRST_CHUNKS + self._flushed):
            self._settle_early()
            self.flush()
        return "updated" if held is not None else "added"

    def remove(self, document_id: str) -> None:
        """Drop a document with its chunks, words and vectors."""
        self._forget(self.store.delete(document_id))

    def settle(self) -> None:
        """Mask in every document, new or held, the blocks that are repeated in the documents as they are now.

        To be called when all is taken: then masks and chunks are the same whatever came first. Documents in which
        nothing changes by that are not looked at again.
        """
        for document_id in self.store.overlaps.missing_documents():
            document = self._held(document_id)
            found = find_blocks(document)
            self._trace(document, found, find_masks(document, found))
        shared = shared_blocks(self.store.overlaps.fingerprints(), self._settings.repeated_share)
        changed, self._shared = shared ^ self._shared, shared
        if changed:
            self.store.overlaps.put_shared_blocks(shared)
            for document_id in self.store.overlaps.documents_with(changed):
                self._mask_again(self._held(document_id))

    def flush(self) -> None:
        """Embed what is pending, each text once, and hand vectors and words to their stores."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._flushed += len(pending)
        # One text may be two sentences in Markdown and one in plain text: then it is embedded for each.
        keys = [(item.embedded_sha256, tuple(embedded_sentences(item.chunk))) for item in pending]
        unknown = {key: item.chunk for key, item in zip(keys, pending, strict=True) if item.known is None}
        embedded = dict(zip(unknown, self._embed(list(unknown.values())), strict=True))
        rows, chunks = [item.row for item in pending], [item.chunk for item in pending]
        found = [item.known or embedded[key] for key, item in zip(keys, pending, strict=True)]
        self._vectors.add(np.array(rows, np.int64), np.array([item.vector for item in found], np.float32))
        for row, item in zip(rows, found, strict=True):
            self.store.put_sentence_vectors(row, item.sentences)
        add_words(self._words, rows, chunks)

    def finish(self) -> tuple[str, ...]:
        """Write everything to the folder and close it; return what the user should know of it, one line each.

        Raises OSError where the disk refuses.
        """
        self.flush()
        self._vectors.remove(np.array(self._removed, np.int64))
        with disk_refusals():
            self._words.commit()
        told = self._vectors.finish()
        self.store.commit()
        if self.store.compact() and self._parts is None:
            # Removed words stay in tantivy's segments, and count in its scores, until it merges them.
            self._words = rewrite_words(self._folder, self.store, self._settings)
        self.store.close()
        return told

    def close(self) -> None:
        """Let go of the files, whether or not they were finished."""
        for part in ("_vectors", "_unfinished"):
            if part in self.__dict__:
                self.__dict__[part].close()
        self.store.close()
        del self._words

    def _held(self, document_id: str) -> Document:
        document = self.store.document(document_id)
        if document is None:
            raise IndexCorrupt(f"The document store lacks document {document_id!r}.", BUILD_AGAIN)
        return document

    def _settle_early(self) -> None:
        # What is found before it is embedded is not embedded in vain. Each time among twice as many documents: the
        # whole of this costs no more than the last time.
        if self._taken >= self._settle_at:
            self._settle_at = 2 * self._taken
            self.settle()

    def _with_repeated(self, document: Document, found: Sequence[Block], own: Sequence[Mask]) -> list[Mask]:
        return sorted([*own, *repeated(document, found, own, self._shared)], key=lambda mask: mask.span)

    def _trace(self, document: Document, found: Sequence[Block], own: Sequence[Mask]) -> None:
        # By its own masks alone, so that what others repeat does not change what is known of a document.
        fingerprint = Fingerprint(sketch(_unmasked(document.text, own)), trace(document, found, own))
        self.store.overlaps.put(document.id, fingerprint)

    def _mask_again(self, document: Document) -> None:
        found = find_blocks(document)
        masked = self._with_repeated(document, found, find_masks(document, found))
        if masked == self.store.masks(document.id):
            return
        cut = self._cut(document, found, masked)
        before, rows = self.store.replace_chunks(document.id, masked, cut.chunks, cut.hashes)
        self._forget(before)
        self._pending += map(_Pending, rows, *cut)
        if len(self._pending) >= PENDING_CHUNKS:
            self.flush()

    def _cut(self, document: Document, found: Sequence[Block], masked: Sequence[Mask]) -> _Cut:
        embedder = self._embedder
        chunks = chunk(document, found, masked, self._settings.chunk_size, embedder.max_tokens, embedder.count_tokens)
        hashes = [hashlib.sha256(embedding_text(made).encode()).digest() for made in chunks]
        return _Cut(chunks, hashes, self._known(hashes, chunks))

    def _forget(self, rows: Mapping[int, bytes]) -> None:
        """Drop chunks that the store does not hold any more; those that still wait to be embedded are not embedded."""
        waiting = {item.row for item in self._pending if item.row in rows}
        self._pending = [item for item in self._pending if item.row not in waiting]
        gone = sorted(rows.keys() - waiting)
        with disk_refusals():
            self._words.remove(gone)
        self._removed += gone
        self._removed_by_hash.update((rows[row], row) for row in gone)

    def _embed(self, chunks: Sequence[Chunk]) -> list[Embedded]:
        """Return what texts give, as an earlier run that was killed has kept it, or new, and then kept."""
        texts, parts = [embedding_text(made) for made in chunks], [embedded_sentences(made) for made in chunks]
        by = f"{self._embedder.fingerprint} {self._settings.embedding_runtime}"
        keys = [key_of(text, ranges, by) for text, ranges in zip(texts, parts, strict=True)]
        known = self._unfinished.known(keys)
        missing = [place for place, key in enumerate(keys) if key not in known]
        if missing:
            few = [texts[place] for place in missing], [parts[place] for place in missing]
            vectors, sentences = self._embedder.embed_with_parts(*few)
            fresh = {keys[place]: Embedded(vectors[n], packed(sentences[n])) for n, place in enumerate(missing)}
            self._unfinished.keep(fresh)
            known |= fresh
        return [known[key] for key in keys]

    def _known(self, hashes: Sequence[bytes], chunks: Sequence[Chunk]) -> list[Embedded | None]:
        """Return for each chunk what its text gave before, None where it is new or has other sentences now."""
        held = self.store.rows_by_embedded(hashes)
        pending = {item.row for item in self._pending} if held else set()
        # What was dropped in this very run still has its vectors: a renamed file is not embedded again.
        rows = {sha: self._removed_by_hash[sha] for sha in hashes if sha in self._removed_by_hash}
        rows |= {sha: row for sha, row in held.items() if row not in pending}
        vectors = dict(zip(rows.values(), self._vectors.get(np.array(list(rows.values()), np.int64)), strict=True))
        sentences = self.store.sentence_vectors(list(rows.values()))
        if self._parts is not None:
            older = [row for row in rows.values() if row not in sentences]
            sentences |= self._parts.sentence_vectors(older)
        known: list[Embedded | None] = []
        for sha, made in zip(hashes, chunks, strict=True):
            row = rows.get(sha, -1)
            size = packed_size(len(made.sentences), self._vectors.dimension)
            same = row in sentences and len(sentences[row]) == size
            known.append(Embedded(vectors[row], sentences[row]) if same else None)
        return known


def _unmasked(text: str, masks: Sequence[Mask]) -> str:
    starts, ends = (0, *(mask.span.end for mask in masks)), (*(mask.span.start for mask in masks), len(text))
    return " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def weights_of(embedder: "Embedder") -> dict[str, Any]:
    """Return what a manifest keeps of an embedder."""
    return {"name": embedder.name, "fingerprint": embedder.fingerprint, "dimension": embedder.dimension}


def manifest_of(
    folder: Path, version: int, weights: Mapping[str, Any], settings: Settings, base: Manifest | None = None
) -> Manifest:
    """Return the manifest of the files in `folder`, finished but not committed, made from the version `base`."""
    store = Store(folder / DOCUMENTS)
    documents, chunks = store.counts()
    made = Manifest(
        version=version,
        fingerprint=_fingerprint(store, weights["fingerprint"], settings),
        embedder=weights,
        settings=settings.shaping(),
        documents=documents,
        chunks=chunks,
        files=described(folder, folder.parent, base),
        package=__version__,
    )
    store.close()
    return made


def _fingerprint(store: Store, weights: str, settings: Settings) -> str:
    """Return `sha256:` and the hash of all that decides what the index finds: documents, weights, settings."""
    digest = hashlib.sha256()
    for fact in chain((weights, sorted(settings.shaping().items())), store.facts()):
        digest.update(repr(fact).encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"
