"""Copies of a sentence, and sentences that one word keeps from being copies; agreement_pairs.jsonl has more."""

import pytest

from rag.answering.relations.statements import Statement, same_statement


def stated(text: str) -> Statement:
    start, plain = text.find("[["), text.replace("[[", "").replace("]]", "")
    return Statement(plain, 0, len(plain)) if start < 0 else Statement(plain, start, text.index("]]") - 2)


@pytest.mark.parametrize(("one", "other"), [
    ("The dam is 90 m high.", "The dam is 90 metres high"), ("It fell 5 %.", "It fell 5 percent, police said."),
    ("“It is over,” he said.", '"It is over," Mr Holm said on Friday.'), ("Yes.", "Yes."),
    ("The book holds 40 maps of the old town.", "The book, it holds 40 maps of the old town."),
])  # fmt: skip
def test_a_copy_may_differ_in_what_changes_nothing(one: str, other: str) -> None:
    assert same_statement(stated(one), stated(other))


@pytest.mark.parametrize(("one", "other"), [
    ("Sales rose 5 percent in May.", "Sales rose 6 percent in May."),
    ("Sales rose 5 percent in May.", "Sales fell 5 percent in May."),
    ("Armenia attacked Azerbaijan.", "Azerbaijan attacked Armenia."),
    ("The bank sold its shares to Norvik.", "The bank bought its shares from Norvik."),
    ("The mayor will resign on Monday after the vote.", "The mayor will not resign on Monday after the vote."),
    ("The drug cures the disease in most patients.", "The drug allegedly cures the disease in most patients."),
    ("The town of Lund has a long old wall.", "The town of Lund has a long old wall unless it fell."),
    ("He paid the whole fine in March of that year.", "He paid the whole fine in March of that year, 3,000 euros."),
])  # fmt: skip
def test_one_word_that_matters_makes_no_copy(one: str, other: str) -> None:
    assert not same_statement(stated(one), stated(other))


def test_a_span_is_the_same_only_in_the_same_sentence() -> None:
    one, copy = stated("Israel buys [[40 percent]] of its oil there."), stated("Israel buys [[40%]] of its oil there")
    assert same_statement(one, copy)
    assert not same_statement(one, stated("Baku supplies [[40 percent]] of the country's needs."))
    assert not same_statement(one, stated("[[Israel]] buys 40 percent of its oil there."))
