"""Many vectors, quantised: against NumPy brute force, through adding, removing, filters and damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.core.errors import IndexCorrupt
from rag.index.storage import quantised_vectors as quantised
from rag.index.storage.flat_vectors import FaissStore
from rag.index.storage.quantised_vectors import QuantisedStore, SearchFacts, as_figures, as_vectors, open_vectors
from rag.index.writing import vector_training as quantising
from rag.index.writing import vector_writer as vector_files
from rag.index.writing.vector_writer import VectorWriter, kind_for, search_note

DIMENSION, COUNT = 32, 6_000
Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]


def clustered(count: int, seed: int) -> Vectors:
    """Return unit rows that lie around 60 centres, as passages lie around subjects."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(60, DIMENSION))
    rows = centres[chance.integers(60, size=count)] + 0.7 * chance.normal(size=(count, DIMENSION))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


ROWS: Rows = np.arange(COUNT, dtype=np.int64) * 2 + 3
HELD = clustered(COUNT, 1)
QUESTIONS = clustered(50, 2)


def written(
    folder: Path, base: Path | None, kind: str, rows: Rows, vectors: Vectors, removed: Rows | None = None
) -> tuple[str, ...]:
    folder.mkdir()
    writer = VectorWriter(folder, base, DIMENSION, kind)
    for start in range(0, len(rows), 500):
        writer.add(rows[start : start + 500], vectors[start : start + 500])
    if removed is not None:
        writer.remove(removed)
    notes = writer.finish()
    assert not list(folder.glob("*.fresh"))
    return notes


@pytest.fixture(scope="module", params=["sq8", "ivf"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / str(request.param)
    assert written(folder, None, request.param, ROWS, HELD) == ()
    return folder


def opened(folder: Path) -> QuantisedStore:
    store = open_vectors(folder)
    assert isinstance(store, QuantisedStore)
    return store


def recall(store: QuantisedStore, rows: Rows, vectors: Vectors, among: Rows | None = None, k: int = 10) -> float:
    if among is not None:
        kept = np.isin(rows, among)
        rows, vectors = rows[kept], vectors[kept]
    shares = []
    for query, ranking in zip(QUESTIONS, store.search(QUESTIONS, k, among), strict=True):
        best = rows[np.argsort(-(vectors @ query), kind="stable")[:k]]
        assert len(ranking) == min(k, len(rows)) and ranking == sorted(ranking, key=lambda item: (-item[1], item[0]))
        shares.append(len({row for row, _ in ranking} & set(best.tolist())) / max(1, len(best)))
    return float(np.mean(shares))


def test_the_kind_is_chosen_by_number_unless_it_is_forced() -> None:
    assert [kind_for(count) for count in (0, 1, 50_000, 50_001, 300_000, 300_001)] == [
        "flat", "flat", "flat", "sq8", "sq8", "ivf"
    ]  # fmt: skip
    assert kind_for(10, "ivf") == "ivf" and kind_for(10**6, "flat") == "flat" and kind_for(0, "ivf") == "flat"


def test_what_is_new_is_not_held_in_memory_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor mapped, which would count its pages."""
    maps, sizes, real = Path("/proc/self/maps"), [], as_figures
    if not maps.exists():
        pytest.skip("tells what is mapped on Linux alone")

    def looked(vectors: Vectors) -> Any:
        assert vector_files.NEW_VECTORS not in maps.read_text()
        sizes.append(len(vectors))
        return real(vectors)

    monkeypatch.setattr(vector_files, "as_figures", looked)
    monkeypatch.setattr(vector_files, "BATCH_VECTORS", 700)
    written(tmp_path / "1", None, "sq8", ROWS, HELD, ROWS[650:750])
    assert sizes == [650, 650, *[700] * 6, 400]
    assert np.abs(opened(tmp_path / "1").get(ROWS[750:]) - HELD[750:]).max() < 1 / 65_000


@pytest.mark.thorough
def test_what_is_promised_is_measured_and_found(built: Path) -> None:
    store = opened(built)
    assert len(store) == COUNT and store.facts.recall >= quantising.MIN_RECALL and store.facts.sampled == 300
    assert recall(store, ROWS, HELD) >= 0.97, "other questions than those it was measured at"
    assert store.facts.kind in search_note(store.facts) and f"{store.facts.recall:.3f}" in search_note(store.facts)


def test_scores_are_the_products_with_what_get_returns(built: Path) -> None:
    store = opened(built)
    for query, ranking in zip(QUESTIONS, store.search(QUESTIONS, 5), strict=True):
        rows = np.array([row for row, _ in ranking], np.int64)
        assert [score for _, score in ranking] == pytest.approx((store.get(rows) @ query).tolist(), abs=1e-6)
    assert np.abs(store.get(ROWS[::7]) - HELD[::7]).max() <= 0.5 / 32_767 + 1e-7
    for absent in (1, 4, 10**6):
        with pytest.raises(ValueError, match="not stored"):
            store.get(np.array([absent], np.int64))


def test_the_same_question_finds_the_same_alone_and_among_others(built: Path) -> None:
    store = opened(built)
    together = store.search(QUESTIONS, 20)
    assert [store.search(query[None, :], 20)[0] for query in QUESTIONS] == together
    assert opened(built).search(QUESTIONS, 20) == together


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
@pytest.mark.parametrize(("exact", "scanned"), [(10_000, 100_000), (10, 100_000), (10, 50)])
def test_a_filter_keeps_the_recall(
    built: Path, share: float, exact: int, scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`exact`: most rows that are all compared; `scanned`: for which all lists are. One filter is by subject."""
    monkeypatch.setattr(quantised, "MAX_EXACT_ROWS", exact)
    monkeypatch.setattr(quantised, "MAX_SCANNED_ROWS", scanned)
    store, count = opened(built), int(share * COUNT)
    anywhere = np.sort(np.random.default_rng(3).choice(ROWS, count, replace=False))
    subject = np.sort(ROWS[np.argsort(-(HELD @ QUESTIONS[0]))[:count]])
    for among in (anywhere, subject):
        assert recall(store, ROWS, HELD, among) >= (1.0 if count <= exact else 0.97)
    absent = np.array([0, 10**6], np.int64)
    assert store.search(QUESTIONS, 5, np.concatenate([anywhere, absent])) == store.search(QUESTIONS, 5, anywhere)
    assert store.search(QUESTIONS[:1], 5, absent[:0]) == [[]]


@pytest.mark.thorough
def test_a_filter_of_many_finds_what_one_of_few_does(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their places are looked up in another way: also of dropped rows, later ones and such as were never held."""
    kind, rows = opened(built).facts.kind, np.arange(200, dtype=np.int64) + 100_000
    written(tmp_path / "2", built, kind, rows, clustered(200, 5), ROWS[:100])
    among = np.concatenate([np.arange(-3, 6_000), rows[::2], [10**9]]).astype(np.int64)
    for folder in (built, tmp_path / "2"):
        few = opened(folder).search(QUESTIONS[:8], 10, among)
        monkeypatch.setattr(quantised, "MIN_TABLE_LOOKUPS", 1)
        assert opened(folder).search(QUESTIONS[:8], 10, among) == few
        monkeypatch.setattr(quantised, "MAX_TABLE_SPARSITY", 1)  # now the rows count as too high for a table
        assert opened(folder).search(QUESTIONS[:8], 10, among) == few
        monkeypatch.undo()


def test_as_many_are_found_as_are_asked_for(built: Path) -> None:
    """Also where the nearest lists hold fewer."""
    assert [len(ranking) for ranking in opened(built).search(QUESTIONS, 2_000)] == [2_000] * len(QUESTIONS)
    assert [len(ranking) for ranking in opened(built).search(QUESTIONS[:3], COUNT + 5)] == [COUNT] * 3


def test_few_changes_lie_beside_the_large_files_which_are_linked(built: Path, tmp_path: Path) -> None:
    kind, new = opened(built).facts.kind, clustered(200, 5)
    rows = np.arange(200, dtype=np.int64) + 100_000
    assert written(tmp_path / "2", built, kind, rows, new, ROWS[:100]) == ()
    assert all((tmp_path / "2" / name).samefile(built / name) for name in quantised.BASE)
    after, vectors = np.concatenate([ROWS[100:], rows]), np.concatenate([HELD[100:], new])
    store = opened(tmp_path / "2")
    assert store.rows().tolist() == after.tolist() and len(store) == len(after)
    assert recall(store, after, vectors) >= 0.97 and recall(store, after, vectors, after[::3]) >= 0.97
    ((row, score),) = store.search(new[:1], 1)[0]
    assert row == 100_000 and score == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ValueError, match="not stored"):
        store.get(ROWS[:1])

    # The added can be removed again, and more can come.
    assert (
        written(tmp_path / "3", tmp_path / "2", kind, rows[:5] + 1_000, new[:5], np.append(rows[:50], ROWS[200])) == ()
    )
    third = opened(tmp_path / "3")
    assert len(third) == len(after) - 51 + 5 and third.removed.tolist() == [*ROWS[:100], ROWS[200]]
    assert third.search(new[:1], 1)[0][0][0] == 101_000


@pytest.mark.thorough
def test_many_changes_are_written_anew_with_the_lists_as_they_are(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, trainings, real = opened(built).facts.kind, [], quantising.trained

    def counted(*given: Any) -> Any:
        trainings.append(given[0])
        return real(*given)

    monkeypatch.setattr(vector_files, "trained", counted)
    rows, new = np.arange(900, dtype=np.int64) + 100_000, clustered(900, 6)
    written(tmp_path / "2", built, kind, rows[:300], new[:300], ROWS[:300])
    written(tmp_path / "3", tmp_path / "2", kind, rows[300:], new[300:], rows[:10])
    assert trainings == ([] if kind == "ivf" else ["sq8"])
    store = opened(tmp_path / "3")
    after, vectors = np.concatenate([ROWS[300:], rows[10:]]), np.concatenate([HELD[300:], new[10:]])
    assert store.rows().tolist() == after.tolist() and store.added is None and not len(store.removed)
    assert store.facts.recall >= quantising.MIN_RECALL and recall(store, after, vectors) >= 0.97
    assert not (tmp_path / "3" / quantised.REMOVED).exists()


@pytest.mark.thorough
def test_lists_are_made_anew_only_where_they_find_less_than_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of one subject do not serve for vectors from everywhere, where few of them are looked at."""
    one = HELD[np.argsort(-(HELD @ HELD[0]))[:600]]
    written(tmp_path / "1", None, "ivf", np.arange(600, dtype=np.int64), one)
    monkeypatch.setattr(quantising, "MAX_SCANNED_COPIES", 700)
    rows = np.arange(COUNT, dtype=np.int64) + 1_000
    notes = written(tmp_path / "2", tmp_path / "1", "ivf", rows, HELD)
    facts = opened(tmp_path / "2").facts
    assert facts.trained == COUNT + 600 and facts.lists > opened(tmp_path / "1").facts.lists
    assert bool(notes) == (facts.recall < quantising.MIN_RECALL)


def test_where_the_promise_cannot_be_kept_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantising, "MAX_SCANNED_COPIES", 50)
    (note,) = written(tmp_path / "1", None, "ivf", ROWS, HELD)
    facts = opened(tmp_path / "1").facts
    assert facts.recall < quantising.MIN_RECALL and f"{facts.recall:.3f}" in note and "below 0.98" in note


@pytest.mark.thorough
def test_an_index_grows_from_flat_to_quantised_and_shrinks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_files, "MAX_FLAT_VECTORS", 1_000)
    monkeypatch.setattr(vector_files, "MAX_SQ8_VECTORS", 2_000)
    sizes = {"1": 900, "2": 600, "3": 1_000}
    base, done = None, 0
    for name, count in sizes.items():
        written(tmp_path / name, base, "auto", ROWS[done : done + count], HELD[done : done + count])
        base, done = tmp_path / name, done + count
    assert isinstance(open_vectors(tmp_path / "1"), FaissStore)
    assert [opened(tmp_path / name).facts.kind for name in "23"] == ["sq8", "ivf"]
    assert np.abs(opened(tmp_path / "3").get(ROWS[:900]) - HELD[:900]).max() < 1e-4
    written(tmp_path / "4", base, "auto", ROWS[:0], HELD[:0], ROWS[:2_000])
    small = open_vectors(tmp_path / "4")
    assert isinstance(small, FaissStore) and small.rows().tolist() == ROWS[2_000:2_500].tolist()
    assert sorted(file.name for file in (tmp_path / "4").iterdir()) == ["vectors.faiss"]


def test_a_flat_file_is_the_one_that_adding_and_removing_one_by_one_gives(tmp_path: Path) -> None:
    store = FaissStore(DIMENSION)
    store.add(ROWS[:40], HELD[:40])
    store.add(ROWS[40:50], HELD[40:50])
    store.remove(ROWS[5:45:2])
    store.save(tmp_path / "expected")
    written(tmp_path / "1", None, "auto", ROWS[:40], HELD[:40])
    written(tmp_path / "2", tmp_path / "1", "auto", ROWS[40:50], HELD[40:50], ROWS[5:45:2])
    assert (tmp_path / "2/vectors.faiss").read_bytes() == (tmp_path / "expected").read_bytes()


def test_rows_that_are_not_higher_or_not_held_are_an_error(built: Path, tmp_path: Path) -> None:
    writer = VectorWriter(tmp_path, built, 0)
    for rows in (ROWS[:1], np.array([10**6, 10**6]), np.array([10**6, 10**6 - 1])):
        with pytest.raises(ValueError, match="not higher"):
            writer.add(rows, HELD[: len(rows)])
    with pytest.raises(ValueError, match=r"\(1, 32\), got \(1, 4\)"):
        writer.add(np.array([10**6]), np.zeros((1, 4), np.float32))
    with pytest.raises(ValueError, match="not stored"):
        writer.get(np.array([4], np.int64))
    writer.remove(np.array([4], np.int64))
    with pytest.raises(ValueError, match="not stored"):
        writer.finish()
    writer.close()


@pytest.mark.parametrize("name", [quantised.FAST, quantised.FULL, quantised.ROWS, quantised.SEARCH_FACTS])
def test_a_file_that_is_cut_or_gone_names_the_remedy(built: Path, tmp_path: Path, name: str) -> None:
    for content in (None, b"", (built / name).read_bytes()[:-9]):
        folder = tmp_path / f"damaged {content is None} {len(content or b'')}"
        folder.mkdir()
        for file in built.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        with pytest.raises(IndexCorrupt, match=r"rag check --repair"):
            QuantisedStore.open(folder)


def test_figures_come_back_within_half_a_step() -> None:
    assert np.abs(as_vectors(as_figures(HELD)) - HELD).max() <= 0.5 / 32_767 + 1e-7
    assert as_figures(np.array([[2.0, -2.0, 0.0]], np.float32)).tolist() == [[32_767, -32_767, 0]]


@pytest.mark.parametrize("content", ['{"kind": "ivf"}', "[" * 100_000], ids=["other", "endless"])
def test_facts_of_another_shape_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "facts").write_text(content)
    with pytest.raises(IndexCorrupt, match="damaged"):
        SearchFacts.read(tmp_path / "facts")
