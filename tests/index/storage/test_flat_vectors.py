"""FAISS against NumPy brute force, values included."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.core.errors import IndexCorrupt
from rag.index.storage.flat_vectors import FaissStore
from rag.index.storage.sentence_vectors import cosine, packed, packed_size, unpacked

DIMENSION = 16


def unit_rows(count: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def filled(count: int = 200) -> tuple[FaissStore, NDArray[np.int64], NDArray[np.float32]]:
    store, rows, vectors = FaissStore(DIMENSION), np.arange(count, dtype=np.int64) * 3 + 1, unit_rows(count)
    store.add(rows, vectors)
    return store, rows, vectors


def brute_force(rows: NDArray[np.int64], vectors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> list[int]:
    return [int(rows[place]) for place in np.argsort(-(vectors @ query), kind="stable")[:k]]


@pytest.mark.parametrize("reopened", [False, True])
def test_search_is_exact(tmp_path: Path, reopened: bool) -> None:
    store, rows, vectors = filled()
    if reopened:
        store.save(tmp_path / "v")
        store = FaissStore.open(tmp_path / "v")
    for query, ranking in zip(unit_rows(20, 1), store.search(unit_rows(20, 1), 10), strict=True):
        assert [row for row, _ in ranking] == brute_force(rows, vectors, query, 10)
        held = dict(zip(rows.tolist(), (vectors @ query).tolist(), strict=True))
        assert [score for _, score in ranking] == pytest.approx([held[row] for row, _ in ranking], abs=1e-6)


def test_an_exact_match_has_cosine_one_and_comes_first() -> None:
    store, rows, vectors = filled()
    assert store.search(vectors[5:6], 1)[0][0] == pytest.approx((int(rows[5]), 1.0), abs=1e-6)


def test_equal_vectors_come_in_order_of_row() -> None:
    store = FaissStore(DIMENSION)
    store.add(np.array([8, 3, 5], np.int64), np.repeat(unit_rows(1), 3, axis=0))
    assert [row for row, _ in store.search(unit_rows(1), 3)[0]] == [3, 5, 8]


def test_removed_rows_are_found_no_more_and_the_rest_is() -> None:
    store, rows, vectors = filled(50)
    store.remove(rows[::2])
    assert len(store) == 25
    left = brute_force(rows[1::2], vectors[1::2], vectors[0], 25)
    assert [row for row, _ in store.search(vectors[:1], 50)[0]] == left
    assert np.array_equal(store.get(rows[1:2]), vectors[1:2])


def test_k_beyond_the_rows_gives_all_and_an_empty_store_gives_none() -> None:
    store, rows, _ = filled(3)
    assert len(store.search(unit_rows(1, 2), 10)[0]) == len(rows)
    assert FaissStore(DIMENSION).search(unit_rows(2), 5) == [[], []]


def test_a_row_held_or_not_held_is_an_error() -> None:
    store, rows, vectors = filled(3)
    with pytest.raises(ValueError, match="already stored"):
        store.add(rows[:1], vectors[:1])
    with pytest.raises(ValueError, match="already stored"):
        store.add(np.array([77, 77], np.int64), vectors[:2])
    with pytest.raises(ValueError, match="not stored"):
        store.remove(np.array([999], np.int64))
    with pytest.raises(ValueError, match="not stored"):
        store.get(np.array([999], np.int64))


def test_vectors_of_another_length_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(1, 16\), got \(1, 4\)"):
        FaissStore(DIMENSION).add(np.array([1], np.int64), np.zeros((1, 4), np.float32))


def test_a_store_opened_for_reading_refuses_to_be_written(tmp_path: Path) -> None:
    store, rows, _ = filled(3)
    store.save(tmp_path / "v")
    with pytest.raises(ValueError, match="read-only"):
        FaissStore.open(tmp_path / "v").remove(rows)
    writable = FaissStore.open(tmp_path / "v", writable=True)
    writable.remove(rows[:1])
    assert len(writable) == 2


def test_a_file_that_is_none_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"IxM2 no vectors")
    with pytest.raises(IndexCorrupt, match="rag check --repair"):
        FaissStore.open(tmp_path / "v")


def test_cosine_of_a_row_does_not_depend_on_its_neighbours() -> None:
    vectors, query = unit_rows(300), unit_rows(1, 4)[0]
    alone = [cosine(vectors[place : place + 1], query)[0] for place in range(300)]
    assert cosine(vectors, query) == alone


def test_packed_rows_come_back_within_half_a_step() -> None:
    rows = np.random.default_rng(3).normal(size=(7, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    content = packed(rows)
    assert len(content) == packed_size(7, 384) == 7 * 388 + 4
    steps = np.abs(rows).max(axis=1, keepdims=True) / 127
    assert (np.abs(unpacked(content, 384) - rows) <= steps / 2 + 1e-7).all()
    for cut in (content[:-4], content[:-388], b""):
        with pytest.raises(IndexCorrupt, match="not what was written"):
            unpacked(cut, 384)
    for place in range(0, len(content), 97):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(IndexCorrupt, match="not what was written"):
            unpacked(flipped, 384)
    assert unpacked(packed(rows[:0]), 384).shape == (0, 384)


def test_packed_bytes_of_another_length_are_refused() -> None:
    with pytest.raises(IndexCorrupt, match="387 bytes"):
        unpacked(bytes(387), 384)
