"""Pairs of sentences with figures that agree, differ, or cannot be compared; rules were tuned on half of them.

`quantity_pairs.jsonl` holds pairs written by hand in four languages. `[[…]]` marks an answer within its sentence.
Each line of `different_quantities.txt` and `different_times.txt` holds other ways to write one value; values of two
lines are different.
"""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from rag.answering.relations.agreement import Relations, agreement_of, relation
from rag.answering.relations.statements import Statement, same_statement

PAIRS = [
    json.loads(line)
    for line in (Path(__file__).parent / "quantity_pairs.jsonl").read_text(encoding="utf-8").splitlines()
]


def marked(text: str) -> Statement:
    plain = text.replace("[[", "").replace("]]", "")
    return Statement(plain, text.index("[["), text.index("]]") - 2)


def whole(text: str) -> Statement:
    plain = text.replace("[[", "").replace("]]", "")
    return Statement(plain, 0, len(plain))


def relation_of(pair: dict[str, Any]) -> str:
    return relation(pair["question"], marked(pair["one"]), marked(pair["other"]))


def test_there_are_enough_pairs_of_each_language_and_half() -> None:
    languages = Counter(pair["language"] for pair in PAIRS)
    assert languages["en"] >= 400
    assert sum(languages[language] for language in ("de", "fr", "es")) >= 100
    assert set(languages) == {"en", "de", "fr", "es"}
    assert {pair["half"] for pair in PAIRS} == {"tune", "report"}


@pytest.mark.thorough
@pytest.mark.parametrize("form", [marked, whole])
def test_opposite_figures_never_agree_and_are_never_merged(form: Any) -> None:
    different = [pair for pair in PAIRS if pair["relation"] != "agree"]
    statements = [(pair["question"], form(pair["one"]), form(pair["other"])) for pair in different]
    assert not [pair for pair in statements if "agree" in (relation(*pair), relation(pair[0], pair[2], pair[1]))]
    assert not [pair for pair in statements if same_statement(*pair[1:]) or same_statement(*pair[:0:-1])]


@pytest.mark.parametrize("half", ["tune", "report"])
def test_the_relation_is_right_for_at_least_95_percent_of_each_half(half: str) -> None:
    pairs = [pair for pair in PAIRS if pair["half"] == half]
    right = sum(relation_of(pair) == pair["relation"] for pair in pairs)
    assert right / len(pairs) >= 0.95, f"{right} of {len(pairs)}"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "question", "sentence"),
    [
        ("different_quantities.txt", "How much is the Lund allowance?", "The Lund allowance is [[@]] here."),
        ("different_times.txt", "When does the Lund allowance start?", "The Lund allowance starts [[@]] here."),
    ],
)
def test_two_values_agree_only_if_they_are_written_in_one_line(name: str, question: str, sentence: str) -> None:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    values = [[marked(sentence.replace("@", value)) for value in line.split("; ")] for line in lines]
    for one, other in ((line[0], statement) for line in values for statement in line):
        assert relation(question, one, other) == "agree", (one.answer, other.answer)
    for one, other in combinations([line[-1] for line in values], 2):
        assert relation(question, one, other) != "agree", (one.answer, other.answer)
        assert not same_statement(one, other), (one.answer, other.answer)


def test_upper_bounds_of_two_years_for_one_thing_differ() -> None:
    old, new = (
        marked("In 2024 the grant for a bicycle was [[up to 140 euros]]."),
        marked("In 2025 the grant for a bicycle was [[up to 120 euros]]."),
    )
    assert relation("How much is the grant for a bicycle?", old, new) == "differ"


def test_two_sentences_of_one_document_differ_only_if_they_speak_of_one_thing() -> None:
    relations = Relations("How much is the grant for a bicycle?")
    bicycle = marked("The grant for a bicycle is [[140 euros]].")
    other_bicycle = marked("The grant for a bicycle is [[120 euros]].")
    trailer = marked("The grant for the trailer of a bicycle is [[120 euros]].")
    assert relations.between(bicycle, trailer) == "differ"  # the words alone cannot tell them apart
    assert agreement_of(relations, [bicycle, other_bicycle], ["a", "a"])["differ"]
    assert not agreement_of(relations, [bicycle, trailer], ["a", "a"])["differ"]
    assert agreement_of(relations, [bicycle, trailer], ["a", "b"])["differ"]
