from collections.abc import Sequence

import pytest

from rag.answering.pipeline import Trace
from rag.core.response import IndexInfo, NoAnswer, Response
from rag.core.types import Chunk, Hit, Span
from rag.evaluation.datasets import Question
from rag.evaluation.observation import Quote, is_right, lost_at

TEXT = "0123456789" * 4
GOLD, OTHER = Chunk(Span("a", 0, 20), TEXT[:20]), Chunk(Span("b", 0, 20), TEXT[:20])
ASKED = Question("q", "?", golds=(Span("a", 12, 15),))
RIGHT = Quote(Span("a", 10, 20), TEXT[10:20], Span("a", 10, 20))
WRONG = Quote(Span("b", 10, 20), TEXT[10:20], Span("b", 0, 20))


def trace(lexical: Sequence[Chunk], dense: Sequence[Chunk], fused: Sequence[Chunk]) -> Trace:
    response = Response("r", "?", (), NoAnswer("low_confidence", ""), IndexInfo(1, "", 2, 2, ""))
    return Trace("?", hits(lexical), hits(dense), hits(fused), (), 0.0, response)


def hits(chunks: Sequence[Chunk]) -> tuple[Hit, ...]:
    return tuple(Hit(row, chunk, 0.0, {}) for row, chunk in enumerate(chunks))


@pytest.mark.parametrize(
    ("found", "extracted", "answered", "expected"),
    [
        (trace([OTHER], [OTHER], [OTHER]), [WRONG], True, "retrieval"),
        (trace([OTHER, GOLD], [OTHER], [OTHER, OTHER, GOLD]), [WRONG], True, "fusion"),
        (trace([OTHER], [GOLD], [OTHER, GOLD]), [WRONG, RIGHT], True, "reading"),
        (trace([OTHER], [GOLD], [OTHER, GOLD]), [], False, "reading"),
        (trace([GOLD], [GOLD], [GOLD]), [RIGHT], False, "threshold"),
        (trace([GOLD], [GOLD], [GOLD]), [RIGHT], True, None),
    ],
)
def test_a_question_is_lost_at_the_first_stage_that_drops_its_gold(
    found: Trace, extracted: list[Quote], answered: bool, expected: str | None
) -> None:
    assert lost_at(ASKED, found, 2, extracted, answered) == expected


def test_an_answer_to_a_near_miss_is_a_loss_and_a_refusal_is_none() -> None:
    impossible = Question("q", "?", impossible=True)
    found = trace([GOLD], [GOLD], [GOLD])
    assert lost_at(impossible, found, 2, [WRONG], True) == "not refused"
    assert lost_at(impossible, found, 2, [WRONG], False) is None


def test_an_answer_is_right_where_its_context_holds_a_gold_span_or_a_gold_excerpt_holds_it() -> None:
    narrow = Quote(Span("a", 10, 12), TEXT[10:12], Span("a", 10, 16))
    assert is_right(narrow, [Span("a", 13, 16)])
    assert not is_right(narrow, [Span("a", 13, 17)])
    assert is_right(narrow, [Span("a", 0, 40)])
    assert not is_right(narrow, [Span("b", 0, 40)])
    assert not is_right(narrow, [])
