import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag.core.errors import IndexCorrupt
from rag.core.types import Chunk, Document, DocumentSummary, Mask, Span
from rag.index.milvus.changes import changes
from rag.index.storage.documents import Store

NASTY = "NUL \x00, CRLF\r\n, CR\r, 👨‍👩‍👧 e\u0301 \u202eabc\u202c \u2028 end \U0010ffff\ufeff"


def passages(document: Document, *ranges: tuple[int, int]) -> list[Chunk]:
    return [
        Chunk(span, document.slice(span), document.title, ("A heading", "☃"), ((0, 1), (1, len(span))))
        for span in (Span(document.id, start, end) for start, end in ranges)
    ]


def hashes(chunks: list[Chunk]) -> list[bytes]:
    return [hashlib.sha256(made.text.encode()).digest() for made in chunks]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder with ü, spaces and %41?#.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path, writable=True)
    yield opened
    opened.close()


def put(store: Store, document: Document, source: str | None = None, *ranges: tuple[int, int]) -> list[int]:
    chunks = passages(document, *ranges)
    return store.put(document, source, [Mask(Span(document.id, 0, 3), "widget")], chunks, hashes(chunks))


def test_what_is_stored_comes_back_as_it_was_after_reopening(store: Store, path: Path) -> None:
    document = Document("a/ü.txt", NASTY, "A title", "markdown", "/x/ü.txt", "ab", {"author": "É", "n": [1, None]})
    rows = put(store, document, "a/ü.txt", (5, 12), (12, len(NASTY)))
    store.put_source("a/ü.txt", "/x/ü.txt", "ab")
    store.commit()
    store.close()

    read = Store(path)
    assert read.document(document.id) == document
    assert read.chunks(rows) == passages(document, (5, 12), (12, len(NASTY)))
    assert read.masks(document.id) == [Mask(Span(document.id, 0, 3), "widget")]
    assert read.sources() == {"a/ü.txt": ("/x/ü.txt", "ab")}
    assert read.documents_of("a/ü.txt") == [document.id]
    assert read.source_of(document.id) == "a/ü.txt"
    assert read.summaries() == [
        DocumentSummary(document.id, "A title", "/x/ü.txt", len(NASTY), 2, document.text_sha256, {"widget": 3})
    ]
    assert list(read.summaries_of(["x", document.id])) == read.summaries()
    assert read.problems() == []
    read.close()


def test_what_is_not_held_is_none_or_empty(store: Store) -> None:
    assert store.document("x") is None and store.source_of("x") is None
    assert store.masks("x") == [] and store.rows_of("x") == [] and store.delete("x") == {}
    with pytest.raises(IndexCorrupt, match="lacks chunk 7"):
        store.chunks([7])


def test_a_document_is_seen_as_soon_as_it_is_put_and_gone_as_soon_as_it_is_deleted(store: Store) -> None:
    assert store.document("a") is None
    put(store, Document("a", "Some text."), None, (0, 10))
    assert store.document("a") == Document("a", "Some text.")
    store.delete("a")
    assert store.document("a") is None


def test_rows_are_never_used_twice(store: Store) -> None:
    first = put(store, Document("a", "Some text."), None, (0, 4), (4, 10))
    digests = hashes(passages(Document("a", "Some text."), (0, 4), (4, 10)))

    assert store.delete("a") == dict(zip(first, digests, strict=True))
    assert min(put(store, Document("a", "Some text."), None, (0, 4))) > max(first)
    assert store.counts() == (1, 1)


def test_chunks_come_in_the_order_asked_also_many(store: Store) -> None:
    text = "abcdefghij" * 150
    rows = put(store, Document("a", text), None, *((n, n + 1) for n in range(1_500)))
    asked = [*reversed(rows), rows[3], rows[3]]

    assert [made.span.start for made in store.chunks(asked)] == [*reversed(range(1_500)), 3, 3]
    assert store.rows() == rows == store.rows_of("a")


def test_rows_are_found_by_the_hash_of_what_was_embedded(store: Store) -> None:
    rows = put(store, Document("a", "aabb"), None, (0, 1), (1, 2), (2, 3))
    a, b, c = (hashlib.sha256(letter).digest() for letter in (b"a", b"b", b"c"))

    assert store.rows_by_embedded([a, b, c]) == {a: rows[0], b: rows[2]}
    assert store.rows_by_embedded([]) == {}


def test_the_facts_of_equal_content_are_equal_whatever_its_history(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "one", writable=True), Store(tmp_path / "other", writable=True)
    first, second = Document("a", "One text."), Document("b", "Two texts.")
    put(one, first, "a", (0, 9))
    put(one, second, "b", (0, 10))
    put(other, second, "elsewhere", (0, 10))
    put(other, Document("a", "Old text."), "a", (0, 9))
    other.delete("a")
    put(other, first, "a", (0, 9))

    assert list(one.facts()) == list(other.facts())
    put(other, Document("c", "Two texts.", "A title"), None, (0, 10))
    changed = list(other.facts())
    other.delete("c")
    put(other, Document("c", "Two texts.", "Another title"), None, (0, 10))
    assert list(other.facts()) != changed
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE documents SET text = ?", b"Some tex!."),
        ("UPDATE documents SET text = ?", b"\xff\xfe"),
        ("UPDATE documents SET text = ?", None),
        ("UPDATE documents SET metadata = ?", "{"),
        ("UPDATE documents SET masks = ?", "[[5, 1, 2]]"),
        ("UPDATE chunks SET start = ?", -1),
        ("UPDATE chunks SET end = ?", 99),
        ("UPDATE chunks SET start = ?", 9),
        ("UPDATE chunks SET sentences = ?", "[[0]]"),
        ("UPDATE chunks SET headings = ?", "nul"),
        ("UPDATE chunks SET document = ?", 99),
    ],
)
def test_content_that_cannot_have_been_stored_is_refused(
    statement: str, value: object, store: Store, path: Path
) -> None:
    rows = put(store, Document("a", "Some text."), None, (0, 10))
    store.commit()
    store.close()
    database = sqlite3.connect(path)
    database.executescript("PRAGMA ignore_check_constraints=1; PRAGMA writable_schema=1;")
    database.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    database.commit()
    database.close()
    database = sqlite3.connect(path)
    database.execute(statement, (value,))
    database.commit()
    database.close()

    read = Store(path)
    with pytest.raises(IndexCorrupt) as caught:
        assert read.chunks(rows)[0].text == "Some text."
        read.masks("a")
    assert caught.value.remedy and "\n" not in str(caught.value)
    read.close()


def test_a_changed_text_is_a_problem_that_names_its_document(store: Store, path: Path) -> None:
    put(store, Document("sound", "Some text."))
    put(store, Document("changed", "Some text."))
    store.commit()
    store.close()
    database = sqlite3.connect(path)
    database.execute("UPDATE documents SET text = ? WHERE id = 'changed'", (b"Other text",))
    database.commit()
    database.close()

    read = Store(path)
    (problem,) = read.problems()
    assert "'changed'" in problem
    read.close()


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be taken for one" * 50])
def test_a_file_that_is_no_store_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="damaged"):
        Store(path).counts()
    with pytest.raises(IndexCorrupt):
        Store(path.parent / "nowhere")


def test_a_reader_keeps_its_file_after_it_was_removed(store: Store, path: Path) -> None:
    put(store, Document("a", "Some text."), None, (0, 10))
    store.commit()
    read = Store(path)
    path.unlink()

    assert read.document("a") == Document("a", "Some text.")
    read.close()


def test_a_document_whose_file_was_moved_keeps_its_passages_and_is_written_to_a_server_again(tmp_path: Path) -> None:
    made = []
    for name, place in (("old", "/x/a.txt"), ("new", "/y/a.txt"), ("same", "/x/a.txt")):
        with closing(Store(tmp_path / name, writable=True)) as one:
            for document_id in ("a.txt", "b.txt"):
                put(one, Document(document_id, "One text.", source_path=f"/x/{document_id}"), document_id, (0, 9))
            assert one.document("a.txt") is not None
            one.move("a.txt", "a.txt", place)
            moved = one.document("a.txt")
            assert moved is not None and moved.source_path == place
            made.append(one.rows_of("a.txt"))
            one.commit()

    assert made[0] == made[1]
    assert changes(tmp_path / "new", tmp_path / "old").documents == (["a.txt"], ["a.txt"])
    assert changes(tmp_path / "same", tmp_path / "old").documents == ([], [])
