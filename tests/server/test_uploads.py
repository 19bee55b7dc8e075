import os
import time
from pathlib import Path

import pytest

from rag.core.errors import IndexWriteFailed
from rag.core.protocols import Embedder
from rag.index.index import Index
from rag.loading.sources import UPLOADS
from rag.server.files.uploads import MAX_UNCOMMITTED_SECONDS, add_files, drop


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
    report = add_files(index, [sent(tmp_path, "a.txt", "Another bell.")])
    assert report.added == ("a (2).txt",)
    assert report.notes == ("a.txt is called a (2).txt here, because another document has its name.",)
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


def test_two_files_of_one_name_that_come_together_are_both_added(index: Index, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("It rained.", encoding="utf-8")
    second.write_text("It snowed.", encoding="utf-8")
    report = add_files(index, [("b.txt", first), ("b.txt", second)])
    texts = {name: document.text for name in report.added if (document := index.document(name))}
    assert texts == {"b.txt": "It rained.", "b (2).txt": "It snowed."}


def test_two_files_of_one_name_that_give_no_document_are_both_reported(index: Index, tmp_path: Path) -> None:
    _, unknown = sent(tmp_path, "x.unknown", "?")
    report = add_files(index, [("x.unknown", unknown), ("x.unknown", unknown)])
    assert sorted(name for name, _ in report.failed) == ["x (2).unknown", "x.unknown"]
    assert list((index.path / UPLOADS).iterdir()) == []


def test_a_batch_that_cannot_be_stored_whole_leaves_nothing_and_does_not_tell_where(
    index: Index, tmp_path: Path
) -> None:
    with pytest.raises(IndexWriteFailed, match=r"could not be stored: No such file or directory[.]") as refusal:
        add_files(index, [sent(tmp_path, "b.txt", "It rained."), ("c.txt", tmp_path / "gone")])
    assert str(tmp_path) not in str(refusal.value)
    assert list((index.path / UPLOADS).iterdir()) == []


def test_a_batch_that_the_index_refuses_leaves_only_files_of_documents(index: Index, tmp_path: Path) -> None:
    add_files(index, [sent(tmp_path, "b.txt", "It rained.")])

    def refuse(progress: object) -> None:
        raise IndexWriteFailed("The disk is full.", "Free disk space.")

    with pytest.raises(IndexWriteFailed, match="disk is full"):
        add_files(index, [sent(tmp_path, "b.txt", "It snowed."), sent(tmp_path, "c.txt", "It hailed.")], refuse)
    assert [path.name for path in (index.path / UPLOADS).iterdir()] == ["b.txt"]


def test_a_file_of_an_upload_that_was_killed_goes_once_it_is_old(index: Index, tmp_path: Path) -> None:
    add_files(index, [sent(tmp_path, "b.txt", "It rained.")])
    folder, before = index.path / UPLOADS, time.time() - MAX_UNCOMMITTED_SECONDS - 60
    for name in ("left.txt", ".left.txt.partial", "under way.txt"):
        (folder / name).write_text("It hailed.", encoding="utf-8")
    for name in ("left.txt", ".left.txt.partial", "b.txt"):
        os.utime(folder / name, (before, before))
    add_files(index, [sent(tmp_path, "c.txt", "It snowed.")])
    assert sorted(path.name for path in folder.iterdir()) == ["b.txt", "c.txt", "under way.txt"]
