"""Questions that training invents about passages."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from training.reader.examples import ASKED_BY_RULE, Maker
from training.reader.invented import invented, turned
from training.reader.sources import Passage, Source

SOURCE = Source("made", "CC0", "span", 1.0, 0.0, 0.0)
TEXT = (
    "Harbour House is a hotel in Lund. It was opened by Ada Berg on 3 May 1911, which the town remembers. In 1924, the"
    " owner sold 40 rooms for $2 million. Popular with sailors, the bar closed."
)
ASKED = {
    ("What is a hotel in Lund?", "Harbour House"),
    ("Where is Harbour House a hotel?", "Lund"),
    ("Who was Harbour House opened by on 3 May 1911?", "Ada Berg"),
    ("When was Harbour House opened by Ada Berg?", "3 May 1911"),
    ("When did the owner sell 40 rooms for $2 million?", "1924"),
    ("How many rooms did the owner sell for $2 million?", "40"),
    ("How much did the owner sell 40 rooms for?", "$2 million"),
}


def test_each_part_of_a_statement_can_be_asked_for() -> None:
    passage = Passage("made:1", "Harbour House", TEXT)
    found = {
        (asked.question, TEXT[slice(*asked.golds[0])])
        for seed in range(300)
        for asked in invented(passage, SOURCE, random.Random(seed))
    }
    assert found >= ASKED
    assert {answer for _, answer in found} == {answer for _, answer in ASKED}, "'Popular' is no name"
    assert all(answer not in question for question, answer in found)


@pytest.mark.parametrize(
    ("statement", "asked", "question"),
    [
        ("\0 wrote the book", "who", "Who wrote the book?"),
        ("the mill near the \0 burnt", "where", "The mill where burnt?"),
        ("The fleet, once lost, reached \0", "what", "The fleet, once lost, reached what?"),
        ("The carrier carried it to \0", "what", "What did the carrier carry it to?"),
    ],
)
def test_a_statement_is_turned_round(statement: str, asked: str, question: str) -> None:
    assert turned(statement, asked, random.Random(0)) == question


def test_a_pass_holds_them_where_they_are_asked_for(tmp_path: Path) -> None:
    source = replace(SOURCE, folder=ASKED_BY_RULE[0])
    (tmp_path / source.folder).mkdir()
    row = {"_id": "1", "title": "Harbour House", "text": TEXT}
    for name, content in (("corpus", json.dumps(row)), ("queries", ""), ("answers", "")):
        (tmp_path / source.folder / f"{name}.jsonl").write_text(content)
    without, with_them = (Maker(tmp_path, 1, sources=[source], by_rule=share).draw(0) for share in (0.0, 1.0))
    assert not without and {example.text[slice(*example.golds[0])] for example in with_them if example.golds}
