"""A citation is proven against its document, and one changed character is enough to refute it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.citation import cite, place, utf16_length, verify
from rag.core.errors import VerificationError
from rag.core.types import Chunk, Document, Span

TEXT = "First line.\r\nSecond 😀 line.\rThird line.\nFourth line."
DOCUMENT = Document("d.txt", TEXT, "Lines", metadata={"author": "A. Writer"})
CHUNK = Chunk(Span("d.txt", 0, len(TEXT)), TEXT, "Lines", ("Part one",))


@pytest.mark.thorough
@given(st.data())
def test_every_span_gives_its_slice(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(start + 1, len(TEXT)))
    found = cite(DOCUMENT, CHUNK, Span("d.txt", start, end), 1)
    assert found.quote == TEXT[start:end]
    assert (
        TEXT.encode("utf-16-le")[2 * found.place.utf16[0] : 2 * found.place.utf16[1]].decode("utf-16-le") == found.quote
    )
    assert TEXT[: found.span.start].endswith(found.prefix)
    assert TEXT[found.span.end :].startswith(found.suffix)


@pytest.mark.parametrize(("quote", "lines"), [
    ("First line.", (1, 1)), ("Second 😀 line.", (2, 2)), ("Third line.\nFourth", (3, 4)), ("line.\r\nSecond", (1, 2)),
])  # fmt: skip
def test_lines_count_from_one_over_all_line_ends(quote: str, lines: tuple[int, int]) -> None:
    start = TEXT.index(quote)
    found = place(DOCUMENT, Span("d.txt", start, start + len(quote)))
    assert (found.line_start, found.line_end) == lines


def test_utf16_counts_two_units_for_an_astral_character() -> None:
    assert [utf16_length(text) for text in ("", "a", "é", "😀", "a😀b")] == [0, 1, 1, 2, 4]


@pytest.mark.parametrize("at", [0, 13, 20, len(TEXT) - 1])
def test_one_changed_character_anywhere_in_the_document_refutes_the_citation(at: int) -> None:
    found = cite(DOCUMENT, CHUNK, Span("d.txt", 13, 27), 1)
    changed = Document("d.txt", TEXT[:at] + "X" + TEXT[at + 1 :], "Lines")
    with pytest.raises(VerificationError, match=r"d\.txt"):
        verify(found, changed)


def test_a_moved_span_or_another_document_refutes_the_citation() -> None:
    found = cite(DOCUMENT, CHUNK, Span("d.txt", 13, 27), 1)
    with pytest.raises(VerificationError):
        verify(replace(found, span=Span("d.txt", 14, 28)), DOCUMENT)
    with pytest.raises(VerificationError):
        verify(found, Document("other.txt", TEXT))


def test_an_empty_quote_is_no_citation() -> None:
    with pytest.raises(VerificationError):
        cite(DOCUMENT, CHUNK, Span("d.txt", 3, 3), 1)


def test_what_is_not_known_is_none() -> None:
    found = cite(DOCUMENT, CHUNK, Span("d.txt", 0, 5), 1).to_dict()
    assert (found["author"], found["publisher"], found["page_number"], found["url_fragment"]) == (
        "A. Writer",
        None,
        None,
        None,
    )
    assert found["headings"] == ["Part one"]
