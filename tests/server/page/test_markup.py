import html
import re

from hypothesis import example, given
from hypothesis import strategies as st

from rag.answering.citation import place
from rag.core.types import Document, Layout, Span
from rag.server.page.html.markup import LineNumbers, Mark, attributes, element, escaped, isolated, marked
from tests.server.page.pages import Reading

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("<>&\"'`{}$\r\n\0\u202e\u2066😀e\u0301א/="), st.characters(exclude_categories=["Cs"])
    ),
    max_size=60,
)
B = ("<b>", "</b>")


def shown(text: str) -> str:
    return text.replace("\0", "\ufffd")


@given(NASTY)
def test_escaped_text_reads_back_as_the_text_and_opens_no_tag(text: str) -> None:
    assert html.unescape(escaped(text)) == shown(text)
    assert not set(escaped(text)) & set("<>\"'\r\0")


@given(NASTY)
def test_attributes_hold_any_text(text: str) -> None:
    ((_, found, _),) = Reading(element("p", title=text, class_="note")).elements
    assert found == {"title": shown(text), "class": "note"}


def test_an_attribute_without_value_is_left_out() -> None:
    assert attributes(class_="note", data_line="3", title=None) == ' class="note" data-line="3"'


def test_isolated_text_is_its_own_bidi_element() -> None:
    assert isolated("\u202e<") == "<bdi>\u202e&lt;</bdi>"


@given(NASTY, st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4), max_size=3))
def test_marks_never_change_the_text(text: str, ranges: list[list[tuple[int, int]]]) -> None:
    layers = [[Mark(min(pair), max(pair), *B) for pair in sorted(layer)] for layer in ranges]
    assert Reading(marked(text, 0, len(text), layers, LineNumbers(text))).text == shown(text)


@given(NASTY, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_outer_mark_holds_exactly_its_slice_whatever_lies_across_it(
    text: str, start: int, end: int, low: int, high: int
) -> None:
    start, end, low, high = (min(len(text), place) for place in (*sorted((start, end)), *sorted((low, high))))
    made = marked(text, 0, len(text), [[Mark(start, end, "<mark>", "</mark>")], [Mark(low, high, *B)]])
    found = Reading(made)
    assert found.texts("mark") == ([shown(text[start:end])] if end > start else [])
    assert "".join(found.texts("b")) == shown(text[low:high])


def test_an_inner_mark_is_split_at_the_edge_of_the_outer_one() -> None:
    made = marked("abcdef", 0, 6, [[Mark(1, 3, "<mark>", "</mark>")], [Mark(2, 5, *B)]])
    assert made == "a<mark>b<b>c</b></mark><b>de</b>f"


def test_of_two_overlapping_marks_the_later_begins_where_the_earlier_ends() -> None:
    assert marked("abcdef", 0, 6, [[Mark(0, 3, *B), Mark(1, 5, *B)]]) == "<b>abc</b><b>de</b>f"


def test_a_mark_inside_another_of_its_layer_is_swallowed() -> None:
    assert marked("abcdef", 0, 6, [[Mark(0, 4, *B), Mark(1, 2, *B)]]) == "<b>abcd</b>ef"


def test_adjacent_marks_stay_two() -> None:
    assert marked("abcd", 0, 4, [[Mark(0, 2, *B), Mark(2, 4, *B)]]) == "<b>ab</b><b>cd</b>"


def test_marks_are_cut_at_the_window() -> None:
    assert marked("abcdef", 2, 4, [[Mark(0, 3, *B), Mark(5, 6, *B)]]) == "<b>c</b>d"


def test_offsets_count_code_points() -> None:
    assert marked("😀😀x😀", 0, 4, [[Mark(2, 3, *B)]]) == "😀😀<b>x</b>😀"


def test_every_kind_of_line_end_starts_a_numbered_line() -> None:
    made = marked("a\r\nb\rc\nd", 0, 8, [], LineNumbers("a\r\nb\rc\nd"))
    found = Reading(made)
    assert found.attribute("data-line") == ["1", "2", "3", "4"]
    assert found.text == "a\r\nb\rc\nd"
    # Browsers break a line at LF; at a lone CR only where they are told to.
    assert made.count("<br>") == 1
    assert "&#13;<br>" in made


def test_the_lines_of_a_web_page_have_the_numbers_of_its_file_as_in_citations() -> None:
    text = "Ferry\n\nIt sails\nat nine."
    document = Document("a.html", text, layout=Layout(lines=((0, 7), (7, 12), (16, 15))))
    made = marked(text, 0, len(text), [], LineNumbers(text, (), document.layout.lines))
    numbers = [int(number) for number in re.findall(r'data-line="(\d+)"', made)]
    assert numbers == [place(document, Span("a.html", start, start + 2)).line_start for start in (0, 7, 16)]
    assert numbers == [7, 12, 15] and Reading(made).text == text


def test_a_mark_that_ends_between_cr_and_lf_makes_no_line() -> None:
    made = marked("a\r\nb", 0, 4, [[Mark(0, 2, *B)]], LineNumbers("a\r\nb"))
    assert "<br>" not in made
    assert Reading(made).text == "a\r\nb"


@example("\r\n")
@given(NASTY)
def test_the_last_number_before_a_place_is_the_line_that_a_citation_names(text: str) -> None:
    document = Document("d", text)
    for start in range(len(text)):
        before = Reading(marked(text, 0, start + 1, [], LineNumbers(text)))
        assert int(before.attribute("data-line")[-1]) == place(document, Span("d", start, start + 1)).line_start
