"""What an index does, wherever it is kept: the same for a folder, milvus-lite and a real Milvus server."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import (
    EmbedderMismatch,
    IndexLocked,
    IndexNotFound,
    InvalidFilter,
    InvalidInput,
    InvalidSettings,
    SourceNotFound,
)
from rag.core.reports import IndexReport
from rag.core.types import Document
from rag.index.index import Index
from rag.index.transfer import copy_index
from tests import ROOT
from tests.counting import Counting
from tests.index.engines.conftest import Place

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

QUESTIONS = (
    "Why did Armenia recall its ambassador to Israel?",
    "How many drones were shot down?",
    "What share of Israel's arms exports goes to Azerbaijan?",
    "Who is the president of Azerbajian?",
    "What is the melting point of tungsten carbide in Kelvin?",
)
NASTY = {
    "nul": "A text with \x00 in it. It goes on after that.",
    "crlf": "First line.\r\nSecond line.\r\n\r\nNew paragraph here.\r\n",
    "emoji": "Bees 🐝 dance 💃 to show the way. Ünïcödé e\u0301 combined.",
    "rtl": "שלום עולם. هذا نص عربي طويل قليلا.",
    "long heading": "# " + "Heading of great length " * 4_000 + "\n\nThe body is short.",
    "one line": "word " * 40_000,
    "many sentences": "No. " * 2_000,
    "quotes \"'\\": "An id with quotes: 'single' and \"double\" and \\ a backslash.",
}


@pytest.fixture
def counting(remembering: Any) -> Counting:
    return Counting(remembering)


def two() -> list[Document]:
    return [Document("a", "Rivers carve valleys."), Document("b", "Snow is cold.")]


def vectors_are_those_of_brute_force(index: Index) -> None:
    rows = np.sort(index.vectors.rows())
    held = index.vectors.get(rows)
    queries = index.embedder.embed_queries(["What do bees do?", "a river", "xyzzy"])
    assert len(index.vectors) == len(rows) and index.vectors.dimension == held.shape[1]
    among = rows[::3]
    for allowed, options in ((rows, {}), (among, {"among": among})):
        kept = held[np.isin(rows, allowed)]
        for k in (1, 5, 500):
            rankings = index.vectors.search(queries, k, **options)
            for query, ranking in zip(queries, rankings, strict=True):
                cosines = kept @ query
                best = sorted(zip(allowed.tolist(), cosines.tolist(), strict=True), key=lambda item: -item[1])[:k]
                assert [row for row, _ in ranking][:1] == [best[0][0]]
                np.testing.assert_allclose([score for _, score in ranking], [score for _, score in best], atol=1e-5)
    with pytest.raises(ValueError, match="stored"):
        index.vectors.get(np.array([10**9], np.int64))


def same_index(index: Index, expected: Index) -> None:
    """Assert that two indexes hold the same, and find the same."""
    assert index.fingerprint == expected.fingerprint
    assert index.documents() == expected.documents()
    for summary in expected.documents():
        assert index.document(summary.id) == expected.document(summary.id)
        assert index.masks(summary.id) == expected.masks(summary.id)
        assert index.chunks(summary.id) == expected.chunks(summary.id)
    assert index.duplicates() == expected.duplicates() and index.near_duplicates() == expected.near_duplicates()
    assert index.facets(["language", "author"]) == expected.facets(["language", "author"])
    assert index.store.sources().keys() == expected.store.sources().keys()
    assert index.store.problems() == []
    rows = index.store.rows()
    others = [row for summary in index.documents() for row in index.store.rows_of(summary.id)]
    theirs = [row for summary in expected.documents() for row in expected.store.rows_of(summary.id)]
    assert sorted(others) == rows
    np.testing.assert_allclose(
        index.vectors.get(np.array(others, np.int64)), expected.vectors.get(np.array(theirs, np.int64)), atol=1e-6
    )
    for mine, right in zip(index.sentence_vectors(others), expected.sentence_vectors(theirs), strict=True):
        np.testing.assert_array_equal(mine, right)
    if index.info.engine:  # tantivy goes on counting what was removed until it merges its segments
        stems = [{*index.words.terms(chunk.text)} for chunk in expected.store.chunks(expected.store.rows())]
        for word in {*index.words.terms("bees river block word snow another nothing")}:
            assert index.words.document_frequency(word) == sum(word in held for held in stems)


def test_a_build_holds_every_document_as_it_is(place: Place, tmp_path: Path, counting: Counting) -> None:
    given = [Document(key, text, metadata={"author": "A", "language": "en"}) for key, text in NASTY.items()]
    index = Index.build(given, place(), embedder=counting)

    assert {document.id: index.document(document.id) for document in given} == {made.id: made for made in given}
    same_index(index, Index.build(given, tmp_path / "expected", embedder=counting))
    vectors_are_those_of_brute_force(index)


def test_changes_leave_what_a_build_of_the_same_would_make(place: Place, tmp_path: Path, counting: Counting) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    shared = "This block stands in every one of these articles, word for word, as blocks do."
    for number in range(12):
        text = f"Article {number} tells of river {number}.\n\n{shared}\n\nBees dance in field {number}."
        (folder / f"{number:02d}.txt").write_text(text, encoding="utf-8")
    at = place()
    index = Index.build(folder, at, embedder=counting)
    for number in range(3):
        (folder / f"{number:02d}.txt").unlink()
    (folder / "05.txt").write_text("Another text about snow and light.", encoding="utf-8")
    (folder / "new.txt").write_text(f"A new one.\n\n{shared}", encoding="utf-8")
    report = index.sync(folder)

    assert report.removed == ("00.txt", "01.txt", "02.txt")
    assert (report.added, report.updated, len(report.unchanged)) == (("new.txt",), ("05.txt",), 8)
    assert index.remove("07.txt").removed == ("07.txt",) and index.remove("07.txt").removed == ()
    (folder / "07.txt").unlink()
    assert index.manifest.version == 3, "what changes nothing makes no version"
    counting.texts.clear()
    assert index.plan(folder).unchanged == index.add(folder).unchanged
    assert counting.texts == []
    again = Index.open(at, counting)
    same_index(again, Index.build(folder, tmp_path / "expected", embedder=counting))


def test_only_what_is_new_is_embedded(place: Place, counting: Counting) -> None:
    index = Index.build(
        [Document("a", "Rivers carve valleys."), Document("b", "Snow is cold.")], place(), embedder=counting
    )
    counting.texts.clear()
    report = index.add([Document("c", "Rivers carve valleys."), Document("b", "Snow is white.")])

    assert report.duplicates == (("c", ("a",)),) and report.updated == ("b",)
    assert counting.texts == ["Snow is white."]


def test_a_reader_keeps_its_version_until_it_refreshes(place: Place, counting: Counting) -> None:
    at = place()
    index = Index.build(two(), at, embedder=counting)
    reader = Index.open(at, counting)
    index.remove("a")
    index.add([Document("c", "Bees dance.")])

    assert [summary.id for summary in index.documents()] == ["b", "c"]
    if not at.startswith("milvus:"):
        # Of Milvus what died two versions ago is gone; a folder's files stay with who has them open, and PostgreSQL
        # keeps them for ten minutes.
        assert [summary.id for summary in reader.documents()] == ["a", "b"]
    assert reader.refresh() and not reader.refresh()
    assert [summary.id for summary in reader.documents()] == ["b", "c"]


def test_the_version_before_can_still_be_read(place: Place, counting: Counting) -> None:
    at = place()
    index = Index.build(two(), at, embedder=counting)
    reader = Index.open(at, counting)
    index.sync([])
    index.remove("a")

    question = counting.embed_queries(["rivers"])
    assert len(reader.vectors.search(question, 5)[0]) == 2 and len(index.vectors.search(question, 5)[0]) == 1
    assert reader.document("a") == Document("a", "Rivers carve valleys.")


def test_a_rebuild_takes_the_place_of_what_was_there(place: Place, tmp_path: Path, counting: Counting) -> None:
    at = place()
    Index.build([Document("a", "Rivers carve valleys.")], at, embedder=counting)
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(SourceNotFound):
        Index.build(tmp_path / "empty.txt", at, embedder=counting)
    assert [summary.id for summary in Index.open(at, counting).documents()] == ["a"]
    index = Index.build([Document("b", "Snow is cold.")], at, embedder=counting)

    assert index.manifest.version == 2
    same_index(index, Index.build([Document("b", "Snow is cold.")], tmp_path / "expected", embedder=counting))


def test_an_index_may_be_empty(place: Place, counting: Counting) -> None:
    at = place()
    with pytest.raises(IndexNotFound):
        Index.open(at, counting)
    index = Index.build([], at, embedder=counting)

    assert index.documents() == [] and Assistant(index).ask("Anything?").no_answer is not None
    assert index.add([Document("a", "One text.")]) == IndexReport(added=("a",))


def test_an_index_of_other_weights_or_settings_is_refused(place: Place, embedder: "Embedder") -> None:
    at = place()
    index = Index.build([Document("a", "One text.")], at, embedder=embedder)
    with pytest.raises(EmbedderMismatch, match="rebuild"):
        Index.open(at, Counting(embedder, "another"))
    with pytest.raises(InvalidSettings, match="chunk_size"):
        index.require(index.settings.updated({"chunk_size": 300}))


def test_filters_choose_the_documents(place: Place, counting: Counting) -> None:
    given = [
        Document(
            f"{number}", f"River {number} flows. It is {number} miles long.", metadata={"author": f"A{number % 3}"}
        )
        for number in range(30)
    ]
    assistant = Assistant(Index.build(given, place(), embedder=counting))
    found = assistant.search("river", 30, {"author": "a1"})

    assert {answer.citation.span.document_id for answer in found} == {f"{number}" for number in range(1, 30, 3)}
    with pytest.raises(InvalidFilter, match="colour"):
        assistant.search("river", filters={"colour": "blue"})


def test_answers_are_those_of_a_folder(place: Place, seeds: Path, seeds_index: Index, counting: Counting) -> None:
    at = place()
    index = Index.build(seeds, at, embedder=counting)
    assistant, expected = Assistant(index), Assistant(seeds_index)
    if index.info.engine and index.info.engine["candidates"] == "dense only":
        expected = Assistant(without_words(seeds_index))
    for question in QUESTIONS:
        found, right = (part.ask(question).to_dict() for part in (assistant, expected))
        assert all(answer["citation"]["verified"] for answer in found["answers"])
        assert told(found) == told(right)
        if not at.startswith("milvus:") or expected.index is not seeds_index:
            assert {**found, "index": 0, "timings_ms": 0} == {**right, "index": 0, "timings_ms": 0}
    kept = assistant.ask(QUESTIONS[0])
    assert {item.status for item in assistant.verify(kept)} == {"exact"}
    assert assistant.ask_many(QUESTIONS)[0].answers == kept.answers


def test_an_index_is_copied_to_any_place_and_back(
    place: Place, seeds_index: Index, tmp_path: Path, counting: Counting
) -> None:
    at = place()
    Index.build([Document("a", "What was there before.")], at, embedder=counting)
    counting.texts.clear()
    with pytest.raises(InvalidInput, match="There is an index at"):
        copy_index(seeds_index.path, at)
    assert copy_index(seeds_index.path, at, replace_existing=True).version == 2
    copy = Index.open(at, counting)
    same_index(copy, seeds_index)
    assert copy_index(at, tmp_path / "back").fingerprint == seeds_index.fingerprint
    back = Index.open(tmp_path / "back", counting)
    same_index(back, seeds_index)
    assert back.store.sources() == seeds_index.store.sources()
    assert back.add(list(map(Path, [path for path, _ in back.store.sources().values()]))).unchanged
    assert counting.texts == []


def told(response: dict[str, Any]) -> Any:
    """Return what a user reads of a response: status, quotations, places, words that nowhere are."""
    places = [(answer["answer"], answer["citation"]["document_offset"]) for answer in response["answers"]]
    return (
        response["status"],
        places,
        [(response["no_answer"] or {}).get(name) for name in ("missing_terms", "skipped_terms")],
    )


class _WithoutSearch:
    """The words of an index, by which no passage is found."""

    def __init__(self, words: Any) -> None:
        self._words = words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._words, name)

    def __len__(self) -> int:
        return len(self._words)

    def search(self, *given: object) -> list[tuple[int, float]]:
        return []


def without_words(index: Index) -> Index:
    opened = Index.open(index.path, index.embedder)
    version = opened._version
    version._parts = version._parts._replace(words=_WithoutSearch(opened.words))
    return opened


WRITES_AND_IS_KILLED = """
    import os, sys
    from rag.index import Index
    from rag.core.types import Document
    from rag.index.milvus import rows, writer_lock
    writer_lock.CLAIM_SECONDS, writer_lock.RENEWAL_SECONDS = 4.0, 0.5
    left = [int(sys.argv[2])]
    def counted(self, method, *values, real=rows.Connection.__call__, **options):
        if method == "upsert" and not values[0].endswith("_meta"):
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
        return real(self, method, *values, **options)
    rows.Connection.__call__ = counted
    rows.MAX_UPLOAD_ROWS = 3
    index = Index.open(sys.argv[1])
    changed = [Document(summary.id, "Other.") for summary in index.documents()[:5]]
    index.add([Document(f"new {n}", f"Something new of {n}.") for n in range(8)] + changed)
"""


@pytest.mark.parametrize("steps", [0, 2, 6, 30])
def test_a_writer_killed_in_mid_upload_leaves_nothing_half_visible(
    place: Place, tmp_path: Path, counting: Counting, steps: int
) -> None:
    at = place()
    if not at.startswith("milvus:") or ".db/" in at:
        pytest.skip("tests/journeys/test_crash.py has a folder's; milvus-lite lives in the process to be killed")
    given = [Document(f"{number}", f"River {number} flows. Snow {number} falls.") for number in range(10)]
    index = Index.build(given, at, embedder=counting)
    expected = Index.build(given, tmp_path / "expected", embedder=counting)
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(WRITES_AND_IS_KILLED), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script, at, str(steps)], env=environment, check=False, timeout=200)
    assert done.returncode == 9

    same_index(Index.open(at, counting), expected)
    with pytest.raises(IndexLocked, match=r"process \d+ on"):
        index.add([Document("more", "One more.")])
    time.sleep(4.5)  # until the claim of the killed one has run out
    index.add([Document("more", "One more.")])
    expected.add([Document("more", "One more.")])
    same_index(Index.open(at, counting), expected)


def test_the_shell_builds_and_asks(place: Place, seeds: Path, seeds_index: Index) -> None:
    at = place()
    if at.startswith("postgresql:"):
        pytest.skip("test_postgres.py has its commands, in this process")
    run = [sys.executable, "-m", "rag.cli"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def shell(*given: str, status: int = 0) -> str:
        done = subprocess.run([*run, *given], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout

    assert "There is no index" not in shell("index", str(seeds), "--index", at)
    assert "2 unchanged" in shell("index", str(seeds), "--index", at)
    response = json.loads(shell("ask", QUESTIONS[0], "--index", at, "--json"))
    assert told(response) == told(Assistant(seeds_index).ask(QUESTIONS[0]).to_dict())
    assert "all sound" in shell("check", "--index", at)
    if "://" in at:
        assert response["index"]["engine"]["name"] == at.split(":")[0]
        shell("export", "file.zip", "--index", at, status=2)
    else:
        assert "engine" not in response["index"]
