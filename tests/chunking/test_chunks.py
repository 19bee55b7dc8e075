"""Laws of chunks on nasty texts, and examples of good cuts."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.chunking.boilerplate import masks as find_masks
from rag.chunking.chunks import MAX_PREFIX_CHARACTERS, _cut, _Section, chunk, embedding_text, heading_text
from rag.chunking.sentences import blocks as find_blocks
from rag.core.types import Chunk, Document, Mask, Span
from tests import ROOT
from tests.exploring import examples

PARTS = [
    *"abcdefgh XYZ.?!,;:-#*|>`\n\r\t\u2028\x0c\x00\u00a0éاب世界😀",
    "e\u0301",
    "\u200f",
    "\r\n",
    "\n\n",
    " word",
    "Name ",
]
NASTY = st.lists(st.sampled_from(PARTS), max_size=400).map("".join)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) + 2 for text in texts]


def chunked(document: Document, size: int = 200, max_tokens: int = 10_000) -> tuple[list[Chunk], list[Mask]]:
    found = find_blocks(document)
    masked = find_masks(document, found)
    return chunk(document, found, masked, size, max_tokens, words), masked


def assert_laws(document: Document, chunks: Sequence[Chunk], masked: Sequence[Mask]) -> None:
    covered = bytearray(len(document.text))
    for made in chunks:
        assert made.text == document.slice(made.span)
        assert made.text.strip()
        assert not any(mask.span.overlaps(made.span) for mask in masked)
        assert not any(covered[made.span.start : made.span.end]), "chunks overlap"
        covered[made.span.start : made.span.end] = b"\1" * len(made.span)
        assert list(made.sentences) == sorted(made.sentences)
        for start, end in made.sentences:
            assert 0 <= start < end <= len(made.text)
            assert made.text[start:end].strip() == made.text[start:end]
    assert [made.span.start for made in chunks] == sorted(made.span.start for made in chunks)
    for mask in masked:
        covered[mask.span.start : mask.span.end] = b"\1" * len(mask.span)
    bare = [place for place, character in enumerate(document.text) if not covered[place] and not character.isspace()]
    assert not bare, f"not covered: {document.text[bare[0] : bare[0] + 20]!r}"


@pytest.mark.thorough
@settings(max_examples=examples(300))
@given(NASTY, st.integers(20, 300), st.sampled_from(["text", "markdown"]))
@example("aaaaaaaaaaaaaaé word", 20, "text")
def test_chunks_are_slices_that_cover_all_unmasked_text(text: str, size: int, kind: str) -> None:
    document = Document("d", text, format=kind)
    assert_laws(document, *chunked(document, size))


@settings(max_examples=examples(100))
@given(NASTY, st.integers(6, 40))
def test_every_chunk_fits_the_embedder(text: str, max_tokens: int) -> None:
    document = Document("d", text)
    chunks, masked = chunked(document, 300, max_tokens)
    assert_laws(document, chunks, masked)
    for made in chunks:
        assert len(made.text) == 1 or words([embedding_text(made)])[0] <= max_tokens


@pytest.mark.parametrize("name", ["000_73dfa9be11753c50.txt", "003_ef5e1746d28300d1.txt"])
def test_seed_articles(name: str) -> None:

    text = (ROOT / "seeds" / name).read_bytes().decode()
    document = Document(name, text, text.partition("\n")[0])
    assert_laws(document, *chunked(document, 900))


def test_cuts_fall_at_the_ends_of_sentences() -> None:
    text = " ".join(f"Sentence number {number} has exactly eight words here." for number in range(40))
    chunks, _ = chunked(Document("d", text), 300)
    assert len(chunks) > 4
    assert all(made.text.rstrip().endswith("here.") and len(made.text.rstrip()) <= 300 for made in chunks)


def test_a_section_never_runs_into_the_next_and_keeps_its_heading() -> None:
    text = "# Cities\n\nBaku lies on a sea.\n\n## Rivers\n\nThe Kura is long.\n\n## Lakes\n\nSevan is high.\n"
    chunks, _ = chunked(Document("d", text, "Atlas", "markdown"), 2_000)
    assert [made.headings for made in chunks] == [("Cities",), ("Cities", "Rivers"), ("Cities", "Lakes")]
    assert chunks[1].text.startswith("## Rivers")
    assert heading_text(chunks[1]) == "Atlas > Cities > Rivers"
    assert [chunks[1].text[start:end] for start, end in chunks[1].sentences] == ["The Kura is long."]


def test_a_heading_is_never_left_alone_before_its_long_paragraph() -> None:
    text = "Rivers\n\n" + " ".join(f"The river {number} flows past the town of its name." for number in range(60))
    chunks, _ = chunked(Document("d", text), 400)
    assert all(made.sentences for made in chunks)


def test_masked_text_parts_chunks() -> None:
    document = Document("d", "Real prose stands here.\n\nMASKED\n\nMore of it follows there.")
    found = find_blocks(document)
    chunks = chunk(document, found, [Mask(Span("d", 25, 31), "widget")], 900, 1_000, words)
    assert [made.text for made in chunks] == ["Real prose stands here.", "More of it follows there."]


def test_no_chunk_is_blank_where_white_space_is_longer_than_a_chunk() -> None:
    document = Document("d", "First sentence here.  " + " \u00a0" * 300 + "Second one there. " * 30, format="text")
    chunks, masked = chunked(document, 100)
    assert_laws(document, chunks, masked)
    assert all(not made.text[0].isspace() for made in chunks)


@pytest.mark.thorough
def test_one_line_of_a_megabyte_is_cut_in_near_linear_time() -> None:
    document = Document("d", "x" * 1_000_000)
    chunks, masked = chunked(document, 900)
    assert_laws(document, chunks, masked)
    assert max(len(made.text) for made in chunks) <= 900


class CountedSpans(list[Span]):
    """A list that counts how many of its spans are looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Span]:
        self.looks += len(self)
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        self.looks += len(part) if isinstance(index, slice) else 1
        return part


def test_a_paragraph_of_many_sentences_is_cut_without_looking_at_all_of_them_for_each_chunk() -> None:
    sentence, count = "It rained. ", 2_000
    document = Document("d", sentence * count)
    starts = range(0, len(document.text), len(sentence))
    spans = CountedSpans(Span("d", start, start + len(sentence) - 1) for start in starts)
    made = list(_cut(document, _Section(0, len(document.text), 0, (), spans), 200))
    assert len(made) > 100
    assert spans.looks < 6 * count


def test_the_prefix_that_is_embedded_is_short_and_never_part_of_the_text() -> None:
    made = Chunk(Span("d", 0, 4), "Body", "T" * 500, ("H",))
    assert len(heading_text(made)) == MAX_PREFIX_CHARACTERS
    assert embedding_text(made).endswith("\nBody")
    assert made.text == "Body"
