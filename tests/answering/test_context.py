"""Whole sentences around a span, widening, and warnings that the source goes on with a but."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.answering.context import MAX_SENTENCE_CHARACTERS, SentenceRun, context_of, continues, whole_sentences, widened
from rag.chunking.blocks import blocks
from rag.chunking.chunks import chunk
from rag.chunking.sentences import sentences
from rag.core.types import Chunk, Document, Mask, Span


def cut(text: str, size: int = 10_000, masks: tuple[Mask, ...] = ()) -> tuple[Document, list[Chunk]]:
    document = Document("d", text)
    return document, chunk(document, blocks(document), masks, size, 10**9, lambda texts: [1] * len(texts))


def around(text: str, quote: str, size: int = 10_000, neighbours: int = 0) -> tuple[Document, SentenceRun, Span]:
    document, chunks = cut(text, size)
    start = text.index(quote)
    run = whole_sentences(document, chunks)
    return document, run, context_of(document, run.spans, Span("d", start, start + len(quote)), neighbours)


TEXT = "Oil is sold. Israel buys 40 percent of its oil there. But prices rise. They always do.\n\nGas is not sold."


def test_a_part_of_a_sentence_gets_its_whole_sentence() -> None:
    document, _, context = around(TEXT, "40 percent")
    assert document.slice(context) == "Israel buys 40 percent of its oil there."


def test_a_part_over_two_sentences_gets_both() -> None:
    document, _, context = around(TEXT, "oil there. But")
    assert document.slice(context) == "Israel buys 40 percent of its oil there. But prices rise."


def test_a_whole_sentence_gets_its_neighbours_within_the_paragraph() -> None:
    document, _, context = around(TEXT, "They always do.", neighbours=2)
    assert document.slice(context) == "Israel buys 40 percent of its oil there. But prices rise. They always do."


def test_a_sentence_cut_to_fit_two_passages_is_joined_again() -> None:
    long = "It starts here and goes on " + "and on " * 60 + "until it ends."
    text = f"Before it. {long} After it."
    document, chunks = cut(text, 200)
    assert len(chunks) > 2
    found = whole_sentences(document, chunks).spans
    assert [document.slice(span) for span in found] == ["Before it.", long, "After it."]
    assert document.slice(context_of(document, found, found[1], 0)) == long


def test_what_is_no_sentence_is_not_joined_for_ever() -> None:
    document, chunks = cut("word " * 5_000, 900)
    assert all(len(span) <= MAX_SENTENCE_CHARACTERS for span in whole_sentences(document, chunks).spans)


@example(["x" * 90 + " ", "x" * 90 + " "])
@example([*["Oil is sold. "] * 3, "x" * 90 + " ", "\n", "x" * 90 + " "])
@example(["Oil is sold. ", "x" * 90 + " ", "\n", "But not gas. "])
@given(
    st.lists(st.sampled_from(["Oil is sold. ", "But not gas. ", "x" * 90 + " ", "\n\n", "\n", "It is. "]), min_size=1)
)
def test_joined_sentences_are_those_of_the_document_for_any_size_of_passage(parts: list[str]) -> None:
    document, chunks = cut("".join(parts), 60)
    content = [block for block in blocks(document) if block.kind != "heading"]
    expected = [span for block in content for span in sentences(document, block)]
    trimmed = [
        (span.start, span.start + len(document.slice(span).rstrip()))
        for span in whole_sentences(document, chunks).spans
    ]
    assert trimmed == [(span.start, span.end) for span in expected]


@pytest.mark.parametrize(("following", "marker"), [
    ("But this may end.", "but"), ("However, this may end.", "however"), ("Yet it is not so.", "yet"),
    ("Unless it rains, it is sold.", "unless"), ("Except in May, it is sold.", "except"),
    ("Although it is cold, they go.", "although"), ("Oil, however, is not the only reason.", "however"),
    ("This applies only if the form is sent in time.", "only if"),
    ("The fee is paid back provided that it was cash.", "provided that"), ("Not that it helps.", "not"),
    ("On the other hand, it is cheap.", "on the other hand"), ("And yet it moves.", "and yet"),
    ("No refund is given where the room was used.", "no"),
    ("Nothing in this clause limits other rights.", "nothing in this"),
    ("This does not apply to groups.", "this does not apply"),
    ("These two rules don’t cover pets.", "these two rules don’t cover"),
    ("Damage by water is excluded.", "is excluded"), ("Pets are not covered.", "are not covered"),
    ("The charge shall not apply if it rains.", "shall not apply if"),
    ("Subject to clause 4, it is paid at once.", "subject to"),
    ("In no event is more paid.", "in no event"), ("All rooms are open, with the exception of the cellar.",
    "with the exception of"), ("4.2 But this may end.", "but"),
])  # fmt: skip
def test_a_contrast_or_a_condition_after_the_context_is_told(following: str, marker: str) -> None:
    document, found, context = around(f"The fee is small. {following} More of it.", "small")
    assert continues(document, found, context) == (marker, following)


@pytest.mark.parametrize("following", [
    "It rained but nobody cared.", "They went home.", "Butter is sold.", "The provided form is blue.",
    "Nothing was sold.", "Oil is sold.", "No arrests were made.", "No decision is expected this week.",
    "He did not apply for it.", "They will save that for later days.", "They were excluded in 1998.",
    "Permission is granted to copy this manual provided the copyright notice is kept.",
    "Nothing in the shop was sold.", "She applied to the school.", "The film includes a song.",
])  # fmt: skip
def test_what_goes_on_without_one_is_not(following: str) -> None:
    document, found, context = around(f"The fee is small. {following}", "small")
    assert continues(document, found, context) is None


def test_the_warning_looks_beyond_the_edge_of_a_passage() -> None:
    document, chunks = cut("The fee is small. However, children pay nothing. End.", 20)
    assert chunks[0].text == "The fee is small. "
    found = whole_sentences(document, chunks)
    assert continues(document, found, found.spans[0]) == ("however", "However, children pay nothing.")


def test_the_next_paragraph_counts_only_where_it_opens_with_the_contrast() -> None:
    for following, told in (
        ("But it ends.", True), ("It ends only if it rains.", False), ("Pets are not covered.", False),
        ("2.2 No fee is paid back where the form is late.", True), ("(b) Nothing in clause 2 limits it.", True),
    ):  # fmt: skip
        document, found, context = around(f"The fee is small.\n\n{following}", "small")
        assert (continues(document, found, context) is not None) == told


def test_the_rest_of_a_sentence_that_was_cut_is_searched_for_a_not() -> None:
    document, chunks = cut("The fee is paid back " + "to all of the people " * 150 + "but not to them. End.", 1_500)
    found = whole_sentences(document, chunks)
    cut_off = found.spans[0]
    assert not document.slice(cut_off).rstrip().endswith(".")
    warning = continues(document, found, cut_off)
    assert warning is not None
    assert warning[0] == "but"


def test_widening_takes_sentences_on_each_side_and_stops_at_the_ends() -> None:
    document, found, context = around(TEXT, "40 percent")
    assert document.slice(widened(document, found.spans, context, 1, 0)).startswith("Oil is sold. Israel")
    assert document.slice(widened(document, found.spans, context, 0, 1)).endswith("prices rise.")
    assert document.slice(widened(document, found.spans, context, 9, 9)) == TEXT
    assert widened(document, found.spans, context, 0, 0) == context


def test_widening_stops_at_what_is_masked() -> None:
    text = "Oil is sold.\n\nSubscribe now.\n\nGas is not sold. Wind is free."
    masked = Mask(Span("d", text.index("Sub"), text.index("now.") + 4), "subscribe")
    document, chunks = cut(text, masks=(masked,))
    found = whole_sentences(document, chunks)
    wide = widened(document, found.spans, found.spans[-1], 5, 5)
    assert document.slice(wide) == "Gas is not sold. Wind is free."
