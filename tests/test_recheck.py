"""What became of saved citations when their documents were edited."""

from typing import Any

import pytest

from rag.citation import cite
from rag.errors import InvalidInput
from rag.recheck import recheck
from rag.types import Chunk, Document, Span

QUOTE = "It buys 40 percent of it from Baku."
TEXT = f"Israel buys oil. {QUOTE} Iran sells none.\n\n{QUOTE} So they say."


def saved(start: int) -> dict[str, Any]:
    document = Document("d", TEXT)
    return cite(document, Chunk(Span("d", 0, len(TEXT)), TEXT), Span("d", start, start + len(QUOTE)), 1).to_dict()


FIRST, SECOND = TEXT.index(QUOTE), TEXT.rindex(QUOTE)


def test_an_unchanged_document_is_exact_also_for_the_second_of_two_equal_quotes() -> None:
    for start in (FIRST, SECOND):
        found = recheck(saved(start), Document("d", TEXT))
        assert (found.status, found.span) == ("exact", Span("d", start, start + len(QUOTE)))


@pytest.mark.parametrize("start", [FIRST, SECOND])
def test_a_moved_quote_is_found_by_its_surroundings(start: int) -> None:
    found = recheck(saved(start), Document("d", "A new first sentence. " + TEXT))
    assert (found.status, found.span) == ("moved", Span("d", start + 22, start + 22 + len(QUOTE)))


def test_a_changed_number_is_a_change_never_a_match() -> None:
    edited = TEXT.replace("40", "45")
    found = recheck(saved(FIRST), Document("d", edited))
    assert found.status == "changed"
    assert found.nearest == "It buys 45 percent of it from Baku."
    assert found.span is not None
    assert edited[found.span.start : found.span.end] == found.nearest


def test_a_deleted_sentence_and_a_removed_document_are_gone() -> None:
    assert recheck(saved(FIRST), Document("d", "Something else entirely stands here now.")).status == "gone"
    assert recheck(saved(FIRST), None).status == "gone"


def test_an_object_that_is_no_citation_names_the_remedy() -> None:
    with pytest.raises(InvalidInput, match="Give the JSON of a response"):
        recheck({"quote": "x"}, None)
