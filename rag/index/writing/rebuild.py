"""Rebuilds vectors and words from the document store of an index."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.chunking.chunks import embedding_text, heading_text
from rag.core.errors import IndexCorrupt
from rag.core.settings import Settings
from rag.core.types import Chunk
from rag.index.storage.documents import Store
from rag.index.storage.lexical import TantivyStore
from rag.index.storage.manifest import DOCUMENTS, WORDS
from rag.index.writing.vector_writer import VectorWriter

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, NewWords

BATCH_CHUNKS = 512


def open_words(folder: Path, settings: Settings) -> TantivyStore:
    """Open the words in the folder of a version, or create them. Raises OSError if the disk refuses."""
    if (folder / WORDS).is_dir():
        return TantivyStore(folder / WORDS, settings.stemmer)
    (folder / WORDS).mkdir()
    try:
        return TantivyStore(folder / WORDS, settings.stemmer)
    except IndexCorrupt as error:
        raise OSError(f"{folder / WORDS} could not be made: {error.__cause__}") from error


@contextmanager
def disk_refusals() -> Iterator[None]:
    """Raise OSError if tantivy reports that the disk refuses."""
    # tantivy raises ValueError for all faults. The rows and texts are ours, so only the disk can be the cause.
    try:
        yield
    except ValueError as error:
        raise OSError(str(error)) from error


def _batches(store: Store) -> Iterator[tuple[list[int], list[Chunk]]]:
    rows = store.rows()
    for start in range(0, len(rows), BATCH_CHUNKS):
        batch = rows[start : start + BATCH_CHUNKS]
        yield batch, store.chunks(batch)


def add_words(words: "NewWords", rows: Sequence[int], chunks: Sequence[Chunk]) -> None:
    """Add the words of chunks to their store. Raises OSError if the disk refuses."""
    with disk_refusals():
        words.add(rows, [chunk.text for chunk in chunks], list(map(heading_text, chunks)))


def rebuild_derived(
    folder: Path,
    base: Path,
    embedder: "Embedder",
    settings: Settings,
    progress: Callable[[int, int], None],
) -> None:
    """Copy the store of `base` to `folder`, and rebuild vectors and words from it."""
    shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
    store, words = Store(folder / DOCUMENTS), open_words(folder, settings)
    vectors = VectorWriter(folder, None, embedder.dimension, settings.vector_index)
    done, total = 0, store.counts()[1]
    for rows, chunks in _batches(store):
        vectors.add(np.array(rows, np.int64), embedder.embed_passages([embedding_text(chunk) for chunk in chunks]))
        add_words(words, rows, chunks)
        done += len(rows)
        progress(done, total)
    with disk_refusals():
        words.commit()
    vectors.finish()
    store.close()


def rewrite_words(folder: Path, store: Store, settings: Settings) -> TantivyStore:
    """Replace the words of a version by new ones from its store, and return them."""
    shutil.rmtree(folder / WORDS)
    words = open_words(folder, settings)
    for rows, chunks in _batches(store):
        add_words(words, rows, chunks)
    with disk_refusals():
        words.commit()
    return words
