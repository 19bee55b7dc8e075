"""What became of saved citations when their documents were edited."""

import random
import time
from typing import Any

import pytest

from rag.answering.citation import cite
from rag.answering.recheck import recheck, worded_diff
from rag.core.errors import InvalidInput
from rag.core.types import Chunk, Document, Span

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


def cited(text: str, quote: str) -> dict[str, Any]:
    document, start = Document("d", text), text.index(quote)
    return cite(document, Chunk(Span("d", 0, len(text)), text), Span("d", start, start + len(quote)), 1).to_dict()


def test_the_place_now_and_the_words_that_changed_are_told() -> None:
    found = recheck(saved(SECOND), Document("d", "One line.\n\nAnother.\n\n" + TEXT.replace("40", "45")))
    assert found.to_dict() == {
        "status": "changed", "document_id": "d", "quote": QUOTE, "line_start": 7,
        "document_offset": {"start": 92, "end": 127}, "nearest": "It buys 45 percent of it from Baku.",
        "diff": "It buys [-40-] {+45+} percent of it from Baku.", "source_file": None,
    }  # fmt: skip


SHORT = "The wall fell in 1991 after a vote. Trade grew. The bank, founded in 1991, closed its doors last May."


def test_a_short_quotation_is_known_by_what_stands_beside_it() -> None:
    second = cited(SHORT, "1991, closed")
    second["selector"][0] |= {"exact": "1991", "suffix": SHORT[SHORT.rindex("1991") + 4 :][:32]}
    assert recheck(second, Document("d", SHORT)).status == "exact"
    moved = SHORT.replace(" Trade grew.", "")
    found = recheck(second, Document("d", moved))
    assert (found.status, found.span) == ("moved", Span("d", moved.rindex("1991"), moved.rindex("1991") + 4))
    # The other 1991 is not the one that was cited.
    assert recheck(second, Document("d", SHORT[: SHORT.index(" Trade")])).status == "gone"
    changed = recheck(second, Document("d", SHORT.replace("founded in 1991,", "founded in 1992,")))
    assert (changed.status, changed.nearest) == ("changed", "The bank, founded in 1992, closed its doors last May.")


def test_a_short_line_that_moved_alone_is_found_where_it_stands_once() -> None:
    text = "Wolves v Millwall\n\nYeading v Newcastle\n\nHull v Colchester"
    line = cited(text, "Yeading v Newcastle")
    moved = "Wolves v Millwall\n\nHull v Colchester\n\nMore games follow.\n\nYeading v Newcastle"
    assert recheck(line, Document("d", moved)).status == "moved"
    assert recheck(line, Document("d", "Wolves v Millwall\n\nThen Yeading v Newcastle was put off.")).status == "gone"


def test_words_of_a_long_sentence_that_changed_are_changed() -> None:
    text = (
        "One snag remains. Because all of these parts are small and none may get hot, a lot of"
        " work is going into making power supplies as small and as cool as can be, he said. It will take years."
    )
    part = cited(text, "work is going into making power supplies")
    found = recheck(part, Document("d", text.replace("making power", "making otherwise")))
    assert found.status == "changed" and found.nearest and found.nearest.startswith("Because all of these parts")
    assert recheck(part, Document("d", "One snag remains. It will take years.")).status == "gone"


def test_a_quotation_of_two_sentences_is_compared_with_two() -> None:
    quote = "The bridge was opened in 1931 by the king. It is made of steel and has two towers."
    text = f"A town lies there. {quote} Boats pass it."
    found = recheck(cited(text, quote), Document("d", text.replace("steel", "iron")))
    assert (found.status, found.nearest) == ("changed", quote.replace("steel", "iron"))


@pytest.mark.parametrize(("old", "new", "diff"), [
    ("a b c", "a c", "a [-b-] c"), ("a c", "a b c", "a {+b+} c"), ("a", "a", "a"), ("a", "b", "[-a-] {+b+}"),
])  # fmt: skip
def test_the_diff_is_of_words(old: str, new: str, diff: str) -> None:
    assert worded_diff(old, new) == diff


WORDS = [one + other for one in "oil gas wind rain iron bank king town wall gate ship road coal salt wool corn".split()
         for other in "man land ward ship house yard side way".split()]  # fmt: skip


def article(chance: random.Random) -> list[list[str]]:
    """Return three paragraphs of four sentences of ten words each."""
    return [[" ".join(chance.sample(WORDS, 10)).capitalize() + "." for _ in range(4)] for _ in range(3)]


def joined(paragraphs: list[list[str]]) -> str:
    return "\n\n".join(" ".join(sentences) for sentences in paragraphs if sentences)


@pytest.mark.parametrize("seed", range(20))
def test_every_sentence_of_an_edited_article_is_classified_as_it_was_edited(seed: int) -> None:
    chance = random.Random(seed)
    paragraphs = article(chance)
    text = joined(paragraphs)
    citations = {sentence: cited(text, sentence) for sentences in paragraphs for sentence in sentences}
    moved, changed = paragraphs[0][1], paragraphs[1][2]
    reworded = changed.replace(changed.split()[4], "nothing")
    edited = [
        [paragraphs[0][0], *paragraphs[0][2:]],
        [reworded if sentence == changed else sentence for sentence in paragraphs[1]],
        [moved],  # the third paragraph is deleted
    ]
    document = Document("d", joined(edited))
    for sentence, citation in citations.items():
        found = recheck(citation, document)
        if sentence == changed:
            assert (found.status, found.nearest) == ("changed", reworded)
        elif sentence in paragraphs[2]:
            assert found.status == "gone"
        else:
            assert found.status == ("exact" if sentence == paragraphs[0][0] else "moved")
            assert found.span is not None
            assert document.slice(found.span) == sentence


def test_a_deleted_sentence_and_a_removed_document_are_gone() -> None:
    assert recheck(saved(FIRST), Document("d", "Something else entirely stands here now.")).status == "gone"
    assert recheck(saved(FIRST), None).status == "gone"


def test_an_object_that_is_no_citation_names_the_remedy() -> None:
    with pytest.raises(InvalidInput, match="Give the JSON of a response"):
        recheck({"quote": "x"}, None)


@pytest.mark.thorough
def test_no_citation_takes_long_whatever_it_says() -> None:
    chance = random.Random(3)
    words = [f"w{number}" for number in range(300)]

    def sentences(count: int) -> str:
        return " ".join(" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(count))

    document, beside = Document("d", sentences(1_000)), "w" * 1_000_000
    for quote, prefix, suffix in ((sentences(200), "", ""), (sentences(30), "", ""), ("w1", beside, beside)):
        selector = [{"exact": quote, "prefix": prefix, "suffix": suffix}]
        began = time.process_time()
        found = recheck({"document_id": "d", "document_offset": {"start": 0}, "selector": selector}, document)
        assert found.status == "gone" and time.process_time() - began < 5
