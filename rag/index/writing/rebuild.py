"""Writes vectors and words anew from the document store of an index, which both can be derived from."""

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

AT_ONCE = 512
"""Chunks that are taken from the store at a time."""


def open_words(folder: Path, settings: Settings) -> TantivyStore:
    """Return the words in the folder of a version, or make them. Raises OSError where the disk refuses."""
    if (folder / WORDS).is_dir():
        return TantivyStore(folder / WORDS, settings.stemmer)
    (folder / WORDS).mkdir()
    try:
        return TantivyStore(folder / WORDS, settings.stemmer)
    except IndexCorrupt as error:
        raise OSError(f"{folder / WORDS} could not be made: {error.__cause__}") from error


@contextmanager
def disk_refusals() -> Iterator[None]:
    """Turn what tantivy raises where the disk refuses into OSError."""
    # tantivy raises ValueError for everything; where rows and texts are ours, only the disk can be the cause.
    try:
        yield
    except ValueError as error:
        raise OSError(str(error)) from error


def _batches(store: Store) -> Iterator[tuple[list[int], list[Chunk]]]:
    rows = store.rows()
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        yield batch, store.chunks(batch)


def add_words(words: "NewWords", rows: Sequence[int], chunks: Sequence[Chunk]) -> None:
    """Hand the words of chunks to their store. Raises OSError where the disk refuses."""
    with disk_refusals():
        words.add(rows, [made.text for made in chunks], list(map(heading_text, chunks)))


def rebuild_derived(
    folder: Path,
    base: Path,
    embedder: "Embedder",
    settings: Settings,
    progress: Callable[[int, int], None],
) -> None:
    """Write to `folder` the store of `base` with vectors and words made anew from it."""
    shutil.copyfile(base / DOCUMENTS, folder / DOCUMENTS)
    store, words = Store(folder / DOCUMENTS), open_words(folder, settings)
    vectors = VectorWriter(folder, None, embedder.dimension, settings.vector_index)
    done, total = 0, store.counts()[1]
    for rows, chunks in _batches(store):
        vectors.add(np.array(rows, np.int64), embedder.embed_passages([embedding_text(made) for made in chunks]))
        add_words(words, rows, chunks)
        done += len(rows)
        progress(done, total)
    with disk_refusals():
        words.commit()
    vectors.finish()
    store.close()


def rewrite_words(folder: Path, store: Store, settings: Settings) -> TantivyStore:
    """Return the words of a version, written anew from its store in place of those that were there."""
    shutil.rmtree(folder / WORDS)
    words = open_words(folder, settings)
    for rows, chunks in _batches(store):
        add_words(words, rows, chunks)
    with disk_refusals():
        words.commit()
    return words
