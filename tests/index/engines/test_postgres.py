"""What PostgreSQL alone can show: the cost of a write, tables that people read, and what is told of its faults."""

import contextlib
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.assistant import Assistant
from rag.cli.main import main
from rag.core.errors import IndexLocked, IndexNotFound, IndexUnreachable, IndexVersionMismatch, IndexWriteFailed
from rag.core.types import Document
from rag.index.index import Index
from rag.index.postgres.address import postgres_address
from rag.index.postgres.connection import database_at
from tests.counting import Counting
from tests.index.engines.postgres_server import PostgresServer

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
WORDS = "river valley snow field bee light stone cloud grain market council budget harbour train island paper".split()
FOOTER = "This newsletter is sent to all members of the society on the first Monday."


def article(number: int) -> Document:
    """Return a short article of its own words with a block that all articles share."""
    chance = random.Random(number)
    words = [f"{chance.choice(WORDS)}{chance.randrange(40)}" for _ in range(32)]
    return Document(f"{number:03d}", f"Article {number}. {' '.join(words)}.\n\n{FOOTER}")


def copies(document: Document) -> list[Document]:
    """Return an equal text and a similar one, under other ids."""
    return [
        Document(f"{document.id} again", document.text),
        Document(f"{document.id} like", document.text.replace("Article", "Story")),
    ]


def test_a_small_addition_reads_and_writes_no_more_in_a_larger_index(
    postgres: PostgresServer, remembering: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.index.postgres.documents import PostgresDocuments
    from rag.index.postgres.session import WriteSession

    monkeypatch.setattr("rag.index.postgres.new_documents.OWNERS_PER_QUERY", 16)
    costs, read, counted = [], WriteSession.rows, list[int]()
    facts = PostgresDocuments.facts

    def counting(session: WriteSession, query: str, values: Any = ()) -> list[Any]:
        rows = read(session, query, values)
        counted.append(len(rows))
        return rows

    def uncounted(documents: PostgresDocuments) -> Any:
        # The fingerprint of an index is the hash of all of its ids and hashes, in a folder and here.
        before = counted.copy()
        found = list(facts(documents))
        counted[:] = before
        return iter(found)

    for size in (52, 76):
        at, folder = postgres.address(f"cost_{size}"), tmp_path / f"index{size}"
        built = [Index.build(list(map(article, range(size))), place, embedder=remembering) for place in (at, folder)]
        new = [article(500), *copies(article(7))][: 1 + size // 76 * 2]
        with monkeypatch.context() as patched:
            patched.setattr(WriteSession, "rows", counting)
            patched.setattr(PostgresDocuments, "facts", uncounted)
            counted.clear()
            report = built[0].add(new[:1])
            costs.append((len(counted), sum(counted)))
        assert report == built[1].add(new[:1])
        assert built[0].add(new) == built[1].add(new)
        assert built[0].fingerprint == built[1].fingerprint
        assert [mask.reason for mask in built[0].masks("500")] == ["repeated"]
        assert built[0].near_duplicates() == built[1].near_duplicates()
    assert built[0].duplicates() == [("007", "007 again")]
    (queries, rows), (more_queries, more_rows) = costs
    assert more_queries == queries and more_rows <= rows + 8  # of 24 more documents


class Interrupting(Counting):
    """The real embedder, which calls something before it embeds the passages of a write."""

    def embed_with_parts(self, texts: Any, parts: Any) -> Any:
        self.call()
        return super().embed_with_parts(texts, parts)

    call: Any = staticmethod(lambda: None)


def interrupting(remembering: Any, call: Callable[[], object]) -> Interrupting:
    embedder = Interrupting(remembering)
    embedder.call = call
    return embedder


def ids(address: str, embedder: Any) -> list[str]:
    return [summary.id for summary in Index.open(address, embedder).documents()]


@contextlib.contextmanager
def patience(address: str, seconds: float) -> Iterator[None]:
    """Wait only so long for the server."""
    database = database_at(postgres_address(address))
    usual = database.address
    database.address = replace(usual, timeout=seconds)
    try:
        yield
    finally:
        database.address = usual


def connected_to(postgres: PostgresServer) -> Any:
    return psycopg.connect(f"postgresql://postgres@/postgres?host={postgres.folder}", autocommit=True)


def test_a_server_killed_in_mid_write_and_in_mid_ask_loses_nothing(
    postgres: PostgresServer, remembering: Any, embedder: "Embedder"
) -> None:
    at = postgres.address("killed")
    index = Index.build([Document("a", "Rivers carve valleys.")], at, embedder=remembering)
    assistant = Assistant(index)
    expected = assistant.ask("What do rivers carve?").to_dict()["answers"]
    writing = Index.open(at, interrupting(remembering, postgres.kill))
    with pytest.raises(IndexWriteFailed, match="still at its last commit"):
        writing.add([Document("b", "Snow is cold.")])
    with patience(at, 0.5), pytest.raises(IndexUnreachable, match="See that the server runs"):
        assistant.ask("What is carved by rivers?")
    postgres.start()

    assert assistant.ask("What do rivers carve?").to_dict()["answers"] == expected
    assert ids(at, remembering) == ["a"]
    assert index.add([Document("b", "Snow is cold.")]).added == ("b",)
    assert ids(at, remembering) == ["a", "b"] and index.store.problems() == []


def test_a_server_that_stands_still_is_reported_after_the_time_out(postgres: PostgresServer, remembering: Any) -> None:
    at = postgres.address("still")
    index = Index.build([Document("a", "Rivers carve valleys.")], at, embedder=remembering)
    with connected_to(postgres) as connection:
        backends = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        stopped = [pid for (pid,) in backends.fetchall()]
    postgres.signal(signal.SIGSTOP)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        with patience(at, 0.3), pytest.raises(IndexUnreachable):
            index.store.sources()
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        postgres.signal(signal.SIGCONT)
    assert index.store.sources() == {}


def test_a_write_whose_connection_is_cut_leaves_the_last_commit(postgres: PostgresServer, remembering: Any) -> None:
    at = postgres.address("cut")
    Index.build([Document("a", "Rivers carve valleys.")], at, embedder=remembering)
    other = Index.open(at, remembering)

    def write_too_then_cut() -> None:
        with pytest.raises(IndexLocked, match=f"being written by pincite, process {os.getpid()} on"):
            other.add([Document("c", "Bees dance.")])
        with connected_to(postgres) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

    with pytest.raises(IndexWriteFailed, match="still at its last commit"):
        Index.open(at, interrupting(remembering, write_too_then_cut)).add([Document("b", "Snow is cold.")])
    assert ids(at, remembering) == ["a"] and other.add([Document("c", "Bees dance.")]).added == ("c",)


def test_logins_and_limits_are_refused_with_the_remedy(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected_to(postgres) as connection:
        connection.execute("CREATE ROLE ann LOGIN PASSWORD 'right'; CREATE ROLE bob LOGIN CONNECTION LIMIT 0")
    monkeypatch.setenv("PGPASSWORD", "wrong")
    monkeypatch.setattr("rag.index.postgres.connection.RETRY_SECONDS", 100)  # it is not tried again
    host = f"host={postgres.folder}"
    for login, remedy in (
        (f"ann@/postgres?{host}", "PGPASSWORD"), (f"nobody@/postgres?{host}", "PGUSER"),
        (f"bob@/postgres?{host}", "limit of connections"), (f"postgres@/none?{host}", "createdb"),
        (f"postgres@/postgres?host={postgres.folder}/none", "See that the server runs"),
    ):  # fmt: skip
        with pytest.raises(IndexUnreachable, match=remedy):
            Index.open(f"postgresql://{login}")
    monkeypatch.setenv("PGPASSWORD", "right")
    with pytest.raises(IndexNotFound, match="rag index PATH --index postgresql://ann@"):
        Index.open(f"postgresql://ann@/postgres?{host}")
    with pytest.raises(IndexWriteFailed, match="GRANT CREATE ON DATABASE"):
        Index.build([], f"postgresql://ann@/postgres?{host}")


def test_tables_of_a_later_version_or_another_model_are_refused(postgres: PostgresServer, remembering: Any) -> None:
    at = postgres.address("later")
    Index.build([Document("a", "Rivers carve valleys.")], at, embedder=remembering)
    wider = Counting(remembering, "another model")
    wider.dimension = 768
    with pytest.raises(IndexVersionMismatch, match="384 figures, the model gives 768"):
        Index.build([], at, embedder=wider)
    with connected_to(postgres) as connection:
        connection.execute("INSERT INTO later.migrations VALUES (99, now())")
    with pytest.raises(IndexVersionMismatch, match="Update Pincite"):
        Index.open(at)


def test_the_tables_can_be_read_by_people(postgres: PostgresServer, remembering: Any) -> None:
    at = postgres.address("people")
    text = "Rivers carve valleys.\n\nSnow is \x00 cold."
    index = Index.build([Document("a", text, "Water", metadata={"author": "Ann"})], at, embedder=remembering)
    index.add([Document("a", text + " It melts.", "Water", metadata={"author": "Ann"})])
    with connected_to(postgres) as connection:
        connection.execute("SET search_path = people")
        query = "SELECT id, title, metadata ->> 'author', text FROM current_documents"
        assert connection.execute(query).fetchall() == [
            ("a", "Water", "Ann", text.replace("\x00", "\u2400") + " It melts.")
        ]
        passages = connection.execute("SELECT document, text FROM current_passages").fetchall()
        assert "".join(part for _, part in passages).startswith("Rivers carve valleys.")
        versions = connection.execute("SELECT number, documents FROM versions ORDER BY number").fetchall()
        assert versions == [(1, 1), (2, 1)]
    assert index.document("a") == Document("a", text + " It melts.", "Water", metadata={"author": "Ann"})


def test_who_may_only_read_asks_and_is_told_who_may_write(postgres: PostgresServer, remembering: Any) -> None:
    at = postgres.address("rights")
    Index.build([Document("a", "Rivers carve valleys.")], at, embedder=remembering)
    own = at.replace("postgres@", "reader@")
    with connected_to(postgres) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        with pytest.raises(IndexUnreachable, match="GRANT USAGE ON SCHEMA"):
            Index.open(own)
        connection.execute(
            "GRANT USAGE ON SCHEMA rights TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA rights TO reader"
        )
        index = Index.open(own, remembering)
        assert Assistant(index).search("valleys", 1)[0].citation.verified
        with pytest.raises(IndexWriteFailed, match="permission denied"):
            index.add([Document("b", "Snow is cold.")])
        connection.execute("DROP SCHEMA rights CASCADE")
    with pytest.raises(IndexNotFound, match="There is no index"):
        index.store.sources()


def test_removed_documents_are_purged_once_no_reader_can_need_them(
    postgres: PostgresServer, remembering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.postgres.writing.MIN_PURGE_SECONDS", 0)
    index = Index.build([Document("a", "Rivers carve valleys.")], postgres.address("purge"), embedder=remembering)
    index.add([Document("b", "Snow is cold.")])
    index.remove("a")
    index.add([Document("c", "Bees dance.")])
    index.add([Document("d", "Light is fast.")])
    with connected_to(postgres) as connection:
        connection.execute("SET search_path = purge")
        for table in ("passages", "vectors", "words", "sentence_vectors", "documents", "fingerprints"):
            ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
            assert (table, count) == (table, 3)
        assert connection.execute("SELECT text FROM documents WHERE id = 'a'").fetchall() == []
    assert len(index.documents()) == 3


def test_commands_work_on_an_address_or_say_what_to_do(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at, folder = postgres.address("commands"), tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("Rivers carve valleys over thousands of years.", encoding="utf-8")

    def shell(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["rag", *arguments, "--index", at])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code or 0) == status
        streams = capsys.readouterr()
        return streams.out + streams.err

    assert "There is no index at postgresql://" in shell("documents", "list", status=2)
    assert "1 added" in shell("index", str(folder)) and "1 unchanged" in shell("index", str(folder), "--sync")
    response = json.loads(shell("ask", "What do rivers carve?", "--json"))
    assert response["index"]["engine"]["name"] == "postgresql" and response["answers"][0]["citation"]["verified"]
    assert "all sound" in shell("check") and "a.txt" in shell("documents", "list")
    for needs_folder in (
        ("export", str(tmp_path / "x.zip")),
        ("calibrate", str(folder)),
        ("standing", "list"),
        ("token", "list"),
    ):
        assert "--from postgresql://" in shell(*needs_folder, status=2)
    assert "Removed a.txt" in shell("documents", "remove", "a.txt")
