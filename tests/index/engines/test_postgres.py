"""What PostgreSQL alone can show: the cost of a write, tables that people read, and what is told of its faults."""

import random
from pathlib import Path
from typing import Any

import pytest

from rag.core.types import Document
from rag.index.index import Index
from tests.index.engines.postgres_server import PostgresServer

WORDS = "river valley snow field bee light stone cloud grain market council budget harbour train island paper".split()
FOOTER = "This newsletter is sent to all members of the society on the first Monday."


def article(number: int) -> Document:
    """Return a short article of its own words with a block that all articles share."""
    chance = random.Random(number)
    words = [f"{chance.choice(WORDS)}{chance.randrange(40)}" for _ in range(45)]
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

    for size in (66, 99):
        at, folder = postgres.address(f"cost_{size}"), tmp_path / f"index{size}"
        built = [Index.build(list(map(article, range(size))), place, embedder=remembering) for place in (at, folder)]
        new = [article(500), *copies(article(7))][: 1 + size // 99 * 2]
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
    assert built[0].duplicates() == [("007", "007 again")] and costs[0] == costs[1]
