from pathlib import Path

import pytest

from rag.core.protocols import Embedder
from rag.index.index import Index
from rag.server.uploads import UPLOADS, add_files, drop


@pytest.fixture
def index(tmp_path: Path, embedder: Embedder) -> Index:
    """Return an index of one article, `a.txt`, of a folder."""
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("The bell rang at noon.", encoding="utf-8")
    return Index.build(folder, tmp_path / "index", embedder=embedder)


def sent(tmp_path: Path, name: str, text: str) -> tuple[str, Path]:
    folder = tmp_path / "sent"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name, folder / name


def test_a_file_handed_in_again_takes_the_place_of_the_one_before(index: Index, tmp_path: Path) -> None:
    assert add_files(index, [sent(tmp_path, "b.txt", "It rained.")]).added == ("b.txt",)
    assert add_files(index, [sent(tmp_path, "b.txt", "It snowed.")]).updated == ("b.txt",)
    document = index.document("b.txt")
    assert document is not None and document.text == "It snowed."
    assert [path.name for path in (index.path / UPLOADS).iterdir()] == ["b.txt"]


def test_a_document_from_elsewhere_of_the_same_name_is_left_as_it_is(index: Index, tmp_path: Path) -> None:
    assert add_files(index, [sent(tmp_path, "a.txt", "Another bell.")]).added == ("a (2).txt",)
    assert add_files(index, [sent(tmp_path, "a.txt", "A third bell.")]).updated == ("a (2).txt",)
    first = index.document("a.txt")
    assert first is not None and first.text == "The bell rang at noon."


def test_a_file_that_gives_no_document_is_not_kept_and_does_not_tell_where_it_lay(index: Index, tmp_path: Path) -> None:
    report = add_files(index, [sent(tmp_path, "x.unknown", "?")])
    ((name, reason),) = report.failed
    assert name == "x.unknown" and str(tmp_path) not in reason
    assert list((index.path / UPLOADS).iterdir()) == []


def test_a_hidden_name_is_taken_as_a_visible_one(index: Index, tmp_path: Path) -> None:
    assert add_files(index, [sent(tmp_path, ".env.txt", "It rained.")]).added == ("env.txt",)


def test_only_files_that_were_uploaded_are_deleted(index: Index, tmp_path: Path) -> None:
    add_files(index, [sent(tmp_path, "b.txt", "It rained.")])
    drop(index, str(tmp_path / "articles" / "a.txt"))
    drop(index, str(index.path / UPLOADS / ".." / "manifest.json"))
    drop(index, None)
    assert (tmp_path / "articles" / "a.txt").exists() and (index.path / "manifest.json").exists()
    drop(index, str(index.path / UPLOADS / "b.txt"))
    assert not (index.path / UPLOADS / "b.txt").exists()
