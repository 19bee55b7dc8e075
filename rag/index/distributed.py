"""Embeds a corpus on many machines with Ray (the extra `ray`), before one writer indexes it.

Documents are sent to workers in shards. A worker cuts them into passages and embeds these. The results are stored in
files whose names are hashes of the shards. So a job goes on after a kill, and equal shards are embedded once. Then
the writer works as on one machine, with the vectors ready. It embeds only those passages that it cuts in another way,
because a block is repeated in many documents.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
from rag.embedding.encoder_files import cache_folder
from rag.index.storage.sentence_vectors import packed, unpacked
from rag.index.writing.embedding_cache import key_of
from rag.index.writing.sources import as_work, size_of
from rag.loading import Source, load
from rag.loading.isolation.process import load_apart

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ranges
    from rag.index.index import Index
    from rag.index.writing.sources import Paths

SHARD_CHARACTERS = 300_000
"""Size of a shard: some ten seconds of work."""
MAX_WAITING_PER_WORKER = 2
"""Shards that wait for each worker, so that none is idle and memory stays bounded."""
MAX_RETRIES = 20
"""Times that a shard moves to another worker if its worker is lost."""
MAX_OPEN_SHARDS = 8


class Shard(NamedTuple):
    """The input of a worker: documents, and the settings of cutting and embedding."""

    documents: tuple[Document, ...]
    model: str
    runtime: str
    chunk_size: int

    def key(self, fingerprint: str) -> str:
        """Return the hash of everything that decides the result."""
        digest = hashlib.sha256(repr((fingerprint, self.runtime, self.chunk_size)).encode())
        for document in self.documents:
            digest.update(repr((document.text_sha256, document.title, document.format, document.layout)).encode())
        return digest.hexdigest()


class ShardVectors(NamedTuple):
    """The result of a shard: the key of each text with its sentences, its vector, and its packed sentence vectors."""

    fingerprint: str
    keys: list[bytes]
    vectors: Any
    sentences: list[bytes]


def embed_shard(shard: Shard) -> ShardVectors:
    """Cut the documents of a shard into passages and embed them. A worker runs this."""
    embedder = _embedder(shard.model, shard.runtime)
    texts: list[str] = []
    parts: list[list[tuple[int, int]]] = []
    for document in shard.documents:
        blocks = find_blocks(document)
        masks = find_masks(document, blocks)
        chunks = chunk(document, blocks, masks, shard.chunk_size, embedder.max_tokens, embedder.count_tokens)
        texts += map(embedding_text, chunks)
        parts += map(embedded_sentences, chunks)
    vectors, inner = embedder.embed_with_parts(texts, parts)
    keys = [key_of(text, ranges, "") for text, ranges in zip(texts, parts, strict=True)]
    return ShardVectors(embedder.fingerprint, keys, np.asarray(vectors, np.float32), list(map(packed, inner)))


@lru_cache(maxsize=1)
def _embedder(model: str, runtime: str) -> "Embedder":
    return open_embedder(Settings(embedding_model=model, embedding_runtime=runtime))


class PrecomputedEmbedder:
    """An embedder that reads the vectors of many passages from files, and embeds others with the real embedder."""

    def __init__(self, real: "Embedder") -> None:
        """Start without files."""
        self._real = real
        self._positions: dict[bytes, tuple[Path, int]] = {}
        self._opened = lru_cache(maxsize=MAX_OPEN_SHARDS)(_read)
        self.embedded_here = 0
        self.name, self.fingerprint = real.name, real.fingerprint
        self.dimension, self.max_tokens = real.dimension, real.max_tokens
        self.prompts = getattr(real, "prompts", None)
        self.count_tokens, self.embed_queries = real.count_tokens, real.embed_queries
        self.embed_passages = real.embed_passages

    def add_file(self, file: Path) -> None:
        """Use the vectors of a file of `_write`."""
        self._positions.update((key, (file, i)) for i, key in enumerate(_read(file).keys))

    def delete_files(self) -> None:
        """Delete the files, whose vectors are in the index now."""
        for file in {file for file, _ in self._positions.values()}:
            file.unlink(missing_ok=True)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the result of the real embedder, in the precision of an index."""
        positions = [self._positions.get(key_of(text, ranges, "")) for text, ranges in zip(texts, parts, strict=True)]
        new = [i for i, position in enumerate(positions) if position is None]
        self.embedded_here += len(new)
        new_vectors = self._real.embed_with_parts([texts[i] for i in new], [parts[i] for i in new])
        rest = iter(zip(*new_vectors, strict=True))
        results = [next(rest) if position is None else self._at(*position) for position in positions]
        vectors = np.array([vector for vector, _ in results], np.float32).reshape(len(texts), self.dimension)
        return vectors, [inner for _, inner in results]

    def _at(self, file: Path, position: int) -> tuple[Any, "Floats2d"]:
        shard = self._opened(file)
        return shard.vectors[position], unpacked(shard.sentences[position], self.dimension)


@contextmanager
def fanned_out(
    sources: "Paths | Iterable[str | Path | Document]", index: "Index | None", settings: Settings, workers: int | str,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[PrecomputedEmbedder]:  # fmt: skip
    """Give an embedder for writing `sources` into `index` (None: a new index), with the vectors of new documents.

    The results of the workers stay in the cache folder until the context ends without an error, so that a run after a
    kill uses them.
    """
    items = [sources] if isinstance(sources, str | Path) else list(sources)
    work = as_work(items, index.path if index else Path())
    if index is not None:
        report = index.plan(items)
        new = {*report.added, *report.updated}
        work = [item for item in work if (item.document_id if isinstance(item, Source) else item.id) in new]
    folder = cache_folder() / "fanout"
    embedder = fan_out(work, settings, workers, folder, progress)
    yield embedder
    embedder.delete_files()


def fan_out(
    work: Sequence[Source | Document], settings: Settings, workers: int | str, folder: Path,
    progress: Callable[[Progress], None] | None = None,
) -> PrecomputedEmbedder:  # fmt: skip
    """Embed `work` on `workers`, a number of processes or `ray://HOST:PORT`, with results in `folder`.

    Raises InvalidInput if the extra is not installed or the cluster cannot be reached, EmbedderMismatch if a worker has
    other weights.
    """
    ready = PrecomputedEmbedder(open_embedder(settings))
    folder.mkdir(parents=True, exist_ok=True)
    start, done, count, total = time.monotonic(), 0, 0, sum(map(size_of, work))
    with _Cluster(workers) as cluster:
        for shard, file in cluster.embedded(_shards(work, settings), ready.fingerprint, folder):
            ready.add_file(file)
            done += sum(len(document.text) for document in shard.documents)
            count += len(shard.documents)
            if progress:
                seconds = time.monotonic() - start
                progress(Progress(shard.documents[-1].id, min(done, total), total, count, seconds))
    return ready


class _Cluster:
    """The workers of one job."""

    def __init__(self, workers: int | str) -> None:
        try:
            import ray
        except ImportError:
            raise InvalidInput("--workers needs Ray.", "Install it: pip install 'pincite-slim[ray]'") from None
        self._ray: Any = ray
        self._workers = workers

    def __enter__(self) -> "_Cluster":
        """Connect to the cluster, or start one on this machine. If the program is already connected, use that one."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._owns_cluster = not self._ray.is_initialized()
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._owns_cluster and isinstance(self._workers, str):
                self._ray.init(self._workers, **quiet)
            elif self._owns_cluster:
                self._ray.init(num_cpus=self._workers, include_dashboard=False, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            what = f"The workers at {self._workers} cannot be reached: {str(error)[:200]}."
            raise InvalidInput(what, "Give a number, or the address of a Ray cluster: ray://HOST:10001") from error
        return self

    def __exit__(self, *problem: object) -> None:
        """Leave the cluster."""
        if self._owns_cluster:
            self._ray.shutdown()

    def embedded(self, shards: Iterable[Shard], fingerprint: str, folder: Path) -> Iterator[tuple[Shard, Path]]:
        """Yield each shard with the file of its result, in order of completion. Few shards wait at a time."""
        remote = self._ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(embed_shard)
        waiting: dict[Any, tuple[Shard, Path]] = {}
        for shard in shards:
            file = folder / f"{shard.key(fingerprint)}.npz"
            if file.exists():
                yield shard, file
                continue
            while len(waiting) >= MAX_WAITING_PER_WORKER * max(1, int(self._ray.cluster_resources().get("CPU", 1))):
                yield self._next(waiting, fingerprint)
            waiting[remote.remote(shard)] = shard, file
        while waiting:
            yield self._next(waiting, fingerprint)

    def _next(self, waiting: dict[Any, tuple[Shard, Path]], fingerprint: str) -> tuple[Shard, Path]:
        (done, *_), _ = self._ray.wait(list(waiting), num_returns=1)
        shard, file = waiting.pop(done)
        result: ShardVectors = self._ray.get(done)
        if result.fingerprint != fingerprint:
            what = f"A worker has other weights of {shard.model!r} than this machine."
            raise EmbedderMismatch(what, "Install the same version of Pincite on every node.")
        _write(result, file)
        return shard, file


def _shards(work: Iterable[Source | Document], settings: Settings) -> Iterator[Shard]:
    batch: list[Document] = []
    size = 0
    for document in _documents(work, settings):
        batch.append(document)
        size += len(document.text)
        if size >= SHARD_CHARACTERS:
            yield _shard(batch, settings)
            batch, size = [], 0
    if batch:
        yield _shard(batch, settings)


def _shard(documents: Sequence[Document], settings: Settings) -> Shard:
    return Shard(tuple(documents), settings.embedding_model, settings.embedding_runtime, settings.chunk_size)


def _documents(work: Iterable[Source | Document], settings: Settings) -> Iterator[Document]:
    for item in work:
        if isinstance(item, Document):
            yield item
        else:
            # The writer reads each file again and reports the errors.
            items = (load_apart if settings.isolated_reading else load)(item.read_as(settings))
            yield from (document for document in items if isinstance(document, Document))


def _write(result: ShardVectors, file: Path) -> None:
    partial = file.with_suffix(".partial")
    lengths = np.array([len(packed_vectors) for packed_vectors in result.sentences], np.int64)
    keys = np.frombuffer(b"".join(result.keys), np.uint8)
    content = np.frombuffer(b"".join(result.sentences), np.uint8)
    with partial.open("wb") as stream:
        np.savez(stream, keys=keys, vectors=result.vectors, lengths=lengths, sentences=content)
    partial.replace(file)


def _read(file: Path) -> ShardVectors:
    with np.load(file, allow_pickle=False) as arrays:
        keys, lengths = arrays["keys"].tobytes(), arrays["lengths"].tolist()
        content, vectors = arrays["sentences"].tobytes(), arrays["vectors"]
    ends = np.cumsum([0, *lengths]).tolist()
    sentences = [content[ends[n] : ends[n + 1]] for n in range(len(lengths))]
    return ShardVectors("", [keys[32 * n : 32 * n + 32] for n in range(len(lengths))], vectors, sentences)
