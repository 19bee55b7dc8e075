"""The records refuse what cannot be, and slices are exact."""

import pytest

from rag.core.types import Chunk, Document, Span


def test_a_span_runs_forwards_from_inside_the_text() -> None:
    for start, end in ((-1, 2), (3, 2)):
        with pytest.raises(ValueError, match="0 <= start <= end"):
            Span("d", start, end)


def test_spans_of_different_documents_share_nothing() -> None:
    assert not Span("a", 0, 5).overlaps(Span("b", 0, 5))
    assert not Span("a", 0, 5).contains(Span("b", 1, 2))


@pytest.mark.parametrize(("other", "overlaps", "contains"), [
    ((0, 5), True, True), ((5, 7), False, False), ((4, 6), True, False), ((2, 2), False, True), ((1, 4), True, True),
])  # fmt: skip
def test_half_open_ranges(other: tuple[int, int], overlaps: bool, contains: bool) -> None:
    span = Span("a", 0, 5)
    assert (span.overlaps(Span("a", *other)), span.contains(Span("a", *other))) == (overlaps, contains)


def test_a_slice_counts_code_points() -> None:
    document = Document("d", "a😀é\r\nб")
    assert document.slice(Span("d", 1, 2)) == "😀"
    assert document.slice(Span("d", 3, 6)) == "\r\nб"


def test_a_slice_of_another_document_or_past_the_end_raises() -> None:
    document = Document("d", "abc")
    for span in (Span("e", 0, 1), Span("d", 0, 4)):
        with pytest.raises(ValueError, match="is not in document"):
            document.slice(span)


def test_text_that_no_encoding_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="lone surrogate at offset 1"):
        Document("d", "a\ud800")


def test_the_hash_is_of_the_text_in_utf8() -> None:
    # echo -n 'é' | sha256sum
    assert Document("d", "é").text_sha256 == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def test_a_chunk_locates_inner_ranges_in_its_document() -> None:
    chunk = Chunk(Span("d", 10, 15), "abcde")
    assert chunk.locate(1, 3) == Span("d", 11, 13)
    assert chunk.id == "d:10-15"
    with pytest.raises(ValueError, match="is not in chunk"):
        chunk.locate(1, 6)


def test_a_chunk_of_another_length_than_its_span_is_refused() -> None:
    with pytest.raises(ValueError, match="5 code points for a span of 4"):
        Chunk(Span("d", 0, 4), "abcde")


def test_blank_metadata_is_not_known() -> None:
    document = Document("d", "x", metadata={"author": " ", "publisher": None, "year": 2021})
    assert (document.known("author"), document.known("publisher"), document.known("year")) == (None, None, "2021")
