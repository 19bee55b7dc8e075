from pathlib import Path

import pytest

from rag.core.errors import InvalidInput
from rag.index.milvus.address import address_of, is_address, require_folder


def test_an_address_is_read_as_text_and_as_a_path() -> None:
    text = "milvus://milvus.example/news?timeout=2.5&tls=1&db=papers&replicas=2&shards=4&groups=a,b&search=exact"
    for given in (text, Path(text)):
        found = address_of(given)
        assert is_address(given)
        assert (found.uri, found.name) == ("https://milvus.example:19530", "news")
        assert found.shown == text.replace("/news", ":19530/news")
        assert (found.timeout, found.database, found.replicas, found.shards) == (2.5, "papers", 2, 4)
        assert (found.groups, found.search) == (("a", "b"), "exact")
    assert address_of("milvus:///tmp/some.db/news").uri == "/tmp/some.db"
    assert not is_address("index/") and not is_address(Path("milvus"))


@pytest.mark.parametrize("given", [
    "milvus://host:1", "milvus://host:1/", "milvus://host/a-b", "milvus://host/a/b", "milvus://host/news?colour=blue",
    "milvus://host/news?timeout=0", "milvus://host/news?replicas=1.5", "milvus://host/news?search=fast",
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
    require_folder("index", "rag export")
    with pytest.raises(InvalidInput, match="rag export needs an index in a folder"):
        require_folder(Path("milvus://host/news"), "rag export")
