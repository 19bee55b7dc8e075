"""A cell is looked up if the question names its column and the rest of its words stand in one row."""

from pathlib import Path

import pytest

from rag import Assistant, Index

pytestmark = pytest.mark.model

ROWS = (("Item", "Price", "Stock"), ("Anchor", "219.00", "3"), ("Buoy", "35.90", "12"), ("Cleat", "22.00", "75"))
TABLES = {
    "bars.md": "\n".join(
        "| " + " | ".join(row) + " |" + ("\n|---|---|---|" if not i else "") for i, row in enumerate(ROWS)
    ),
    "tabs.tsv": "\n".join("\t".join(row) for row in ROWS),
    "columns.txt": "Price list\n\n" + "\n".join("".join(cell.ljust(18) for cell in row).rstrip() for row in ROWS),
}


def asked(name: str, folder: Path, question: str) -> list[str]:
    (folder / "docs").mkdir()
    (folder / "docs" / name).write_text(TABLES[name] + "\n", encoding="utf-8")
    Index.build(str(folder / "docs"), str(folder / "index"))
    return [answer.answer for answer in Assistant.open(str(folder / "index")).ask(question).answers[:1]]


@pytest.mark.parametrize("name", TABLES)
def test_a_cell_answers_by_its_column_and_its_row(name: str, tmp_path: Path) -> None:
    assert asked(name, tmp_path, "How many of the Buoy are in stock?") == ["12"]


def test_a_row_that_no_table_holds_is_not_looked_up(tmp_path: Path) -> None:
    assert asked("bars.md", tmp_path, "What is the price of the kayak?") == []
