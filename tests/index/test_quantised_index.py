"""An index whose vectors are quantised: the same responses, changes, repairs and refusals as of a small one."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag import Assistant, Index
from rag.core.errors import IndexCorrupt, InvalidSettings
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index.repair import examine, repair
from rag.index.storage.manifest import read_manifest
from rag.index.storage.quantised_vectors import BASE, SEARCH_FACTS, QuantisedStore
from rag.index.transfer import export_index, import_index
from rag.index.writing import vector_writer as vector_files

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTION = "Who was the architect of bridge 17?"


def documents(count: int) -> list[Document]:
    return [
        Document(f"{n:03}", f"The bridge of place {n} was opened in {1800 + n}. The architect of bridge {n} was A{n}e.")
        for n in range(count)
    ]


def found(index: Index, query: str, filters: dict[str, list[str]] | None = None) -> list[str]:
    return [hit.citation.span.document_id for hit in Assistant(index).search(query, top_k=50, filters=filters)]


@pytest.fixture(scope="module", params=["sq8", "ivf"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, embedder: "Embedder") -> Path:
    path = tmp_path_factory.mktemp("made") / "index"
    Index.build(documents(120), path, Settings(vector_index=request.param), embedder=embedder).close()
    return path


@pytest.fixture
def index(made: Path, tmp_path: Path, embedder: "Embedder") -> Index:
    shutil.copytree(made, tmp_path / "index")
    return Index.open(tmp_path / "index", embedder)


def test_answers_are_those_of_exact_search_and_the_same_each_time(
    index: Index, tmp_path: Path, embedder: "Embedder"
) -> None:
    exact = Index.build(documents(120), tmp_path / "flat", Settings(vector_index="flat"), embedder=embedder)
    first, again, other = (Assistant(which).ask(QUESTION) for which in (index, Index.open(index.path), exact))
    assert first.response_id == again.response_id
    assert [answer.answer for answer in first.answers] == [answer.answer for answer in again.answers]
    assert [(a.answer, a.citation.span) for a in first.answers] == [(a.answer, a.citation.span) for a in other.answers]
    assert "A17e" in first.answers[0].context


def test_the_kind_is_kept_told_and_cannot_be_changed_in_passing(index: Index, embedder: "Embedder") -> None:
    kind = index.settings.vector_index
    assert isinstance(index.vectors, QuantisedStore) and index.vectors.facts.kind == kind
    assert {SEARCH_FACTS, *BASE} <= set(index.manifest.files)
    index.add([Document("new", "The tower of place 500 was opened in 1999.")])
    assert index.manifest.settings["vector_index"] == kind and index.vectors.facts.kind == kind
    index.require(Settings(vector_index=kind))
    with pytest.raises(InvalidSettings, match="vector_index"):
        index.require(Settings())


def test_small_changes_link_the_large_files_and_keep_their_hashes(index: Index) -> None:
    before = index.manifest
    folder = index.path / before.folder
    index.add([Document("new", "The tower of place 500 was opened in 1999.")])
    index.remove("003")
    now = index.path / index.manifest.folder
    assert all((now / name).samefile(index.path / "v000002" / name) for name in BASE) or not folder.exists()
    assert all(index.manifest.files[name] == before.files[name] for name in BASE)
    assert len(index.vectors) == index.info.chunks == len(index.store.rows())
    assert found(index, "tower of place 500")[0] == "new"
    assert "003" not in found(index, "bridge of place 3")
    assert examine(index.path) == []


@pytest.mark.parametrize("name", BASE)
def test_damage_to_a_file_that_is_only_linked_stays_damage(index: Index, name: str) -> None:
    file = index.path / index.manifest.folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()  # another writer's file: the mapped one is not changed under who reads it
    file.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=f"{name} is not what was written"):
        index.add([Document("new", "The tower of place 500 was opened in 1999.")])
    assert any(name in problem for problem in examine(index.path))


def test_damage_is_refused_before_it_is_written_anew(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_files, "MAX_CHANGED_VECTORS", 0)
    file = index.path / index.manifest.folder / BASE[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)
    version = index.manifest.version
    with pytest.raises(IndexCorrupt, match="hash differs"):
        index.add([Document("new", "The tower of place 500 was opened in 1999.")])
    assert read_manifest(index.path).version == version


def test_what_can_be_derived_is_mended_and_it_moves_in_one_file(
    index: Index, tmp_path: Path, embedder: "Embedder"
) -> None:
    expected = [answer.answer for answer in Assistant(index).ask(QUESTION).answers]
    index.add([Document("new", "The tower of place 500 was opened in 1999.")])
    export_index(index.path, tmp_path / "whole.zip")
    import_index(tmp_path / "whole.zip", tmp_path / "moved")
    moved = Index.open(tmp_path / "moved", embedder)
    assert len(moved.vectors) == len(index.vectors) and examine(moved.path) == []
    (moved.path / moved.manifest.folder / BASE[0]).unlink()
    repair(moved.path, embedder=embedder)
    mended = Index.open(moved.path, embedder)
    assert isinstance(mended.vectors, QuantisedStore) and mended.vectors.added is None
    assert [answer.answer for answer in Assistant(mended).ask(QUESTION).answers] == expected


def test_filters_are_searched_inside(index: Index) -> None:
    wanted = [f"{n:03}" for n in range(40, 60)]
    assert sorted(found(index, "bridge", {"id": wanted})) == wanted


def test_too_little_recall_is_reported(tmp_path: Path, embedder: "Embedder", monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.index.writing import vector_training as quantising

    monkeypatch.setattr(quantising, "MAX_SCANNED_COPIES", 1)
    index = Index.build(documents(120), tmp_path / "index", Settings(vector_index="ivf"), embedder=embedder)
    (note,) = index.report.notes
    assert "recall@10" in note and "below 0.98" in note
    index.close()
