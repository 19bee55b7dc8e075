"""Writes the next version of an index: documents to masks, chunks and vectors, each text embedded only once."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rag.blocks import blocks as find_blocks
from rag.boilerplate import masks as find_masks
from rag.chunking import chunk, embedded_sentences, embedding_text, heading_text
from rag.dense import FaissStore, packed, packed_size
from rag.errors import IndexCorrupt
from rag.generations import DOCUMENTS, VECTORS, WORDS, Manifest, described, link_tree
from rag.lexical import TantivyStore
from rag.settings import Settings
from rag.sketches import sketch
from rag.store import Store
from rag.types import Chunk, Document, Mask

if TYPE_CHECKING:
    from rag.protocols import Embedder, Floats1d

PACKAGE_VERSION = "0.1.0"
FIRST_CHUNKS, PENDING_CHUNKS = 32, 512
"""Chunks embedded at a time: few at first, so that progress is soon seen, then enough to sort well by length."""

Change = Literal["added", "updated", "unchanged"]


class _Known(NamedTuple):
    """What an embedded text gave: its vector, and the packed vectors of its sentences."""

    vector: "Floats1d"
    sentences: bytes


@dataclass(frozen=True)
class _Pending:
    row: int
    chunk: Chunk
    embedded_sha256: bytes
    known: "_Known | None"


class Writer:
    """One uncommitted version in a folder of its own, begun empty or as a copy of the version `base`.

    `embedder` is called when the first text is to be embedded: a run that finds nothing new loads no model.
    """

    def __init__(self, folder: Path, base: Path | None, embedder: "Callable[[], Embedder]", settings: Settings) -> None:
        """Open the document store and the words for writing; the vectors follow when they are needed."""
        self._folder, self._base, self._settings = folder, base, settings
        self._load_embedder = embedder
        if base is not None:
            shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
            link_tree(base / WORDS, folder / WORDS)
        self._words = _words(folder, settings)
        self.store = Store(folder / DOCUMENTS, writable=True)
        self._pending: list[_Pending] = []
        self._flushed = 0
        self._removed: list[int] = []
        self._removed_by_hash: dict[bytes, int] = {}

    @cached_property
    def _embedder(self) -> "Embedder":
        return self._load_embedder()

    @cached_property
    def _vectors(self) -> FaissStore:
        if self._base is None:
            return FaissStore(self._embedder.dimension)
        return FaissStore.open(self._base / VECTORS, writable=True)

    @property
    def pending_characters(self) -> int:
        """Return how much of what was put still waits to be embedded."""
        return sum(len(item.chunk.text) for item in self._pending)

    def put(self, document: Document, source: str | None) -> Change:
        """Add a document, or bring the one of this id up to date; an equal one is left as it is."""
        held = self.store.document(document.id)
        if held == document:
            return "unchanged"
        found = find_blocks(document)
        masked = find_masks(document, found)
        chunks = chunk(
            document, found, masked, self._settings.chunk_size, self._embedder.max_tokens, self._embedder.count_tokens
        )
        hashes = [hashlib.sha256(embedding_text(made).encode()).digest() for made in chunks]
        known = self._known(hashes, chunks)
        if held is not None:
            self.remove(document.id)
        rows = self.store.put(document, source, masked, chunks, hashes)
        self._pending += map(_Pending, rows, chunks, hashes, known)
        if len(self._pending) >= min(PENDING_CHUNKS, FIRST_CHUNKS + self._flushed):
            self.flush()
        return "updated" if held is not None else "added"

    def remove(self, document_id: str) -> None:
        """Drop a document with its chunks, words and vectors."""
        rows = self.store.delete(document_id)
        if any(item.row in rows for item in self._pending):
            self.flush()
        with _disk():
            self._words.remove(sorted(rows))
        self._removed += rows
        self._removed_by_hash.update((sha, row) for row, sha in rows.items())

    def sketch(self) -> None:
        """Sketch the documents that have no sketch, from what is not masked in them."""
        for document_id in self.store.unsketched():
            document = self.store.document(document_id)
            if document is not None:
                self.store.put_sketch(document_id, sketch(_unmasked(document.text, self.store.masks(document_id))))

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
        with _disk():
            self._words.add(rows, [made.text for made in chunks], list(map(heading_text, chunks)))

    def finish(self) -> None:
        """Write everything to the folder and close it. Raises OSError where the disk refuses."""
        self.flush()
        self._vectors.remove(np.array(self._removed, np.int64))
        with _disk():
            self._words.commit()
        self._vectors.save(self._folder / VECTORS)
        self.store.commit()
        self.store.close()

    def close(self) -> None:
        """Let go of the files, whether or not they were finished."""
        self.store.close()
        del self._words

    def _embed(self, chunks: Sequence[Chunk]) -> list[_Known]:
        texts, parts = [embedding_text(made) for made in chunks], [embedded_sentences(made) for made in chunks]
        vectors, sentences = self._embedder.embed_with_parts(texts, parts)
        return [_Known(vector, packed(inner)) for vector, inner in zip(vectors, sentences, strict=True)]

    def _known(self, hashes: Sequence[bytes], chunks: Sequence[Chunk]) -> list[_Known | None]:
        """Return for each chunk what its text gave before, None where it is new or has other sentences now."""
        pending = {item.row for item in self._pending}
        # What was dropped in this very run still has its vectors: a renamed file is not embedded again.
        rows = {sha: self._removed_by_hash[sha] for sha in hashes if sha in self._removed_by_hash}
        rows |= {sha: row for sha, row in self.store.rows_by_embedded(hashes).items() if row not in pending}
        vectors = dict(zip(rows.values(), self._vectors.get(np.array(list(rows.values()), np.int64)), strict=True))
        sentences = self.store.sentence_vectors(list(rows.values()))
        known: list[_Known | None] = []
        for sha, made in zip(hashes, chunks, strict=True):
            row = rows.get(sha, -1)
            size = packed_size(len(made.sentences), self._vectors.dimension)
            same = row in sentences and len(sentences[row]) == size
            known.append(_Known(vectors[row], sentences[row]) if same else None)
        return known


def _unmasked(text: str, masks: Sequence[Mask]) -> str:
    starts, ends = (0, *(mask.span.end for mask in masks)), (*(mask.span.start for mask in masks), len(text))
    return " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def _words(folder: Path, settings: Settings) -> TantivyStore:
    if (folder / WORDS).is_dir():
        return TantivyStore(folder / WORDS, settings.stemmer)
    (folder / WORDS).mkdir()
    try:
        return TantivyStore(folder / WORDS, settings.stemmer)
    except IndexCorrupt as error:
        raise OSError(f"{folder / WORDS} could not be made: {error.__cause__}") from error


@contextmanager
def _disk() -> Iterator[None]:
    # tantivy raises ValueError for everything; where rows and texts are ours, only the disk can be the cause.
    try:
        yield
    except ValueError as error:
        raise OSError(str(error)) from error


def rebuild_derived(
    folder: Path,
    base: Path,
    embedder: "Embedder",
    settings: Settings,
    progress: Callable[[int, int], None],
) -> None:
    """Write to `folder` the store of `base` with vectors and words made anew from it."""
    shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
    store, vectors, words = Store(folder / DOCUMENTS), FaissStore(embedder.dimension), _words(folder, settings)
    rows = store.rows()
    for start in range(0, len(rows), PENDING_CHUNKS):
        batch = rows[start : start + PENDING_CHUNKS]
        chunks = store.chunks(batch)
        vectors.add(np.array(batch, np.int64), embedder.embed_passages([embedding_text(made) for made in chunks]))
        with _disk():
            words.add(batch, [made.text for made in chunks], [heading_text(made) for made in chunks])
        progress(start + len(batch), len(rows))
    with _disk():
        words.commit()
    vectors.save(folder / VECTORS)
    store.close()


def weights_of(embedder: "Embedder") -> dict[str, Any]:
    """Return what a manifest keeps of an embedder."""
    return {"name": embedder.name, "fingerprint": embedder.fingerprint, "dimension": embedder.dimension}


def manifest_of(folder: Path, version: int, weights: Mapping[str, Any], settings: Settings) -> Manifest:
    """Return the manifest of the files in `folder`, finished but not committed."""
    store = Store(folder / DOCUMENTS)
    documents, chunks = store.counts()
    made = Manifest(
        version=version,
        fingerprint=_fingerprint(store, weights["fingerprint"], settings),
        embedder=weights,
        settings=settings.shaping(),
        documents=documents,
        chunks=chunks,
        files=described(folder),
        package=PACKAGE_VERSION,
    )
    store.close()
    return made


def _fingerprint(store: Store, weights: str, settings: Settings) -> str:
    """Return `sha256:` and the hash of all that decides what the index finds: documents, weights, settings."""
    digest = hashlib.sha256()
    for fact in chain((weights, sorted(settings.shaping().items())), store.facts()):
        digest.update(repr(fact).encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"
