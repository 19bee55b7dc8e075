"""A build that was killed goes on where it was, and what it kept is never taken for what it is not."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag.index.index import Index
from rag.index.storage.manifest import CALIBRATION, FEEDBACK, TOKENS, UNFINISHED, index_files_among
from rag.index.storage.sentence_vectors import packed
from rag.index.writing.embedding_cache import EmbeddingCache, TextVectors, drop_embedding_cache, key_of

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

DIMENSION = 8


class Noting:
    """An embedder that writes to a file, before it embeds, how many texts it was given, and may stop at a batch."""

    def __init__(self, embedder: "Embedder", log: Path, stop_at: int = 0) -> None:
        self._embedder, self._log, self._stop_at = embedder, log, stop_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence[Any]) -> Any:
        with self._log.open("a") as log:
            log.write(f"{len(texts)}\n")
        if len(counts(self._log)) == self._stop_at:
            time.sleep(600)
        return self._embedder.embed_with_parts(texts, parts)


def counts(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


def made(seed: int) -> TextVectors:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(3, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TextVectors(vectors[0], packed(vectors))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a writer is forked, so that its model need not be loaded")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_a_kill_only_what_was_not_yet_embedded_is_embedded(tmp_path: Path, embedder: "Embedder") -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    for n in range(150):
        (articles / f"{n:03}.txt").write_text(f"Report {n}. The count was {n * n}, and the year {1900 + n}.")
    first, second, whole = (tmp_path / name for name in ("first", "second", "whole"))
    child = os.fork()
    if not child:
        try:
            Index.build(articles, tmp_path / "index", embedder=Noting(embedder, first, stop_at=3))
        finally:
            os._exit(0)
    while len(counts(first)) < 3:  # two batches were embedded and kept, the third is under way
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not (tmp_path / "index/manifest.json").exists() and (tmp_path / "index" / UNFINISHED).exists()

    resumed = Index.build(articles, tmp_path / "index", embedder=Noting(embedder, second))
    undisturbed = Index.build(articles, tmp_path / "other", embedder=Noting(embedder, whole))
    kept = sum(counts(first)[:2])
    assert kept > 32 and sum(counts(second)) == sum(counts(whole)) - kept
    assert resumed.fingerprint == undisturbed.fingerprint
    rows = resumed.vectors.rows()
    numbers = rows.tolist()
    assert np.array_equal(resumed.vectors.get(rows), undisturbed.vectors.get(rows))
    for one, other in zip(resumed.sentence_vectors(numbers), undisturbed.sentence_vectors(numbers), strict=True):
        assert np.array_equal(one, other)
    assert not list((tmp_path / "index").glob(f"{UNFINISHED}*")), "the commit drops what was kept"
    resumed.close()
    undisturbed.close()


def test_what_is_kept_comes_back_and_nothing_else(tmp_path: Path) -> None:
    keys = [key_of(text, [(0, 1)], "weights onnx") for text in ("a", "b", "c")]
    items = {key: made(n) for n, key in enumerate(keys[:2])}
    one = EmbeddingCache(tmp_path, DIMENSION)
    one.put(items)
    found = EmbeddingCache(tmp_path, DIMENSION).get(keys)
    assert found.keys() == items.keys()
    for key, held in items.items():
        assert np.array_equal(found[key].vector, held.vector) and found[key].sentences == held.sentences
    one.close()
    assert EmbeddingCache(tmp_path, DIMENSION + 1).get(keys) == {}, "of another model"
    drop_embedding_cache(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_key_tells_texts_sentences_and_models_apart() -> None:
    keys = {key_of("a b", [(0, 3)], "w"), key_of("a b", [(0, 1), (2, 3)], "w"), key_of("a b", [(0, 3)], "x"),
            key_of("a c", [(0, 3)], "w")}  # fmt: skip
    assert len(keys) == 4 and key_of("\ud800", [], "w")


def test_damage_is_embedded_anew(tmp_path: Path) -> None:
    store = EmbeddingCache(tmp_path, DIMENSION)
    items = {bytes([n]) * 32: made(n) for n in range(40)}
    store.put(items)
    store.close()
    file = tmp_path / UNFINISHED
    content = bytearray(file.read_bytes())
    for place in range(4_096, len(content), 257):
        content[place] ^= 4
    file.write_bytes(content)
    for key, found in EmbeddingCache(tmp_path, DIMENSION).get(list(items)).items():
        assert np.array_equal(found.vector, items[key].vector) and found.sentences == items[key].sentences
    file.write_bytes(b"no database" * 1_000)
    again = EmbeddingCache(tmp_path, DIMENSION)
    assert again.get(list(items)) == {}
    again.put(items)
    assert len(again.get(list(items))) == 40
    again.close()


def test_without_a_disk_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    store = EmbeddingCache(tmp_path / "nowhere", DIMENSION)
    store.put({b"k" * 32: made(1)})
    assert store.get([b"k" * 32]) == {}


def test_it_is_no_document_of_the_index_it_lies_in(tmp_path: Path) -> None:
    names = (UNFINISHED, f"{UNFINISHED}-wal", CALIBRATION, FEEDBACK, TOKENS, "article.txt")
    files = [tmp_path / "index" / name for name in names]
    assert index_files_among(files, tmp_path / "index") == set(files[:-1])
