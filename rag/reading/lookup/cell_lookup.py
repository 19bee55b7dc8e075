"""Looks a cell up as a person does: the question names a column, and the rest of its words stand in one row.

`What is the price of the rope?` names the column `Price`, and `rope` stands in another cell of the row. Such a match is
exact, so that it weighs more than the reader model, which takes a neighbouring row for one question of five.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from rag.reading.reading_copy import Cell
from rag.retrieval.question_types import GENERAL, QuestionTerms

LOOKUP_SCORE = -0.1
"""Least logarithm of the probability of a cell that is looked up."""
LOOKUP_DOUBT = -12.0
"""Greatest logarithm of the probability that a passage with such a cell does not answer."""
LOOKUP_RELEVANCE = 3.0
"""Least log-odds that such a passage answers."""
MIN_CELLS = 2
_VALUE_WORDS = frozenset("number amount value name total list table row column entry cost much many".split())
"""Words that say what kind of value is asked for, not whose value."""

Stems = Callable[[str], frozenset[str]]


def matching_cell(terms: QuestionTerms, stems: Stems, text: str, row: Sequence[Cell]) -> Cell | None:
    """Return the cell of a row whose column the question names if the row holds all its other words.

    Two such cells answer nothing: the question does not tell which of them it asks for.
    """
    if len(row) < MIN_CELLS:
        return None
    matches = [cell for cell in row if cell.column and _matches(terms, stems, text, row, cell)]
    return matches[0] if len(matches) == 1 else None


def _matches(terms: QuestionTerms, stems: Stems, text: str, row: Sequence[Cell], cell: Cell) -> bool:
    column = stems(cell.column)
    subject = [
        stem
        for word, stem in zip(terms.written, terms.stems, strict=True)
        if stem not in column and word.lower() not in _VALUE_WORDS | GENERAL
    ]
    if not subject or column.isdisjoint(terms.stems):
        return False
    others = set(
        chain.from_iterable(stems(f"{text[other.start : other.end]} {other.column}") for other in row if other != cell)
    )
    return others.issuperset(subject)
