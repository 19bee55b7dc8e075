"""The questions over the two seed articles: answered in the right place, refused where there is no answer."""

from pathlib import Path
from typing import Any

import pytest

from rag.answering.assistant import Assistant
from rag.core.response import Answer, Response
from rag.core.types import Span
from rag.index.index import Index
from tests.seed_questions import needs_questions, rows, texts

pytestmark = needs_questions


@pytest.fixture(scope="module")
def asked(seeds_index: Index) -> list[tuple[dict[str, Any], Response]]:
    assistant = Assistant(seeds_index)
    return list(zip(rows(), assistant.ask_many(texts()), strict=True))


def holds_gold(answer: Answer, row: dict[str, Any]) -> bool:
    span = answer.context_span
    return any(
        span.document_id == gold["doc"] and span.start <= gold["start"] and gold["end"] <= span.end
        for gold in row["answers"]
    )


def right_first(asked: list[tuple[dict[str, Any], Response]]) -> tuple[int, int]:
    """Return how many first answers have a gold span in their context, and how many share a character with one."""
    answerable = [(row, response.answers[:1]) for row, response in asked if row["answerable"]]
    assert len(answerable) == 20
    in_context = sum(any(holds_gold(answer, row) for answer in first) for row, first in answerable)
    golds = [[Span(gold["doc"], gold["start"], gold["end"]) for gold in row["answers"]] for row, _ in answerable]
    marked = sum(
        any(answer.citation.span.overlaps(gold) for answer in first for gold in spans)
        for (_, first), spans in zip(answerable, golds, strict=True)
    )
    return in_context, marked


def test_answerable_questions_are_answered_in_the_right_place(asked: list[tuple[dict[str, Any], Response]]) -> None:
    in_context, marked = right_first(asked)
    answerable = [(row, response) for row, response in asked if row["answerable"]]
    first_three = sum(any(holds_gold(answer, row) for answer in response.answers[:3]) for row, response in answerable)
    assert in_context >= 18 and first_three >= 18 and marked >= 18, (in_context, first_three, marked)


@pytest.mark.xfail(strict=True, reason="one to go: born for native, and Azerbaijan for whom its airbases are open to")
def test_nineteen_answerable_questions_are_answered(asked: list[tuple[dict[str, Any], Response]]) -> None:
    in_context, _ = right_first(asked)
    assert in_context >= 19, in_context


def test_every_unanswerable_question_is_refused(asked: list[tuple[dict[str, Any], Response]]) -> None:
    refused = [row["id"] for row, response in asked if not row["answerable"] and response.status == "no_answer"]
    assert len(refused) == 10, refused


def test_every_citation_is_exact_and_none_is_boilerplate(
    asked: list[tuple[dict[str, Any], Response]], seeds: Path, seeds_index: Index
) -> None:
    for _, response in asked:
        for answer in response.answers:
            span = answer.citation.span
            assert (seeds / span.document_id).read_bytes().decode()[span.start : span.end] == answer.answer
            assert not any(mask.span.overlaps(answer.context_span) for mask in seeds_index.masks(span.document_id))


def test_a_share_told_by_both_articles_stands_in_one_group(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask("What share of its oil does Israel buy from Azerbaijan?")
    assert "40 percent" in response.answers[0].answer
    group = next(ranks for ranks in response.agreement["groups"] if 1 in ranks)
    telling = [answer for answer in response.answers if answer.rank in group]
    cited = [citation for answer in telling for citation in (answer.citation, *answer.also_in)]
    assert {citation.span.document_id for citation in cited} == {
        "000_73dfa9be11753c50.txt", "003_ef5e1746d28300d1.txt",
    }  # fmt: skip
    assert all("40 percent" in answer.context for answer in telling)


def test_sums_that_differ_stand_side_by_side_with_their_sentences(seeds_index: Index) -> None:
    response = Assistant(seeds_index).ask("How much were the Israeli weapons worth?")
    groups, differ = response.agreement["groups"], response.agreement["differ"]
    assert differ
    ranks = {
        figure: answer.rank
        for answer in response.answers
        for figure in ("more than $5 billion", "$1.6 billion")
        if figure in answer.context
    }
    group = next(group for group in groups if ranks["more than $5 billion"] in group)
    assert ranks["$1.6 billion"] not in group
