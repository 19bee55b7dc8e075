import dataclasses

import pytest

from rag.core.errors import InvalidInput
from rag.core.response import NoAnswer
from rag.core.types import Document, Layout, Mask, Span
from rag.server.page.html.source_view import LONGEST_WHOLE, Rest, rest_html, shown_by, source_html, window
from tests.responses import answer, answered, refused
from tests.server.page.pages import Reading


def read(document: Document, *ranges: tuple[int, int], masks: tuple[tuple[int, int, str], ...] = ()) -> Reading:
    """Return the source view of the first range; the others are other answers of the response."""
    answers = [answer(document, start, end, rank) for rank, (start, end) in enumerate(ranges, start=1)]
    covered = [Mask(Span(document.id, start, end), reason) for start, end, reason in masks]
    return Reading(source_html(document, covered, shown_by(answered(*answers), "answers/1/0")))


def test_the_mark_stands_at_the_place_cited_where_the_same_words_stand_twice() -> None:
    text = "The bell rang. It rained. The bell rang. Nobody came."
    found = read(Document("d", text), (26, 40))
    assert found.of_class("pc-here") == ["The bell rang."]
    before = found.text[: found.text.index("The bell rang. Nobody")]
    assert before.endswith("The bell rang. It rained. ")


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nb <b>&amp;\r\nc",
        "😀😀 x 😀 y",
        "e\u0301e\u0301 e\u0301",
        "\ufeffשלום \u202eabc",
        "a\rb\rc d",
        "{{x}} ${y} `z`",
    ],
)
def test_the_whole_document_is_shown_and_any_slice_is_marked_exactly(text: str) -> None:
    document = Document("d", text)
    for start in range(len(text)):
        found = read(document, (start, len(text)))
        assert found.of_class("pc-here") == [text[start:]]
        assert found.of_class("pc-text") == [text]


def test_other_answers_are_marked_lightly_beside_and_across_the_quotation() -> None:
    found = read(Document("d", "abcdefghij"), (2, 5), (5, 7), (4, 6), (8, 9))
    assert found.of_class("pc-here") == ["cde"]
    # The second and third overlap: what both hold is marked once, and never inside out.
    assert "".join(found.of_class("pc-other")) == "efgi"
    assert found.of_class("pc-text") == ["abcdefghij"]


def test_other_answers_of_other_documents_are_not_marked_here() -> None:
    document, other = Document("d", "abcdef"), Document("e", "abcdef")
    response = answered(answer(document, 0, 2), answer(other, 3, 5, rank=2))
    assert Reading(source_html(document, [], shown_by(response, "answers/1/0"))).of_class("pc-other") == []


def test_what_is_ignored_is_greyed_with_its_reason_even_across_the_quotation() -> None:
    text = "Newsfeed\nThe bell rang.\nSubscribe"
    found = read(Document("d", text), (9, 23), masks=((0, 8, "widget"), (18, 33, "subscribe")))
    assert found.of_class("pc-here") == ["The bell rang."]
    assert "".join(found.of_class("pc-ignored")) == "Newsfeed" + text[18:33]
    assert found.attribute("data-label")[:2] == ["ignored: widget", "ignored: subscribe"]
    assert any("subscription" in title for title in found.attribute("title"))


def test_a_run_of_one_reason_is_named_once() -> None:
    found = read(Document("d", "x\na\nb\nc"), (0, 1), masks=((2, 3, "widget"), (4, 5, "widget"), (6, 7, "comments")))
    assert found.attribute("data-label") == ["ignored: widget", "ignored: comments"]


def test_lines_are_numbered_as_citations_number_them() -> None:
    found = read(Document("d", "a\r\n\r\nb\nc"), (5, 6))
    assert found.attribute("data-line") == ["1", "2", "3", "4"]
    assert found.attribute("data-announce") == ["Source: d, line 3"]


@pytest.mark.thorough
def test_a_long_document_is_shown_in_a_window_that_begins_and_ends_with_a_line() -> None:
    text = "".join(f"line {number} of a very long report\n" for number in range(1, 40_001))
    document = Document("d", text)
    start = text.index("line 20000 ")
    found = read(document, (start, start + 10))
    (shown,) = found.of_class("pc-text")
    assert found.of_class("pc-here") == ["line 20000"]
    assert len(shown) < LONGEST_WHOLE + 200
    assert shown.startswith("line ") and shown.endswith("report\n")
    numbers = found.attribute("data-line")
    assert shown.startswith(f"line {numbers[0]} ")
    assert shown.splitlines()[-1].startswith(f"line {numbers[-1]} ")
    before, after = found.of_class("pc-left-out")
    left_out = [int(words.split()[0].replace(",", "")) for words in (before, after)]
    assert sum(left_out) + len(shown) == len(text)


def test_one_line_of_a_million_characters_is_cut_around_the_quotation() -> None:
    document = Document("d", "word " * 200_000)
    found = read(document, (500_000, 500_004))
    assert found.of_class("pc-here") == ["word"]
    assert len(found.of_class("pc-text")[0]) <= LONGEST_WHOLE
    assert found.attribute("data-line") == []


@pytest.mark.parametrize(("start", "end"), [(0, 3), (499_990, 500_000), (100_000, 400_000)])
def test_the_window_always_holds_the_quotation(start: int, end: int) -> None:
    text = "word\n" * 100_000
    low, high = window(text, Span("d", start, end))
    assert 0 <= low <= start and end <= high <= len(text)


def test_another_text_than_the_one_quoted_is_refused() -> None:
    document = Document("d", "The bell rang.")
    shown = shown_by(answered(answer(document, 4, 8)), "answers/1/0")
    for held in (None, dataclasses.replace(document, text="The bell sang.")):
        with pytest.raises(InvalidInput, match="has changed") as refusal:
            source_html(held, [], shown)
        assert refusal.value.remedy == "Ask the question again."


def test_an_address_names_answers_places_elsewhere_and_close_passages() -> None:
    document, other = Document("d", "abcdef"), Document("e", "xxabxx")
    one = answer(document, 0, 2, also_in=((other, 2, 4),))
    two = answer(document, 3, 5, rank=2)
    response = answered(one, two)
    assert shown_by(response, "answers/2/0").citation is two.citation
    assert shown_by(response, "answers/1/1").citation is one.also_in[0]
    assert shown_by(response, "answers/1/0").others == ((2, Span("d", 3, 5)),)
    close = shown_by(refused(NoAnswer("low_confidence", "No.", closest=(two,))), "closest/2/0")
    assert close.citation is two.citation and close.group == "closest"


@pytest.mark.parametrize(
    "address", ["", "answers", "answers/9/0", "answers/1/-1", "answers/1/7", "closest/1/0", "../1/0"]
)
def test_an_address_that_names_nothing_is_refused_in_words(address: str) -> None:
    with pytest.raises(InvalidInput):
        shown_by(answered(answer(Document("d", "abcdef"), 0, 2)), address)
    with pytest.raises(InvalidInput):
        shown_by(None, "answers/1/0")


def test_a_possible_answer_is_called_so_where_it_stands() -> None:
    document = Document("d", "abcdef")
    response = refused(NoAnswer("low_confidence", "No.", possible=(answer(document, 1, 3),)))
    found = Reading(source_html(document, [], shown_by(response, "possible/1/0")))
    assert found.texts("mark") == [] and found.of_class("pc-here") == ["bc"]
    assert found.of_class("pc-key-here") == ["a possible answer, unsure"]


def test_a_close_passage_is_not_marked_as_an_answer() -> None:
    document = Document("d", "abcdef")
    response = refused(NoAnswer("low_confidence", "No.", closest=(answer(document, 1, 3),)))
    found = Reading(source_html(document, [], shown_by(response, "closest/1/0")))
    assert found.texts("mark") == []
    assert found.of_class("pc-here") == ["bc"]


def test_pages_are_numbered_where_they_begin() -> None:
    text = "One.\nTwo.\nThree.\n"
    document = dataclasses.replace(Document("d", text), layout=Layout(pages=(0, 5, 10)))
    found = read(document, (10, 16))
    assert found.attribute("data-page") == ["1", "2", "3"]
    assert found.of_class("pc-text") == [text]
    assert "page 3" in found.attribute("data-announce")[0]


def test_a_link_to_the_original_is_offered_for_web_addresses_only() -> None:
    for uri, offered in (("https://a.example/b", 1), ("javascript:alert(1)", 0), ("file:///etc/passwd", 0)):
        assert len(read(Document("d", "Yes.", metadata={"uri": uri}), (0, 4)).texts("a")) == offered


def test_what_there_is_not_has_no_switch() -> None:
    plain = read(Document("d", "Yes."), (0, 4)).texts("button")
    assert "Hide ignored" not in plain and "Next (n)" not in plain
    full = read(Document("d", "Yes. No. Ad"), (0, 4), (5, 8), masks=((9, 11, "advertisement"),)).texts("button")
    assert "Hide ignored" in full and "Next (n)" in full


def test_the_sentence_around_the_quotation_and_the_headings_are_marked_and_listed() -> None:
    text = "# One\n\nIt rained on 3 May here.\n\n## Two\n\nNo.\n\n## <b>Three</b>\n\nEnd.\n"
    document = Document("d", text, format="markdown")
    start = text.index("3 May")
    one = answer(document, start, start + 5, context=(7, 31))
    shown = shown_by(answered(one), "answers/1/0")
    found = Reading(source_html(document, [], shown))
    assert found.of_class("pc-around") == ["It rained on 3 May here."]
    assert found.of_class("pc-head") == ["# One", "## Two", "## <b>Three</b>"]
    places = [str(text.index(line)) for line in ("# One", "## Two", "## <b>")]
    assert found.attribute("data-goto") == places and found.attribute("data-at") == places
    assert found.texts("summary") == ["Outline: 3 headings"]
    assert found.of_class("pc-text") == [text]


@pytest.mark.thorough
def test_a_long_document_is_shown_whole_part_by_part() -> None:
    text = "".join(f"line {number} of a very long report\n" for number in range(1, 40_001))
    document = Document("d", text)
    start = text.index("line 20000 ")
    shown = shown_by(answered(answer(document, start, start + 10)), "answers/1/0")
    low, high = window(text, shown.citation.span)
    whole, sides = text[low:high], {"before": (0, low), "after": (high, len(text))}
    while sides:
        for side, (left, right) in list(sides.items()):
            part, rest = (Reading(html) for html in rest_html(document, [], shown, Rest(side, left, right)))
            whole = part.text + whole if side == "before" else whole + part.text
            del sides[side]
            if rest.elements:
                sides[side] = int(rest.attribute("data-from")[0]), int(rest.attribute("data-to")[0])
    assert whole == text


@pytest.mark.thorough
def test_a_part_of_a_long_document_reaches_as_far_as_it_is_asked_to() -> None:
    document = Document("d", "word\n" * 200_000)
    shown = shown_by(answered(answer(document, 500_000, 500_004)), "answers/1/0")
    part, rest = rest_html(document, [], shown, Rest("after", 600_000, 1_000_000, target=890_000))
    assert len(Reading(part).text) >= 290_000 and "data-from" in rest
    for wrong in (Rest("beside", 0, 1), Rest("after", 5, 2), Rest("after", 0, 2_000_000), Rest("before", -1, 3)):
        with pytest.raises(InvalidInput):
            rest_html(document, [], shown, wrong)
