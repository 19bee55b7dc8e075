from pathlib import Path

import pytest

from rag.core.errors import InvalidInput
from rag.core.types import Document
from rag.index import Index
from rag.index.location import folder_of, require_folder
from rag.index.milvus.address import address_of
from rag.index.postgres.address import postgres_address
from rag.index.repair import examine, repair


def test_an_address_is_read_as_text_and_as_a_path() -> None:
    text = "milvus://milvus.example/news?timeout=2.5&tls=1&db=papers&replicas=2&shards=4&groups=a,b&search=exact"
    for given in (text, Path(text)):
        found = address_of(given)
        assert folder_of(given) is None
        assert (found.uri, found.name) == ("https://milvus.example:19530", "news")
        assert found.shown == text.replace("/news", ":19530/news")
        assert (found.timeout, found.database, found.replicas, found.shards) == (2.5, "papers", 2, 4)
        assert (found.groups, found.search) == (("a", "b"), "exact")
    assert address_of("milvus:///tmp/some.db/news").uri == "/tmp/some.db"
    assert (folder_of("index/"), folder_of(Path("milvus"))) == (Path("index"), Path("milvus"))


@pytest.mark.parametrize("given", [
    "milvus://host:1", "milvus://host:1/", "milvus://host/a-b", "milvus://host/a/b", "milvus://host/news?colour=blue",
    "milvus://host/news?timeout=0", "milvus://host/news?replicas=1.5", "milvus://host/news?search=fast",
    "milvus://host/news?tls=yes",
])  # fmt: skip
def test_what_is_no_address_is_refused_with_what_one_is(given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        address_of(given)
    assert refused.value.remedy


def test_who_logs_in_is_not_said_by_an_address_and_never_shown() -> None:
    with pytest.raises(InvalidInput) as refused:
        address_of("milvus://ann:secret@host/news")
    assert "secret" not in str(refused.value)


def test_what_needs_a_folder_says_so() -> None:
    assert require_folder("index", "rag export") == Path("index")
    with pytest.raises(InvalidInput, match="rag export needs an index in a folder"):
        require_folder(Path("milvus://host/news"), "rag export")


@pytest.mark.parametrize("location", [
    "postgress://host/news", Path("mysql://host/news"), "http://host/index", "MILVUS://host/news", "s3:/bucket/x",
])  # fmt: skip
def test_an_address_of_an_unknown_kind_is_refused_and_no_folder_is_made(
    location: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (Index.open, lambda path: Index.build([Document("a", "One text.")], path), examine, repair):
        with pytest.raises(InvalidInput, match=r"is no kind of address.*postgresql:// or milvus://"):
            use(location)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("location", ["C:/news", "C:\\news", "a:b", "./http://x", "news/12:30"])
def test_a_folder_with_a_colon_in_its_name_is_a_folder(location: str) -> None:
    assert folder_of(location) == Path(location)


@pytest.mark.parametrize(("text", "connection", "schema", "timeout"), [
    ("postgresql://ann@db.example:6432/news", "postgresql://ann@db.example:6432/news", "pincite", 10.0),
    ("postgres://db/news?schema=uk&timeout=2.5&sslmode=require", "postgresql://db/news?sslmode=require", "uk", 2.5),
    ("postgresql:///news", "postgresql:///news", "pincite", 10.0),
    ("postgresql://a,b:5433/news", "postgresql://a,b:5433/news", "pincite", 10.0),
    ("postgresql:///?service=desk", "postgresql:///?service=desk", "pincite", 10.0),
    ("postgresql://ann@/news?host=/run/pg", "postgresql://ann@/news?host=%2Frun%2Fpg", "pincite", 10.0),
])  # fmt: skip
def test_the_address_of_a_database_is_read_as_text_and_as_a_path(
    text: str, connection: str, schema: str, timeout: float
) -> None:
    for location in (text, Path(text)):
        address = postgres_address(location)
        assert folder_of(location) is None
        assert (address.connection, address.schema, address.timeout) == (connection, schema, timeout)
        assert postgres_address(Path(address.shown)) == address
    assert postgres_address("postgresql://a,b/news").has_several_hosts


@pytest.mark.parametrize("location", [
    "postgresql://host", "postgresql://host/a/b", "postgresql://host/news?schema=News", "postgresql://h/n?schema=a;b",
    "postgresql://host/news?timeout=0", "postgresql://host/news?timeout=soon", "postgresql://host/news?schema=pg_x",
])  # fmt: skip
def test_what_is_no_address_of_a_database_is_refused_with_what_one_is(location: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        postgres_address(location)
    assert refused.value.remedy


@pytest.mark.parametrize("location", [
    "postgresql://ann:secret@host/news", Path("postgresql://ann:secret@host/news"), "postgresql://h/n?password=secret",
])  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_shown(location: str | Path) -> None:
    with pytest.raises(InvalidInput, match="PGPASSWORD") as refused:
        postgres_address(location)
    assert "secret" not in str(refused.value)
