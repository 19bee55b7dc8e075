import gzip
import json
import os
import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.core.errors import (
    EmbedderMismatch,
    IndexCorrupt,
    IndexLocked,
    IndexNotFound,
    IndexVersionMismatch,
    IndexWriteFailed,
    InvalidSettings,
    SourceNotFound,
)
from rag.core.files.hashed_json import content_sha256
from rag.core.reports import IndexReport, Progress
from rag.core.settings import Settings
from rag.core.types import Document
from rag.index import index as index_room
from rag.index.index import Index
from rag.index.repair import examine, repair
from rag.index.storage.manifest import DOCUMENTS, read_manifest, sizes
from rag.index.writing.commit import writing
from tests.counting import Counting

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


@pytest.fixture
def counting(embedder: "Embedder") -> Counting:
    return Counting(embedder)


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    write(folder, bees="Bees dance to show the way.", rivers="Rivers carve valleys.", snow="Snow reflects light.")
    return folder


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def test_the_report_describes_each_document_and_warns_if_much_is_masked(tmp_path: Path, embedder: "Embedder") -> None:
    notice = "Copyright 2024 The Paper. All rights reserved. No part may be reproduced without permission."
    page = Document("page", f"The ferry sails at nine.\n\n{notice}\n", metadata={"left_out": "hidden texts (2)"})
    plain = Document("plain", "Rivers carve valleys.")
    report = Index.build([plain, page], tmp_path / "index", embedder=embedder).report
    assert [(item.id, item.chunks, item.length) for item in report.documents] == [("page", 1, 119), ("plain", 1, 21)]
    assert report.documents[0].masked == {"copyright": len(notice)} and not report.documents[1].masked
    assert report.notes == (
        "not in the text of page: hidden texts (2).",
        "warning: 77% of page is masked and not searched (copyright 77%).",
    )


def texts(index: Index) -> dict[str, str]:
    found = {summary.id: index.document(summary.id) for summary in index.documents()}
    return {key: document.text for key, document in found.items() if document}


def agree(index: Index) -> None:
    """Assert that documents, vectors and words hold the same rows, and each vector is that of its passage."""
    rows = index.store.rows()
    assert sorted(index.vectors.rows()) == rows and len(index.words) == len(rows)
    from rag.chunking.chunks import embedded_sentences, embedding_text

    chunks = index.store.chunks(rows)
    expected = index.embedder.embed_passages([embedding_text(made) for made in chunks])
    np.testing.assert_allclose(index.vectors.get(np.array(rows, np.int64)), expected, atol=1e-5)
    parts = [embedded_sentences(made) for made in chunks]
    inner = index.embedder.embed_with_parts([embedding_text(made) for made in chunks], parts)[1]
    for stored, right in zip(index.sentence_vectors(rows), inner, strict=True):
        np.testing.assert_allclose(stored, right, atol=2e-3)
    for row, made in zip(rows, chunks, strict=True):
        assert row in dict(index.words.search(made.text, len(rows)))
    assert examine(index.path) == []


def test_a_build_takes_every_file_and_says_so(articles: Path, tmp_path: Path, counting: Counting) -> None:
    (articles / "picture.png").write_bytes(b"\x89PNG")
    (articles / "empty.txt").write_text(" \n")
    (articles / "binary.txt").write_bytes(bytes(range(256)) * 20)
    write(articles, again="Bees dance to show the way.")
    index = Index.build(articles, tmp_path / "index", embedder=counting)

    assert index.report.added == ("again.txt", "bees.txt", "rivers.txt", "snow.txt")
    assert index.report.duplicates == (("again.txt", ("bees.txt",)),)
    assert [source for source, _ in index.report.failed] == ["binary.txt", "empty.txt", "picture.png"]
    assert index.report.unreadable == ("binary.txt",)
    assert texts(index) == {
        path.name: path.read_text() for path in articles.glob("[abrs]*.txt") if path.stem != "binary"
    }
    agree(index)
    assert len(counting.texts) - len(index.store.rows()) == 3, "equal texts are embedded once"


def test_documents_are_taken_as_they_are(tmp_path: Path, counting: Counting) -> None:
    given = [Document("b", "Two texts.\r\n", metadata={"author": "A"}), Document("a", "One\x00text.")]
    index = Index.build(iter(given), tmp_path / "index", embedder=counting)

    assert [index.document("b"), index.document("a")] == given
    assert index.add([Document("b", "Changed.")]).updated == ("b",)
    assert index.remove("a").removed == ("a",)
    assert texts(index) == {"b": "Changed."}
    agree(index)


def test_an_index_may_be_empty(tmp_path: Path, counting: Counting) -> None:
    index = Index.build([], tmp_path / "index", embedder=counting)

    assert index.documents() == [] and examine(index.path) == []
    assert index.add([Document("a", "One text.")]).added == ("a",)
    agree(index)


def test_only_changed_passages_are_embedded_again(articles: Path, tmp_path: Path, counting: Counting) -> None:
    paragraphs = [f"Paragraph {n} tells of year {n + 1900}. " + "It was a long year. " * 30 for n in range(8)]
    write(articles, long="\n\n".join(paragraphs))
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    passages = len(index.chunks("long.txt"))
    counting.texts.clear()
    write(articles, long="\n\n".join([*paragraphs[:7], "Paragraph 7 was written anew." + " So it goes." * 40]))
    report = index.add(articles)

    assert report == IndexReport(updated=("long.txt",), unchanged=("bees.txt", "rivers.txt", "snow.txt"))
    assert 0 < len(counting.texts) < passages / 2
    assert all("written anew" in text or "So it goes" in text for text in counting.texts)
    agree(index)


def test_a_renamed_file_is_not_embedded_again(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    counting.texts.clear()
    (articles / "bees.txt").rename(articles / "wasps.txt")
    report = index.sync(articles)

    assert (report.added, report.removed) == (("wasps.txt",), ("bees.txt",))
    assert counting.texts == []
    agree(index)


def test_a_renamed_file_is_the_same_document_also_without_a_sync(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    write(articles, again="Bees dance to show the way.")
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    counting.texts.clear()
    (articles / "bees.txt").rename(articles / "wasps.txt")
    planned, report = index.plan(articles), index.add(articles)

    assert (report.added, report.removed) == (("wasps.txt",), ("bees.txt",)) == (planned.added, planned.removed)
    assert report.unchanged == ("again.txt", "rivers.txt", "snow.txt")
    assert counting.texts == [] and "bees.txt" not in index.store.sources()
    (articles / "again.txt").unlink()
    assert index.add(articles).removed == (), "without a sync what is gone stays, though wasps.txt has its text"
    agree(index)


def test_a_file_with_the_bytes_of_one_that_is_there_is_a_document_of_its_own(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    shutil.copyfile(articles / "bees.txt", articles / "copy.txt")

    assert index.add(articles / "copy.txt") == IndexReport(
        added=("copy.txt",), duplicates=(("copy.txt", ("bees.txt",)),)
    )


def test_nothing_new_means_no_new_version_and_no_model(
    articles: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index.build(articles, tmp_path / "index", embedder=counting).close()

    def refuse(settings: Settings) -> "Embedder":
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(index_room, "open_embedder", refuse)
    index = Index.open(tmp_path / "index")
    os.utime(articles / "bees.txt", (0, 0))

    assert index.sync(articles) == IndexReport(unchanged=("bees.txt", "rivers.txt", "snow.txt"))
    assert index.remove("no such document") == IndexReport()
    assert index.manifest.version == 1
    assert sorted(found.name for found in index.path.iterdir()) == ["lock", "manifest.json", "v000001", "writer"]
    assert index.remove("bees.txt").removed == ("bees.txt",)
    assert index.manifest.version == 2


def test_a_removed_document_comes_back_with_the_next_add(articles: Path, tmp_path: Path, counting: Counting) -> None:
    (articles / "rows.jsonl").write_text('{"_id": "a", "text": "Row one."}\n{"_id": "b", "text": "Row two."}\n')
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    for document_id in ("bees.txt", "a"):
        assert index.remove(document_id).removed == (document_id,)
        assert document_id not in texts(index)
        assert index.add(articles).added == (document_id,)
    agree(index)


def test_nothing_of_a_removed_document_stays_in_the_store(tmp_path: Path, counting: Counting) -> None:
    documents = [
        Document(f"d{n}", f"Patient {n} has zebrafever-{n}.", metadata={"ward": f"ward-{n}"}) for n in range(8)
    ]
    index = Index.build(documents, tmp_path / "index", embedder=counting)
    index.remove("d3")

    store = (index.path / read_manifest(index.path).folder / DOCUMENTS).read_bytes()
    assert b"zebrafever-4" in store and b"ward-4" in store
    assert b"zebrafever-3" not in store and b"ward-3" not in store


def test_removing_most_documents_gives_their_room_back(tmp_path: Path, counting: Counting) -> None:
    (tmp_path / "articles").mkdir()
    for n in range(60):
        write(tmp_path / "articles", **{f"a{n}": f"Report {n} counts {n * n} boats.\n\n" * 30})
    index = Index.build(tmp_path / "articles", tmp_path / "index", embedder=counting)
    before = sizes(index.path)[1]
    for n in range(2, 60):
        (tmp_path / "articles" / f"a{n}.txt").unlink()
    index.sync(tmp_path / "articles")

    assert sizes(index.path)[2] < before / 3
    agree(index)


def test_sync_drops_what_is_gone_below_its_paths_only(articles: Path, tmp_path: Path, counting: Counting) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other, stars="Stars burn hydrogen.", moons="Moons are cold.")
    index = Index.build([articles, other], tmp_path / "index", embedder=counting)
    (articles / "bees.txt").unlink()
    (other / "moons.txt").unlink()

    assert index.add(articles).removed == ()
    assert index.sync(articles).removed == ("bees.txt",)
    assert index.sync([articles, other]).removed == ("moons.txt",)
    assert set(texts(index)) == {"rivers.txt", "snow.txt", "stars.txt"}
    agree(index)


def test_a_path_may_be_given_in_any_form(
    articles: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("articles")
    index = Index.build("articles", "index", embedder=counting)

    for form in ("./articles/", str(articles), "link", articles / ".." / "articles"):
        assert len(index.sync(form).unchanged) == 3, form
    (articles / "bees.txt").unlink()
    assert index.sync("link").removed == ("bees.txt",)
    (articles / "rivers.txt").unlink()
    assert index.sync(str(articles)).removed == ("rivers.txt",)


def test_a_folder_that_was_moved_is_known_again(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    counting.texts.clear()
    moved = articles.rename(tmp_path / "moved")

    assert index.add(moved).unchanged == ("bees.txt", "rivers.txt", "snow.txt")
    assert "bees.txt" in index.report.notes[0] and str(moved) in index.report.notes[0]
    assert all(Path(found.source_path or "").is_file() for found in index.documents()), "what is cited is there"
    assert index.sync(moved) == IndexReport(unchanged=("bees.txt", "rivers.txt", "snow.txt"))
    (moved / "bees.txt").unlink()
    assert index.sync(moved).removed == ("bees.txt",)
    assert counting.texts == []
    agree(index)


def test_a_file_that_is_still_there_is_not_gone(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(tmp_path, tmp_path / "index", embedder=counting)
    assert index.report.added == ("articles/bees.txt", "articles/rivers.txt", "articles/snow.txt")
    (articles / "snow.txt").unlink()
    report = index.sync(path for path in [articles])

    kept = ("articles/bees.txt", "articles/rivers.txt")
    assert report == IndexReport(unchanged=kept, removed=("articles/snow.txt",))


def test_a_file_keeps_the_id_that_it_got_first(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(articles / "bees.txt", tmp_path / "index", embedder=counting)

    assert index.add(tmp_path).added == ("articles/rivers.txt", "articles/snow.txt")
    assert index.plan(articles) == index.add(articles)
    assert index.report.unchanged == ("articles/rivers.txt", "articles/snow.txt", "bees.txt")
    write(articles, bees="Bees sleep at night.")
    assert index.add(tmp_path).updated == ("bees.txt",)
    agree(index)


def test_two_files_of_one_name_are_two_documents_though_one_was_taken_alone_before(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles / "bees.txt", tmp_path / "index", embedder=counting)
    counting.texts.clear()
    (tmp_path / "bees.txt").write_text("Other bees.", encoding="utf-8")
    report = index.sync(tmp_path)

    assert report.failed == () and report.updated == ("bees.txt",) and "articles/bees.txt" in report.added
    held = texts(index)
    assert (held["bees.txt"], held["articles/bees.txt"]) == ("Other bees.", "Bees dance to show the way.")
    assert "Bees dance to show the way." not in counting.texts
    agree(index)


def test_a_link_to_a_file_makes_no_second_document(articles: Path, tmp_path: Path, counting: Counting) -> None:
    (articles / "a link.txt").symlink_to("bees.txt")
    index = Index.build(articles, tmp_path / "index", embedder=counting)

    assert index.report.added == ("bees.txt", "rivers.txt", "snow.txt") and index.report.duplicates == ()
    assert "a link.txt" in index.report.notes[0] and "bees.txt" in index.report.notes[0]
    assert index.add(articles / "a link.txt").unchanged == ("bees.txt",)
    assert index.plan(articles).notes == index.sync(articles).notes != ()


@pytest.mark.parametrize("place", ["index", ".", "../articles/index"])
def test_an_index_among_its_documents_is_not_one_of_them(
    place: str, articles: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(articles)
    for report in (Index.build(".", place, embedder=counting).report, Index.open(place, counting).sync(".")):
        assert report.failed == () and len(report.added or report.unchanged) == 3


def test_another_folder_with_the_same_names_drops_nothing(articles: Path, tmp_path: Path, counting: Counting) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other, bees="Other bees.", stars="Stars burn hydrogen.")
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    report = index.add(other)

    assert report.added == ("stars.txt",) and report.updated == ()
    ((source, reason),) = report.failed
    assert source == "bees.txt" and str(articles / "bees.txt") in reason and "one command" in reason
    assert texts(index)["bees.txt"] == "Bees dance to show the way."
    both = Index.build([articles, other], tmp_path / "both", embedder=counting)
    assert {"articles/bees.txt", "other/bees.txt"} < set(texts(both))


def test_a_file_that_cannot_be_read_today_keeps_its_document(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    good = (articles / "bees.txt").read_bytes()
    (articles / "bees.txt").write_bytes(bytes(range(256)) * 20)
    for _ in range(2):
        assert index.sync(articles).unreadable == ("bees.txt",)
        assert texts(index)["bees.txt"] == good.decode()
    (articles / "bees.txt").write_bytes(good)
    assert index.sync(articles) == IndexReport(unchanged=("bees.txt", "rivers.txt", "snow.txt"))


def test_a_file_that_became_empty_loses_its_document(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    write(articles, bees=" \n")
    report = index.add(articles)

    assert report.removed == ("bees.txt",) and report.unreadable == ()
    assert index.store.sources().keys() == {"rivers.txt", "snow.txt"}


def rows(path: Path, **given: str) -> None:
    lines = [json.dumps({"_id": key, "text": text}) for key, text in given.items()]
    path.write_bytes(gzip.compress("\n".join(lines).encode()) if path.suffix == ".gz" else "\n".join(lines).encode())


def test_rows_of_a_corpus_are_added_updated_and_removed(tmp_path: Path, counting: Counting) -> None:
    corpus = tmp_path / "corpus.jsonl"
    rows(corpus, a="Row a.", b="Row b.", c="Row c.")
    index = Index.build(corpus, tmp_path / "index", embedder=counting)
    rows(corpus, a="Row a.", c="Row c, changed.", d="Row d.")

    assert index.add(corpus) == IndexReport(added=("d",), updated=("c",), unchanged=("a",), removed=("b",))
    assert index.add(corpus) == IndexReport(unchanged=("a", "c", "d"))
    agree(index)


def test_a_corpus_that_cannot_be_read_to_its_end_loses_no_rows(tmp_path: Path, counting: Counting) -> None:
    corpus = tmp_path / "corpus.jsonl.gz"
    given = {f"row {n}": f"Text of row {n}. {os.urandom(8).hex()}" for n in range(60)}
    rows(corpus, **given)
    index = Index.build(corpus, tmp_path / "index", embedder=counting)
    good = corpus.read_bytes()
    corpus.write_bytes(good[: len(good) // 2])
    report = index.sync(corpus)

    assert report.unreadable == ("corpus.jsonl.gz",) and report.removed == ()
    assert texts(index) == given


def test_an_id_given_twice_is_reported_each_time_and_the_first_one_stays(tmp_path: Path, counting: Counting) -> None:
    folder = tmp_path / "corpora"
    folder.mkdir()
    rows(folder / "a.jsonl", x="From a.", y="Only in a.")
    rows(folder / "b.jsonl", x="From b.", z="Only in b.")
    index = Index.build(folder, tmp_path / "index", embedder=counting)
    for _ in range(2):
        ((source, reason),) = index.report.failed
        assert source == "b.jsonl" and "'x'" in reason and "a.jsonl" in reason and "own id" in reason
        index.add(folder)
    assert texts(index) == {"x": "From a.", "y": "Only in a.", "z": "Only in b."}


def test_a_row_that_moves_to_another_file_is_not_lost_on_the_way(tmp_path: Path, counting: Counting) -> None:
    folder = tmp_path / "corpora"
    folder.mkdir()
    for first, second in (("a", "b"), ("b", "a")):
        rows(folder / f"{first}.jsonl", x="Row x.", y="Row y.")
        rows(folder / f"{second}.jsonl", z="Row z.")
        index = Index.build(folder, tmp_path / f"index {first}", embedder=counting)
        rows(folder / f"{first}.jsonl", y="Row y.")
        rows(folder / f"{second}.jsonl", x="Row x.", z="Row z.")
        index.sync(folder)
        assert texts(index) == {"x": "Row x.", "y": "Row y.", "z": "Row z."}
        agree(index)


def test_a_row_taken_over_by_another_file_comes_back_when_that_file_goes(tmp_path: Path, counting: Counting) -> None:
    rows(tmp_path / "a.jsonl", x="Row x.")
    index = Index.build(tmp_path / "a.jsonl", tmp_path / "index", embedder=counting)
    rows(tmp_path / "b.jsonl", x="Row x.", z="Row z.")
    index.add(tmp_path / "b.jsonl")
    rows(tmp_path / "b.jsonl", z="Row z.")
    index.add(tmp_path / "b.jsonl")
    index.add(tmp_path / "a.jsonl")

    assert texts(index) == {"x": "Row x.", "z": "Row z."}


def test_many_equal_documents_are_reported_once(tmp_path: Path, counting: Counting) -> None:
    same = [Document(f"{n:03}", "The same text.") for n in range(300)]
    index = Index.build(same, tmp_path / "index", embedder=counting)

    assert index.report.duplicates == (("000", tuple(f"{n:03}" for n in range(1, 300))),)
    assert index.add([Document("new", "The same text.")]).duplicates[0][0] == "new"
    assert counting.texts == ["The same text."]


def test_progress_grows_to_its_end_and_names_what_is_done(articles: Path, tmp_path: Path, counting: Counting) -> None:
    told: list[Progress] = []
    rows(articles / "rows.jsonl", a="Row one.", b="Row two.")
    Index.build(articles, tmp_path / "index", progress=told.append, embedder=counting)
    sizes = sum(path.stat().st_size for path in articles.iterdir())

    assert [step.done for step in told] == sorted(step.done for step in told)
    assert {step.total for step in told} == {sizes} and told[-1].done == sizes
    assert told[-1].documents == 5 and told[-1].seconds_left == 0
    assert {step.name for step in told} == {"bees.txt", "rivers.txt", "rows.jsonl", "snow.txt"}


def test_progress_does_not_run_ahead_of_embedding(tmp_path: Path, counting: Counting) -> None:
    told: list[tuple[Progress, int]] = []
    given = [Document(f"{n}", f"Text number {n} tells of the year {n}.") for n in range(150)]
    Index.build(
        given, tmp_path / "index", progress=lambda step: told.append((step, len(counting.texts))), embedder=counting
    )
    shares = [(step.done / step.total, embedded / len(given)) for step, embedded in told]

    assert all(done <= embedded + 0.02 for done, embedded in shares)
    assert shares[-1] == (1, 1) and len({embedded for _, embedded in shares}) > 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="rights are given up in a process of its own")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_an_index_that_may_only_be_read_can_be_asked(articles: Path, counting: Counting) -> None:
    with TemporaryDirectory() as place:
        path = Path(place) / "index"
        Index.build(articles, path, embedder=counting).close()
        for folder in (Path(place), path, path / "v000001", path / "v000001/words"):
            folder.chmod(0o555)
        child = os.fork()
        if not child:
            os._exit(_read_without_rights(path))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for folder in (Path(place), path, path / "v000001", path / "v000001/words"):
            folder.chmod(0o755)


def _read_without_rights(path: Path) -> int:
    try:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        index = Index.open(path)
        found = [made.text for made in index.store.chunks([row for row, _ in index.words.search("bees", 3)])]
        with pytest.raises(IndexWriteFailed, match="permissions"):
            index.remove("bees.txt")
        return 0 if found == ["Bees dance to show the way."] else 3
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
        return 4


def test_names_that_are_not_utf8_are_taken(articles: Path, tmp_path: Path, counting: Counting) -> None:
    name = os.fsencode(articles) + b"/\xff caf\xe9.txt"
    with open(name, "wb") as file:
        file.write(b"A text in a file with a strange name.")
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    (found,) = set(texts(index)) - {"bees.txt", "rivers.txt", "snow.txt"}

    assert found == "\\xff caf\\xe9.txt"
    assert len(index.sync(articles).unchanged) == 4
    os.unlink(name)
    assert index.sync(articles).removed == (found,)


def test_a_rebuild_replaces_all_at_once(articles: Path, tmp_path: Path, counting: Counting) -> None:
    old = Index.build(articles, tmp_path / "index", embedder=counting)
    old.remove("bees.txt")
    new = Index.build([Document("a", "One text.")], old.path, Settings(chunk_size=500), embedder=counting)

    assert new.manifest.version == old.manifest.version + 1
    assert texts(new) == {"a": "One text."} and new.settings.chunk_size == 500
    assert old.refresh() and texts(old) == {"a": "One text."} and old.settings.chunk_size == 500


def test_an_index_of_another_format_is_refused_and_can_be_built_again(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    path = Index.build(articles, tmp_path / "index", embedder=counting).path
    content = {**json.loads((path / "manifest.json").read_text()), "format": 99}
    content.pop("sha256")
    content["sha256"] = content_sha256(content)
    (path / "manifest.json").write_text(json.dumps(content))

    with pytest.raises(IndexVersionMismatch, match="rag index PATH --rebuild"):
        Index.open(path)
    assert len(Index.build(articles, path, embedder=counting).documents()) == 3
    assert examine(path) == []


def test_a_reader_keeps_its_version_while_others_write(articles: Path, tmp_path: Path, counting: Counting) -> None:
    writer = Index.build(articles, tmp_path / "index", embedder=counting)
    reader = Index.open(writer.path, counting)
    before = texts(reader)
    query = counting.embed_queries(["How do bees find the way?"])
    found = reader.vectors.search(query, 3), reader.words.search("bees dance", 3)
    for n in range(4):
        write(articles, bees=f"Version {n}.")
        writer.add(articles)
    assert not (writer.path / "v000001").exists()

    assert texts(reader) == before
    assert (reader.vectors.search(query, 3), reader.words.search("bees dance", 3)) == found
    assert [made.text for made in reader.chunks("bees.txt")] == ["Bees dance to show the way."]
    assert reader.refresh() is True and reader.refresh() is False
    assert texts(reader)["bees.txt"] == "Version 3." and reader.manifest == writer.manifest
    agree(reader)


def test_an_index_made_again_from_nothing_is_seen_by_refresh(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    reader = Index.build(articles, tmp_path / "index", embedder=counting)
    shutil.rmtree(reader.path)
    again = Index.build([Document("a", "One text.")], reader.path, embedder=counting)

    assert again.manifest.version == reader.manifest.version == 1
    assert reader.refresh() and set(texts(reader)) == {"a"}


def test_a_stale_writer_writes_on_top_of_the_last_commit(articles: Path, tmp_path: Path, counting: Counting) -> None:
    one = Index.build(articles, tmp_path / "index", embedder=counting)
    other = Index.open(one.path, counting)
    one.add([Document("a", "From one.")])
    other.add([Document("b", "From the other.")])
    assert {"a", "b"} < set(texts(other)) and other.manifest.version == 3
    Index.build([Document("c", "From nothing.")], one.path, Settings(chunk_size=300), embedder=counting)
    one.add([Document("d", "On top.")])
    assert set(texts(one)) == {"c", "d"} and one.settings.chunk_size == 300
    agree(one)


def test_a_stale_writer_does_not_mix_the_vectors_of_two_models(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    stale = Index.build(articles, tmp_path / "index", embedder=counting)
    other = Counting(counting.real, fingerprint="other weights")
    Index.build(articles, stale.path, embedder=other)

    with pytest.raises(EmbedderMismatch, match="--rebuild"):
        stale.add([Document("a", "One text.")])
    assert Index.open(stale.path, other).manifest.version == 2


def test_readers_never_see_half_a_write(articles: Path, tmp_path: Path, counting: Counting) -> None:
    """Open the index over and over while another thread commits; every opening shows one whole commit."""
    writer = Index.build(articles, tmp_path / "index", Settings(isolated_reading=False), embedder=counting)
    write(articles, bees="Version 0.", snow="Version 0.")
    writer.add(articles)
    problems: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                index = Index.open(writer.path)
                found = texts(index)
                assert found["bees.txt"] == found["snow.txt"], found
                assert {made.text for made in index.store.chunks(index.store.rows())} == set(found.values())
                index.close()
        except BaseException as error:
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(1, 16):
        write(articles, bees=f"Version {n}.", snow=f"Version {n}.")
        problems.extend(AssertionError(failed) for failed in writer.add(articles).failed)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []


def test_two_writers_at_once_are_refused_and_nothing_is_lost(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    with writing(index.path):
        for attempt in (
            lambda: index.add([Document("a", "x")]),
            lambda: Index.build([], index.path, embedder=counting),
        ):
            with pytest.raises(IndexLocked):
                attempt()
    assert index.manifest.version == 1 and examine(index.path) == []
    assert index.add([Document("a", "One text.")]).added == ("a",)


def test_an_interrupted_write_leaves_the_last_commit(
    articles: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add([Document("a", "One text.")], interrupt)
    assert sorted(found.name for found in index.path.iterdir()) == ["lock", "manifest.json", "v000001", "writer"]
    assert index.add([Document("a", "One text.")]).added == ("a",)
    agree(index)


def test_settings_that_shaped_an_index_cannot_be_changed_afterwards(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles, tmp_path / "index", Settings(chunk_size=500), embedder=counting)
    index.require(Settings(chunk_size=500, top_k=1))
    with pytest.raises(InvalidSettings, match=r"chunk_size=500, not 600.*--rebuild"):
        index.require(Settings(chunk_size=600))
    with pytest.raises(EmbedderMismatch, match="embedding_model"):
        index.require(Settings(chunk_size=500, embedding_model="other"))


def test_an_embedder_of_other_weights_is_refused_at_opening(articles: Path, tmp_path: Path, counting: Counting) -> None:
    Index.build(articles, tmp_path / "index", embedder=counting).close()

    with pytest.raises(EmbedderMismatch, match=r"all-MiniLM-L6-v2.*--rebuild"):
        Index.open(tmp_path / "index", Counting(counting.real, fingerprint="other weights"))


def test_what_is_not_there_is_named(tmp_path: Path, counting: Counting) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(IndexNotFound, match="rag index"):
        Index.open(tmp_path / "nowhere")
    for missing in ("nowhere", "empty"):
        with pytest.raises(SourceNotFound):
            Index.build(tmp_path / missing, tmp_path / "index", embedder=counting)
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("damaged", ["vectors.faiss", "words/meta.json"])
@pytest.mark.parametrize("how", ["flipped", "cut", "missing"])
def test_derived_files_are_mended_from_the_documents(
    damaged: str, how: str, articles: Path, tmp_path: Path, counting: Counting
) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    before, file = texts(index), index.path / index.manifest.folder / damaged
    content = file.read_bytes()
    file.unlink()
    if how != "missing":
        file.write_bytes(content[:-9] if how == "cut" else content[:50] + bytes([content[50] ^ 8]) + content[51:])

    with pytest.raises(IndexCorrupt, match=r"rag check --repair"):
        Index.open(index.path)
    (problem,) = examine(index.path)
    assert str(file) in problem
    assert repair(index.path, embedder=counting) == [problem]
    assert examine(index.path) == [] and repair(index.path, embedder=counting) == []
    mended = Index.open(index.path, counting)
    assert texts(mended) == before
    agree(mended)


def test_a_damaged_document_store_is_not_mended_by_guessing(articles: Path, tmp_path: Path, counting: Counting) -> None:
    index = Index.build(articles, tmp_path / "index", embedder=counting)
    file = index.path / index.manifest.folder / "documents.sqlite"
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(IndexCorrupt, match=r"documents.sqlite.*rag index PATH --rebuild"):
        repair(index.path, embedder=counting)
    assert texts(Index.build(articles, index.path, embedder=counting)) == texts(index)
    assert examine(index.path) == []


def test_damage_in_a_large_file_is_not_carried_into_the_next_version(
    articles: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening trusts the size of large files; a write must not give their damage a fresh hash."""
    monkeypatch.setattr("rag.index.storage.integrity.MAX_OPENING_HASH_BYTES", 0)
    monkeypatch.setattr("rag.index.storage.integrity.END_BYTES", 500)
    Index.build(articles, tmp_path / "index", embedder=counting).close()
    file = tmp_path / "index/v000001/vectors.faiss"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    index = Index.open(tmp_path / "index", counting)

    with pytest.raises(IndexCorrupt, match=r"vectors.faiss.*--repair"):
        index.add([Document("a", "One text.")])
    repair(index.path, embedder=counting)
    assert index.add([Document("a", "One text.")]).added == ("a",)
    agree(index)


def test_the_same_sources_give_the_same_index_whatever_its_history(
    articles: Path, tmp_path: Path, counting: Counting
) -> None:
    built = Index.build(articles, tmp_path / "built", embedder=counting)
    grown = Index.build([Document("other", "Something else.")], tmp_path / "grown", embedder=counting)
    grown.add(articles)
    assert grown.fingerprint != built.fingerprint
    grown.remove("other")

    assert grown.fingerprint == built.fingerprint
    assert grown.documents() == built.documents()


def test_one_text_of_two_formats_has_the_vectors_of_its_own_sentences(tmp_path: Path, counting: Counting) -> None:
    text = "```\nBees dance here. Rivers carve it.\n```"
    kinds = ("text", "markdown")
    index = Index.build([Document(kind, text, format=kind) for kind in kinds], tmp_path / "index", embedder=counting)
    sizes = {kind: [len(made.sentences) for made in index.chunks(kind)] for kind in kinds}
    held = {kind: [len(rows) for rows in index.sentence_vectors(index.store.rows_of(kind))] for kind in kinds}
    assert sizes == {"text": [4], "markdown": [3]} and held == sizes
    agree(index)
