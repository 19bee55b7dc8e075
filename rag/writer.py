"""Writes the next version of an index: documents to masks, chunks and vectors, each text embedded only once."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rag.boilerplate import masks as find_masks
from rag.chunking import chunk, embedding_text, heading_text
from rag.dense import FaissStore
from rag.generations import link_tree
from rag.lexical import TantivyStore
from rag.sentences import blocks as find_blocks
from rag.settings import Settings
from rag.store import Store
from rag.types import Chunk, Document

if TYPE_CHECKING:
    from rag.protocols import Embedder, Floats2d

DOCUMENTS, VECTORS, WORDS = "documents.sqlite", "vectors.faiss", "words"
PENDING_CHUNKS = 512
"""Chunks embedded at a time: enough to sort by length, few enough to keep memory and progress steady."""

Change = Literal["added", "updated", "unchanged"]


@dataclass(frozen=True)
class _Pending:
    row: int
    chunk: Chunk
    embedded_sha256: bytes
    vector: "Floats2d | None"


class Writer:
    """One uncommitted version in a folder of its own, begun empty or as a copy of the version `base`."""

    def __init__(self, folder: Path, base: Path | None, embedder: "Embedder", settings: Settings) -> None:
        """Open the three stores for writing."""
        if base is not None:
            shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
            link_tree(base / WORDS, folder / WORDS)
        else:
            (folder / WORDS).mkdir()
        self._folder, self._embedder, self._settings = folder, embedder, settings
        self.store = Store(folder / DOCUMENTS, writable=True)
        self._words = TantivyStore(folder / WORDS, settings.stemmer)
        self._vectors = (
            FaissStore(embedder.dimension) if base is None else FaissStore.open(base / VECTORS, writable=True)
        )
        self._pending: list[_Pending] = []
        self._removed: list[int] = []
        self.store.begin()

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
        vectors = self._known_vectors(hashes)
        if held is not None:
            self.remove(document.id)
        rows = self.store.put(document, source, masked, chunks, hashes)
        self._pending += map(_Pending, rows, chunks, hashes, vectors)
        if len(self._pending) >= PENDING_CHUNKS:
            self.flush()
        return "updated" if held is not None else "added"

    def remove(self, document_id: str) -> None:
        """Drop a document with its chunks, words and vectors."""
        rows = set(self.store.delete(document_id))
        if rows.intersection(item.row for item in self._pending):
            self.flush()
        self._words.remove(sorted(rows))
        self._removed += sorted(rows)

    def flush(self) -> None:
        """Embed what is pending, each text once, and hand vectors and words to their stores."""
        unknown = {item.embedded_sha256: item.chunk for item in self._pending if item.vector is None}
        computed = self._embedder.embed_passages([embedding_text(made) for made in unknown.values()])
        vectors = dict(zip(unknown, computed, strict=True))
        if self._pending:
            rows, chunks = [item.row for item in self._pending], [item.chunk for item in self._pending]
            stacked = [vectors.get(item.embedded_sha256, item.vector) for item in self._pending]
            self._vectors.add(np.array(rows, np.int64), np.array(stacked, np.float32))
            self._words.add(rows, [made.text for made in chunks], list(map(heading_text, chunks)))
        self._pending = []

    def finish(self) -> None:
        """Write everything to the folder and close it. Raises OSError where the disk refuses."""
        self.flush()
        self._vectors.remove(np.array(self._removed, np.int64))
        self._words.commit()
        self._vectors.save(self._folder / VECTORS)
        self.store.commit()

    def _known_vectors(self, hashes: Sequence[bytes]) -> "list[Floats2d | None]":
        pending = {item.row for item in self._pending}
        rows = {sha: row for sha, row in self.store.rows_by_embedded(hashes).items() if row not in pending}
        vectors = dict(zip(rows, self._vectors.get(np.array(list(rows.values()), np.int64)), strict=True))
        return [vectors.get(sha) for sha in hashes]


def rebuild_derived(folder: Path, base: Path, embedder: "Embedder", settings: Settings,
                    progress: Callable[[int, int], None]) -> None:  # fmt: skip
    """Write to `folder` the store of `base` with vectors and words made anew from it."""
    shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
    (folder / WORDS).mkdir()
    store, vectors = Store(folder / DOCUMENTS), FaissStore(embedder.dimension)
    words = TantivyStore(folder / WORDS, settings.stemmer)
    rows = store.rows()
    for start in range(0, len(rows), PENDING_CHUNKS):
        batch = rows[start : start + PENDING_CHUNKS]
        chunks = store.chunks(batch)
        vectors.add(np.array(batch, np.int64), embedder.embed_passages([embedding_text(made) for made in chunks]))
        words.add(batch, [made.text for made in chunks], [heading_text(made) for made in chunks])
        progress(start + len(batch), len(rows))
    words.commit()
    vectors.save(folder / VECTORS)
    store.close()


def fingerprint(store: Store, embedder: "Embedder", settings: Settings) -> str:
    """Return `sha256:` and the hash of all that decides what the index finds: documents, weights, settings."""
    digest = hashlib.sha256()
    facts: Iterable[str] = (embedder.fingerprint, repr(sorted(settings.shaping().items())))
    for fact in (*facts, *(f"{key} {sha}" for key, sha in store.hashes())):
        digest.update(fact.encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"
