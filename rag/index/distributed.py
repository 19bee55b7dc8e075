"""Embeds a corpus on many machines with Ray (the extra `ray`), before the one writer takes it.

Documents are dealt out in shards, whatever format they came in; a worker cuts each and embeds its passages. What comes
back is kept in files named by the hash of what was dealt out: a job that was killed goes on where it was, and equal
shards are embedded once. Then the writer does all that it does on one machine, and finds the vectors it asks for ready;
passages that it cuts otherwise, because a block is repeated in many documents, it embeds itself.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rag.chunking.blocks import blocks as find_blocks
from rag.chunking.boilerplate import masks as find_masks
from rag.chunking.chunks import chunk, embedded_sentences, embedding_text
from rag.core.errors import EmbedderMismatch, InvalidInput
from rag.core.reports import Progress
from rag.core.settings import Settings
from rag.core.types import Document
from rag.embedding.embedder import open_embedder
from rag.embedding.onnx_embedder import cache_folder
from rag.index.storage.sentence_vectors import packed, unpacked
from rag.index.writing.embedding_cache import key_of
from rag.index.writing.sources import as_work, size_of
from rag.loading import Source, load
from rag.loading.process import load_apart

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ranges
    from rag.index.index import Index
    from rag.index.writing.sources import Paths

SHARD_CHARACTERS = 300_000
"""Text of a shard: some ten seconds of one worker's time."""
AHEAD = 2
"""Shards that wait for each worker: none idles, and no more than this is in memory."""
RETRIES = 20
"""Times that a shard is tried on another worker where the one that had it is gone."""
OPEN_SHARDS = 8


class Shard(NamedTuple):
    """What a worker is dealt: documents, as they are, and what decides how they are cut and embedded."""

    documents: tuple[Document, ...]
    model: str
    runtime: str
    chunk_size: int

    def key(self, fingerprint: str) -> str:
        """Return the hash of all that decides what comes of it."""
        digest = hashlib.sha256(repr((fingerprint, self.runtime, self.chunk_size)).encode())
        for document in self.documents:
            digest.update(repr((document.text_sha256, document.title, document.format, document.layout)).encode())
        return digest.hexdigest()


class Embedded(NamedTuple):
    """What came of a shard: the hash of each text and of where its sentences are, its vector, theirs packed."""

    fingerprint: str
    keys: list[bytes]
    vectors: Any
    sentences: list[bytes]


def embed_shard(shard: Shard) -> Embedded:
    """Return the passages of a shard, cut and embedded; what a worker does."""
    embedder = _embedder(shard.model, shard.runtime)
    texts: list[str] = []
    parts: list[list[tuple[int, int]]] = []
    for document in shard.documents:
        found = find_blocks(document)
        masked = find_masks(document, found)
        made = chunk(document, found, masked, shard.chunk_size, embedder.max_tokens, embedder.count_tokens)
        texts += map(embedding_text, made)
        parts += map(embedded_sentences, made)
    vectors, inner = embedder.embed_with_parts(texts, parts)
    keys = [key_of(text, ranges, "") for text, ranges in zip(texts, parts, strict=True)]
    return Embedded(embedder.fingerprint, keys, np.asarray(vectors, np.float32), list(map(packed, inner)))


@lru_cache(maxsize=1)
def _embedder(model: str, runtime: str) -> "Embedder":
    return open_embedder(Settings(embedding_model=model, embedding_runtime=runtime))


class ReadyEmbedder:
    """An embedder that has the vectors of many passages already; others it embeds with the real one."""

    def __init__(self, real: "Embedder") -> None:
        """Have none yet."""
        self._real = real
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._opened = lru_cache(maxsize=OPEN_SHARDS)(_read)
        self.embedded_here = 0
        self.name, self.fingerprint = real.name, real.fingerprint
        self.dimension, self.max_tokens = real.dimension, real.max_tokens
        self.count_tokens, self.embed_queries = real.count_tokens, real.embed_queries
        self.embed_passages = real.embed_passages

    def take(self, file: Path) -> None:
        """Know what a file of `_write` holds."""
        self._places.update((key, (file, place)) for place, key in enumerate(_read(file).keys))

    def forget(self) -> None:
        """Delete the files: what they held is in the index by now."""
        for file in {file for file, _ in self._places.values()}:
            file.unlink(missing_ok=True)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return what the real embedder returns, to the precision that an index keeps."""
        places = [self._places.get(key_of(text, ranges, "")) for text, ranges in zip(texts, parts, strict=True)]
        lacking = [number for number, place in enumerate(places) if place is None]
        self.embedded_here += len(lacking)
        made = self._real.embed_with_parts([texts[n] for n in lacking], [parts[n] for n in lacking])
        rest = iter(zip(*made, strict=True))
        found = [next(rest) if place is None else self._at(*place) for place in places]
        vectors = np.array([vector for vector, _ in found], np.float32).reshape(len(texts), self.dimension)
        return vectors, [inner for _, inner in found]

    def _at(self, file: Path, place: int) -> tuple[Any, "Floats2d"]:
        held = self._opened(file)
        return held.vectors[place], unpacked(held.sentences[place], self.dimension)


@contextmanager
def fanned_out(
    sources: "Paths | Iterable[str | Path | Document]", index: "Index | None", settings: Settings, workers: int | str,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[ReadyEmbedder]:  # fmt: skip
    """Give an embedder for writing `sources` into `index`, None for a new one, with the vectors of what is new.

    What the workers made is kept in the cache folder until the block ends without an error: run again after a kill,
    it is not made again.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    work = as_work(given, index.path if index else Path())
    if index is not None:
        report = index.plan(given)
        new = {*report.added, *report.updated}
        work = [item for item in work if (item.document_id if isinstance(item, Source) else item.id) in new]
    folder = cache_folder() / "fanout"
    embedder = fan_out(work, settings, workers, folder, progress)
    yield embedder
    embedder.forget()


def fan_out(
    work: Sequence[Source | Document], settings: Settings, workers: int | str, folder: Path,
    progress: Callable[[Progress], None] | None = None,
) -> ReadyEmbedder:  # fmt: skip
    """Embed what `work` holds on `workers`, a number on this machine or `ray://HOST:PORT`; keep results in `folder`.

    Raises InvalidInput where the extra is not installed or the cluster cannot be reached, EmbedderMismatch where a
    worker has other weights.
    """
    ready = ReadyEmbedder(open_embedder(settings))
    folder.mkdir(parents=True, exist_ok=True)
    begun, done, count, total = time.monotonic(), 0, 0, sum(map(size_of, work))
    with _Cluster(workers) as cluster:
        for shard, file in cluster.embedded(_shards(work, settings), ready.fingerprint, folder):
            ready.take(file)
            done += sum(len(document.text) for document in shard.documents)
            count += len(shard.documents)
            if progress:
                seconds = time.monotonic() - begun
                progress(Progress(shard.documents[-1].id, min(done, total), total, count, seconds))
    return ready


class _Cluster:
    """The workers, for as long as a job lasts."""

    def __init__(self, workers: int | str) -> None:
        try:
            import ray
        except ImportError:
            raise InvalidInput("--workers needs Ray.", "Install it: pip install 'pincite[ray]'") from None
        self._ray: Any = ray
        self._workers = workers

    def __enter__(self) -> "_Cluster":
        """Join the cluster, or make one of this machine; a program that has joined one already uses that."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._joined = not self._ray.is_initialized()
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._joined and isinstance(self._workers, str):
                self._ray.init(self._workers, **quiet)
            elif self._joined:
                self._ray.init(num_cpus=self._workers, include_dashboard=False, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            what = f"The workers at {self._workers} cannot be reached: {str(error)[:200]}."
            raise InvalidInput(what, "Give a number, or the address of a Ray cluster: ray://HOST:10001") from error
        return self

    def __exit__(self, *problem: object) -> None:
        """Leave the cluster."""
        if self._joined:
            self._ray.shutdown()

    def embedded(self, shards: Iterable[Shard], fingerprint: str, folder: Path) -> Iterator[tuple[Shard, Path]]:
        """Yield each shard with the file of what came of it, as they are done; no more are dealt out than needed."""
        remote = self._ray.remote(num_cpus=1, max_retries=RETRIES)(embed_shard)
        waiting: dict[Any, tuple[Shard, Path]] = {}
        for shard in shards:
            file = folder / f"{shard.key(fingerprint)}.npz"
            if file.exists():
                yield shard, file
                continue
            while len(waiting) >= AHEAD * max(1, int(self._ray.cluster_resources().get("CPU", 1))):
                yield self._next(waiting, fingerprint)
            waiting[remote.remote(shard)] = shard, file
        while waiting:
            yield self._next(waiting, fingerprint)

    def _next(self, waiting: dict[Any, tuple[Shard, Path]], fingerprint: str) -> tuple[Shard, Path]:
        (done, *_), _ = self._ray.wait(list(waiting), num_returns=1)
        shard, file = waiting.pop(done)
        found: Embedded = self._ray.get(done)
        if found.fingerprint != fingerprint:
            what = f"A worker has other weights of {shard.model!r} than this machine."
            raise EmbedderMismatch(what, "Install the same version of Pincite on every node.")
        _write(found, file)
        return shard, file


def _shards(work: Iterable[Source | Document], settings: Settings) -> Iterator[Shard]:
    held: list[Document] = []
    size = 0
    for document in _documents(work, settings):
        held.append(document)
        size += len(document.text)
        if size >= SHARD_CHARACTERS:
            yield _shard(held, settings)
            held, size = [], 0
    if held:
        yield _shard(held, settings)


def _shard(documents: Sequence[Document], settings: Settings) -> Shard:
    return Shard(tuple(documents), settings.embedding_model, settings.embedding_runtime, settings.chunk_size)


def _documents(work: Iterable[Source | Document], settings: Settings) -> Iterator[Document]:
    for item in work:
        if isinstance(item, Document):
            yield item
        else:
            # What cannot be read is told by the writer, who reads it again.
            found = (load_apart if settings.isolated_reading else load)(replace(item, text_column=settings.text_column))
            yield from (document for document in found if isinstance(document, Document))


def _write(found: Embedded, file: Path) -> None:
    partial = file.with_suffix(".partial")
    lengths = np.array([len(held) for held in found.sentences], np.int64)
    keys = np.frombuffer(b"".join(found.keys), np.uint8)
    content = np.frombuffer(b"".join(found.sentences), np.uint8)
    with partial.open("wb") as stream:
        np.savez(stream, keys=keys, vectors=found.vectors, lengths=lengths, sentences=content)
    partial.replace(file)


def _read(file: Path) -> Embedded:
    with np.load(file, allow_pickle=False) as held:
        keys, lengths = held["keys"].tobytes(), held["lengths"].tolist()
        content, vectors = held["sentences"].tobytes(), held["vectors"]
    ends = np.cumsum([0, *lengths]).tolist()
    sentences = [content[ends[n] : ends[n + 1]] for n in range(len(lengths))]
    return Embedded("", [keys[32 * n : 32 * n + 32] for n in range(len(lengths))], vectors, sentences)
