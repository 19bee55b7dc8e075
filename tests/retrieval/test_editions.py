"""Editions of one document: told apart by date and version, the latest read first."""

import pytest

from rag.core.types import Chunk, Document, Hit, Span
from rag.retrieval.candidates import latest_first
from rag.retrieval.editions import Editions, edition, supersedes


def document(path: str, title: str | None = None, date: str | None = None) -> Document:
    return Document(path, "", title, metadata={} if date is None else {"published_at": date})


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (document("rules-2023.md"), document("rules-2024.md")),
        (document("2023/rules.md"), document("2024/rules.md")),
        (document("rules v1.9.pdf"), document("rules v1.10.pdf")),
        (document("fees_20240105.txt"), document("fees_20240201.txt")),
        (document("a.md", "Fees", "2021-03-01"), document("b.md", "Fees", "2021-04")),
        (document("a.md", "Constitution of 1990"), document("b.md", "Constitution of 2010")),
    ],
)
def test_the_later_edition_supersedes_the_earlier_and_not_the_other_way_round(older: Document, newer: Document) -> None:
    assert supersedes(edition(newer), edition(older))
    assert not supersedes(edition(older), edition(newer))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document("rules-2023.md"), document("fees-2024.md")),
        (document("rules.md"), document("rules-2024.md")),
        (document("rfc2026.txt"), document("rfc2027.txt")),
        (document("2024-01-05.md"), document("2024-01-06.md")),
        (document("rules-2024.md"), document("rules-2024-05.md")),
        (document("a.md", "Fees", "2021"), document("b.md", "Berths", "2022")),
    ],
)
def test_other_documents_and_unclear_dates_supersede_nothing(one: Document, other: Document) -> None:
    assert not supersedes(edition(one), edition(other))
    assert not supersedes(edition(other), edition(one))


def hits(texts: dict[str, str]) -> list[Hit]:
    chunks = [Chunk(Span(path, 0, len(text)), text) for path, text in texts.items()]
    return [Hit(row, chunk, -float(row), {}) for row, chunk in enumerate(chunks)]


TEXTS = {"fees-2023.txt": "The fee is 20 euros.", "fees-2024.txt": "The fee is 25 euros.", "z.txt": "It has a fee."}


@pytest.mark.parametrize(
    ("question", "order"),
    [
        ("How much is the fee?", ["fees-2024.txt", "z.txt", "fees-2023.txt"]),
        ("How much was the fee in 2023?", list(TEXTS)),
    ],
)
def test_passages_of_earlier_editions_come_last_unless_the_question_names_a_date(
    question: str, order: list[str]
) -> None:
    documents = {path: Document(path, text) for path, text in TEXTS.items()}
    found = latest_first(hits(TEXTS), Editions(documents.get, question))
    assert [hit.chunk.span.document_id for hit in found] == order


def test_an_earlier_edition_stays_where_the_later_one_says_something_else() -> None:
    texts = {**TEXTS, "fees-2024.txt": "Boats need two lights at night and a horn by day."}
    documents = {path: Document(path, text) for path, text in texts.items()}
    found = latest_first(hits(texts), Editions(documents.get, "How much is the fee?"))
    assert [hit.chunk.span.document_id for hit in found] == list(texts)
