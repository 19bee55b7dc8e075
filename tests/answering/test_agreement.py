"""Pairs of answers that agree, differ or have nothing to do with each other; rules were tuned on even lines alone.

`agreement_pairs.jsonl` holds pairs written by hand; `[[…]]` marks an answer within its sentence, `same` tells copies.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rag.answering.citation import cite
from rag.answering.relations.agreement import compare_answers, relation
from rag.answering.relations.statements import Statement, may_be_copy, same_statement
from rag.core.response import Answer
from rag.core.types import Chunk, Document, Span

PAIRS = [
    json.loads(line)
    for line in (Path(__file__).parent / "agreement_pairs.jsonl").read_text(encoding="utf-8").splitlines()
]
REPORTED = PAIRS[1::2]


def stated(text: str) -> Statement:
    start, plain = text.find("[["), text.replace("[[", "").replace("]]", "")
    return Statement(plain, 0, len(plain)) if start < 0 else Statement(plain, start, text.index("]]") - 2)


def found(pair: dict[str, Any]) -> str:
    return relation(pair["question"], stated(pair["one"]), stated(pair["other"]))


def test_there_are_pairs_of_every_kind_in_both_halves() -> None:
    assert len(PAIRS) >= 120
    for half in (PAIRS[::2], REPORTED):
        assert min(Counter(pair["relation"] for pair in half).values()) >= 20


def test_the_half_that_nothing_was_tuned_on_is_told_apart() -> None:
    right = sum(found(pair) == pair["relation"] for pair in REPORTED)
    # Nothing that differs may ever be taken for the same; the rest may be left untold now and then.
    assert not [pair for pair in REPORTED if pair["relation"] != "agree" and found(pair) == "agree"]
    assert right / len(REPORTED) >= 0.95, f"{right} of {len(REPORTED)}"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["question"])
def test_neither_order_nor_case_of_the_question_changes_the_relation(pair: dict[str, Any]) -> None:
    one, other = stated(pair["one"]), stated(pair["other"])
    assert relation(pair["question"], one, other) == relation(pair["question"], other, one)
    assert same_statement(one, other) == same_statement(other, one) == pair["same"]
    assert relation(pair["question"], one, one) == "agree"
    assert may_be_copy(one.sentence, other.sentence) or not pair["same"]


def answers(*texts: str) -> list[Answer]:
    made = []
    for rank, text in enumerate(texts, start=1):
        span = Span(f"d{rank}", 0, len(text))
        citation = cite(Document(span.document_id, text), Chunk(span, text), span, rank)
        made.append(Answer(rank, "sentence", 1.0, 0.5, text, span, citation))
    return made


def test_groups_hold_answers_that_all_agree_with_each_other() -> None:
    worth = answers(
        "The weapons were worth more than $5 billion.", "The weapons were worth $1.6 billion.",
        "The weapons were worth 1.6 billion dollars.", "The weapons arrived by sea.",
    )  # fmt: skip
    found = compare_answers("How much were the weapons worth?", worth)
    assert found == {"groups": [[1], [2, 3], [4]], "differ": True}
    assert compare_answers("How much were the weapons worth?", worth[1:3])["differ"] is False
    assert compare_answers("Why?", []) == {"groups": [], "differ": False}


def test_a_date_agrees_with_two_that_contradict_each_other_in_the_first_group_alone() -> None:
    dated = answers("The dam opened in March 2012.", "The dam opened in 2012.", "The dam opened in April 2012.")
    assert compare_answers("When did the dam open?", dated) == {"groups": [[1, 2], [3]], "differ": True}


@pytest.mark.parametrize(
    ("question", "one", "other", "relation_found"),
    [
        ("How much did the bridge cost?", "The bridge cost [[467 million euros]].", "Tickets cost [[14 euros]].",
         "unrelated"),
        ("What is the price of a casting?", "A casting has a price of [[40 euros]].", "The price of a seat is [[62]].",
         "unrelated"),
        ("What fee is paid for a permit?", "A permit fee of [[9 euros]] is paid.", "The sea fee paid is [[12]].",
         "unrelated"),
        ("How much did the bridge cost?", "The bridge cost [[467 million euros]].", "The bridge cost [[€500 million]].",
         "differ"),
        ("What is the fee?", "The fee is [[9 euros]].", "The fee is [[12 euros]].", "differ"),
    ],
)  # fmt: skip
def test_a_word_of_money_alone_is_no_shared_subject(question: str, one: str, other: str, relation_found: str) -> None:
    assert relation(question, stated(one), stated(other)) == relation_found
