import dataclasses
import time

import pytest

from rag.core.types import Document, Layout
from rag.server.page.html.answers.cards import response_html
from rag.server.page.html.line_breaks import flowing, layout_breaks
from tests.responses import answer, answered
from tests.server.page.pages import Reading

PRINT = "R forms the basis\nof\nthe S-Plus systems."
WRAPPED = "The committee met on Monday and has agreed on a plan for the\nMarrowick ferry, which leaves at noon."


def folded(text: str, is_page: bool) -> str:
    shown = text
    for start, end in reversed(list(layout_breaks(text, is_page))):
        shown = f"{shown[:start]}¶{shown[end:]}"
    return shown


@pytest.mark.parametrize(
    ("text", "is_page", "shown"),
    [
        (PRINT, False, "R forms the basis¶of¶the S-Plus systems."),
        ("the basis of the\nS-Plus systems", True, "the basis of the¶S-Plus systems"),
        ("the basis of the\nS-Plus systems", False, "the basis of the\nS-Plus systems"),
        (WRAPPED, False, WRAPPED.replace("\n", "¶")),
        ("one \r\n two", False, "one¶two"),
        ("Shall I compare thee\nThou art more lovely", False, "Shall I compare thee\nThou art more lovely"),
        ("It ends.\nIt begins", True, "It ends.\nIt begins"),
        ("one\n\ntwo\n \nthree", True, "one\n\ntwo\n \nthree"),
        ("Hotels\n- meals\n- trains", True, "Hotels\n- meals\n- trains"),
    ],
)
def test_only_breaks_inside_a_sentence_are_of_the_layout(text: str, is_page: bool, shown: str) -> None:
    assert folded(text, is_page) == shown


def test_a_folded_text_still_holds_every_character() -> None:
    for start in range(len(PRINT)):
        shown = Reading(flowing(PRINT, True, start))
        assert shown.text == PRINT[start:]
    assert Reading(flowing(PRINT, True)).of_class("pc-fold") == ["\n", "\n"]


def test_a_quotation_from_a_page_is_shown_without_its_line_breaks() -> None:
    document = Document("r.pdf", PRINT, layout=Layout(pages=(0,)))
    shown = dataclasses.replace(answer(document, 21, 34, context=(0, len(PRINT))), answer_type="span")
    reading = Reading(response_html(answered(shown)))
    assert reading.texts("blockquote") == [PRINT]
    assert reading.of_class("pc-fold") == ["\n", "\n"]


def test_a_passage_of_very_many_lines_takes_no_more_than_linear_time() -> None:
    def seconds(lines: int) -> float:
        started = time.process_time()
        assert len(list(layout_breaks("word\n" * lines, True))) == lines - 1
        return time.process_time() - started

    # Quadratic work would take 256 times as long as a sixteenth; it took minutes.
    assert seconds(80_000) < 64 * max(seconds(5_000), 0.05)
