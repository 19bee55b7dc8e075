"""A link to a quotation finds it again after its document has changed, and tells moved, changed and gone apart."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rag import Assistant
from rag.core.errors import InvalidInput
from rag.core.types import Document, Span
from rag.evidence.citation_link import (
    MAX_LINKED_CHARACTERS,
    CitationLink,
    follow,
    link_of_query,
    link_to,
)
from rag.evidence.word_differences import word_differences
from tests.responses import answer

if TYPE_CHECKING:
    from rag.index.index import Index

ENERGY = "Israel buys 40 percent of its oil from Azerbaijan."


@pytest.fixture(scope="module")
def assistant(seeds_index: "Index") -> Assistant:
    return Assistant(seeds_index)


@pytest.fixture(scope="module")
def link(seeds_index: "Index") -> CitationLink:
    """Return the link to a sentence of a seed article, as it is."""
    (document,) = [
        document
        for summary in seeds_index.documents()
        if (document := seeds_index.document(summary.id)) is not None and ENERGY in document.text
    ]
    start = document.text.index(ENERGY)
    before, after = document.text[start - 32 : start], document.text[start + len(ENERGY) :][:32]
    return CitationLink(document.id, start, ENERGY, before, after, document.text_sha256[:16])


def test_a_quotation_that_stands_where_it_stood_is_exact(assistant: Assistant, link: CitationLink) -> None:
    followed = follow(assistant, link)
    assert (followed.fate.status, followed.now and followed.now.span.start) == ("exact", link.start)
    assert followed.to_dict()["now"]["selector"][0]["exact"] == ENERGY


def test_the_same_words_at_another_place_have_moved(assistant: Assistant, link: CitationLink) -> None:
    followed = follow(assistant, replace(link, start=0, sha256="0" * 16))
    assert (followed.fate.status, followed.now and followed.now.span.start) == ("moved", link.start)


def test_other_words_are_changed_and_the_differing_ones_are_marked_on_both_sides(
    assistant: Assistant, link: CitationLink
) -> None:
    quote = ENERGY.replace("40", "14")
    followed = follow(assistant, replace(link, quote=quote, sha256="0" * 16))
    assert followed.fate.status == "changed" and followed.now is not None
    assert [quote[start:end] for start, end in followed.removed] == ["14"]
    assert "40" in [followed.now.quote[start:end] for start, end in followed.added]


def test_a_quotation_whose_document_is_gone_is_found_in_a_copy_or_nowhere(
    assistant: Assistant, link: CitationLink
) -> None:
    followed = follow(assistant, replace(link, document="renamed.txt"))
    assert (followed.fate.status, followed.fate.document_id) == ("moved", link.document)
    lost = follow(
        assistant, replace(link, document="renamed.txt", quote="The ferry of Marrowick leaves at noon daily.")
    )
    assert (lost.fate.status, lost.now, lost.to_dict()["now"]) == ("gone", None, None)


@pytest.mark.parametrize("name", ["a b/c.txt", "ä?start=1&quote=2#f", "100%", "\u202e.txt"])
def test_a_link_is_read_back_from_its_address(name: str) -> None:
    link = CitationLink(name, 7, "It rained;\n& it “poured”.", " +%", "\t", "0a")
    assert link_of_query(link.query()) == link


def test_a_long_quotation_is_linked_by_its_first_words() -> None:
    document = Document("d", "word " * 1_000)
    link = link_to(answer(document, 0, 3_000).citation)
    assert link.quote == document.text[:MAX_LINKED_CHARACTERS]
    assert document.slice(Span("d", len(link.quote), len(link.quote) + len(link.suffix))) == link.suffix


@pytest.mark.parametrize(
    "query",
    ["", "document=a", "quote=x", "document=a&quote=x&start=-1", "document=a&quote=x&start=²", "&".join(["a=b"] * 50),
     "document=a&quote=" + "x" * 5_000],
)  # fmt: skip
def test_another_address_is_no_link(query: str) -> None:
    with pytest.raises(InvalidInput):
        link_of_query(query)


def test_words_that_differ_are_found_as_ranges() -> None:
    before, after = "It costs 40 euros a night.", "It may cost 45 euros a night, at most."
    removed, added = word_differences(before, after)
    assert [before[start:end] for start, end in removed] == ["costs 40"]
    assert [after[start:end] for start, end in added] == ["may cost 45", ", at most"]
    assert word_differences("the same", "the same") == ((), ())
