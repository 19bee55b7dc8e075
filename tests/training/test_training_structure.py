"""Examples of structure: tables as records, generated tables, denied facts, and weights taken from a graph."""

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rag.embedding.onnx_graph import EncoderShape, reader_graph
from rag.reading.reader_model import GRAPH, SHIPPED_READER
from training.reader.denials import FACTS, FACTS_FOR_MEASURING, negated, negated_fact
from training.reader.examples import Example, in_records, narrowed
from training.reader.from_graph import weights_of
from training.reader.join import parts_of, write_mean
from training.reader.made_columns import COLUMNS, KINDS, KINDS_FOR_MEASURING
from training.reader.network import EPSILON, HEADS
from training.reader.sources import Asked, Passage, Source
from training.reader.structure import headed, looked_up, made_table, structured
from training.reader.tables import cell_at, table_of, written

PIPES = "Item | Price | Stock\nRope | 12.50 | 40\nLamp | 8.00 | 7\nBucket | 3.20 | 0"
YEARS = "Years ended June 30,\n2019 | 2018\nSales\nFixed price | $ 12 | $ 11\nOther | 4 | 5"
PROSE = Example(
    "Who built the harbour?", "Harbour", "The harbour was built by Ada Lund. Ships call there each week.",
    ((26, 34),), ((0, 35),), True,
)  # fmt: skip
SOURCE = Source("train/wikitables", "CC BY-SA 4.0", "span", 1.0, 1.0, 1.0)


def test_the_shipped_graph_gives_weights_that_give_the_same_graph(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(weights_of(SHIPPED_READER / GRAPH), tmp_path / "weights")
    again = onnx.load_from_string(reader_graph(tmp_path / "weights", EncoderShape(HEADS, EPSILON), "int8"))
    shipped = onnx.load(SHIPPED_READER / GRAPH)
    written_again, stored = (
        {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer} for graph in (again, shipped)
    )
    assert written_again.keys() == stored.keys()
    for name, values in stored.items():
        if values.dtype == np.int8:
            assert np.array_equal(values, written_again[name]), name
        else:
            assert np.allclose(values, written_again[name], atol=1e-6), name


def test_a_row_is_read_as_a_record() -> None:
    records = written(table_of(PIPES), [0, 2])
    assert records.text == "Item: Rope; Price: 12.50; Stock: 40. Item: Bucket; Price: 3.20; Stock: 0."
    assert {records.text[start:end] for start, end in records.cells.values()} == {
        "Rope", "12.50", "40", "Bucket", "3.20", "0"
    }  # fmt: skip


def test_a_header_with_a_cell_less_than_its_rows_heads_their_ends() -> None:
    records = written(table_of(YEARS), range(3))
    assert records.text == "Years ended June 30. Sales. Fixed price; 2019: $ 12; 2018: $ 11. Other; 2019: 4; 2018: 5."


@pytest.mark.parametrize("value", ["Rope", "8.00", "7", "3.20"])
def test_an_offset_leads_to_its_cell(value: str) -> None:
    cell = cell_at(PIPES, PIPES.index(value))
    assert cell is not None
    table = table_of(PIPES)
    assert table.rows[cell[0]][cell[1]] == value


def test_a_header_holds_no_cell_of_a_value() -> None:
    assert cell_at(PIPES, PIPES.index("Price")) is None


def test_a_question_about_a_table_keeps_its_whole_cell() -> None:
    start = PIPES.index("8.00")
    asked = Asked(
        "What does a lamp cost?", Passage("train/wikitables:1", "", PIPES), ((start, start + 4),), SOURCE, frozenset()
    )
    for seed in range(5):
        example = in_records(asked, random.Random(seed))
        assert example is not None
        assert [example.text[begin:end] for begin, end in example.golds] == ["8.00"]
        begin, end = example.rationale[0]
        assert example.text[begin:end].startswith("Item: Lamp; Price: 8.00; Stock: 7".removeprefix("Item: "))


def test_generated_tables_answer_with_the_value_of_the_row() -> None:
    chance = random.Random(1)
    answered = without = 0
    for _ in range(200):
        example = looked_up(made_table(chance, chance.choice(KINDS)), chance)
        assert example is not None
        if example.golds:
            start, end = example.golds[0]
            assert example.text[end] in ";.", example.text[start : end + 1]
            assert example.text[:start].endswith(": ")
            answered += 1
        else:
            assert not example.relevant
            without += 1
    assert 40 < without < answered


def test_examples_of_structure_are_drawn_again_from_the_same_seed() -> None:
    first, second = (structured(random.Random(3), 150, [PROSE], [PIPES]) for _ in range(2))
    assert first == second
    assert {"table", "fields", "option", "list", "heading", "negated"} <= {example.origin for example in first}
    for example in first:
        assert example.relevant == bool(example.golds)
        assert all(example.text[start:end].strip() for start, end in example.golds)


def test_what_measures_is_not_trained_on() -> None:
    assert not {kind.captions for kind in KINDS} & {kind.captions for kind in KINDS_FOR_MEASURING}
    assert not {form for form, _, _ in FACTS} & {form for form, _, _ in FACTS_FOR_MEASURING}
    assert {name for kind in (*KINDS, *KINDS_FOR_MEASURING) for name in kind.columns} == set(COLUMNS)


def test_a_denied_fact_is_no_answer_and_what_is_affirmed_is() -> None:
    chance = random.Random(2)
    examples = [negated_fact(chance) for _ in range(200)]
    for example in examples:
        if example.golds:
            start = example.golds[0][0]
            before = example.text[example.rationale[0][0] : start]
            assert " not " not in before or " but " in before, example.text
        else:
            assert not example.relevant
            assert not example.reasons
    assert 40 < sum(not example.golds for example in examples) < 160


def test_a_free_sentence_is_denied_by_one_word() -> None:
    denied = negated(PROSE)
    assert denied is not None
    assert denied.text.startswith("The harbour was not built by Ada Lund.")
    assert not denied.relevant
    assert negated(Example("Who?", "", "It is, as is said, Ada.", ((19, 22),), ((0, 23),), True)) is None


def test_a_sentence_that_answers_may_stand_above_as_heading() -> None:
    text = "Ships call there each week. The harbour was built by Ada Lund."
    example = headed(Example("Who built it?", "", text, ((53, 61),), ((28, 62),), True))
    assert example is not None
    assert example.text == "The harbour was built by Ada Lund. Ships call there each week."
    assert [example.text[start:end] for start, end in example.golds] == ["Ada Lund"]


def test_passages_without_an_answer_are_cut_around_what_is_asked() -> None:
    text = " ".join(f"Ship {number} carries grain from port {number}." for number in range(20))
    missed = Example("Who owns ship 12?", "", text, (), (), False)
    cuts = [narrowed(missed, random.Random(seed)).text for seed in range(10)]
    assert all("Ship 12 " in cut and cut in text for cut in cuts)
    assert max(map(len, cuts)) < len(text)


def test_the_mean_of_two_readers_lies_between_them(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    save_file({"weight": torch.tensor([1.0, 2.0])}, tmp_path / "first")
    save_file({"weight": torch.tensor([3.0, 6.0])}, tmp_path / "second")
    write_mean(tmp_path / "first", tmp_path / "second", 0.75, tmp_path / "mean")
    assert load_file(tmp_path / "mean")["weight"].tolist() == [2.5, 5.0]


def test_what_answers_in_prose_is_taught_apart_from_the_rest() -> None:
    table = Example("What is it?", "", "Item: Rope; Price: 12.", ((6, 10),), ((0, 22),), True, origin="table")
    missed = Example("Who owns it?", "", "Ships call there each week.", (), (), False)
    assert parts_of([PROSE, table, missed]) == ([PROSE], [table, missed])
