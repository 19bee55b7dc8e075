"""Maps the private copy that the reader model reads to the stored text of a passage.

The copy puts a layout into words: a table row with the names of its columns, a heading with a full stop. Every stretch
of it is either a slice of the stored text or inserted. An answer is always a slice of the stored text, so inserted
words can be read, but never be part of an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rag.core.text.hyphenation import HYPHENATION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int32]

INSERTED = -1
"""Unit of a stretch that does not stand in the stored text."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the copy and its range in the stored text, which is empty if the stretch is inserted.

    `unit` numbers the stretches that belong together: an answer never reaches from one unit into another.
    """

    start: int
    end: int
    stored_start: int
    stored_end: int
    unit: int


class Cell(NamedTuple):
    """A stored range that answers whole or not at all, with the name of its column."""

    start: int
    end: int
    column: str = ""


@dataclass(frozen=True)
class ReadableUnit:
    """A stretch of the stored text that may answer by itself: a sentence, a row, a definition, a heading.

    `sentences` are the numbers of the passage's sentences in it, none for a heading; `context` is its text with the
    names of its columns, its term or its lead-in, if these stand elsewhere; `is_list` is true for a lead-in with its
    items; `term` is the stored range of the name that a description belongs to.
    """

    start: int
    end: int
    sentences: tuple[int, ...]
    context: str = ""
    is_list: bool = False
    term: tuple[int, int] | None = None


@dataclass(frozen=True)
class ReadingCopy:
    """The text that the reader model reads of a passage; an answer takes the whole of a cell of `cells`."""

    text: str
    pieces: tuple[Piece, ...]
    statements: tuple[ReadableUnit, ...]
    cells: tuple[Cell, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Tell whether the copy is the stored text itself."""
        return len(self.pieces) == 1 and self.pieces[0].stored_end == self.pieces[0].end and not self.pieces[0].start

    def stored(self, places: "Integers") -> "tuple[Integers, Integers]":
        """Return the stored ranges of ranges of the copy, int32 (n, 2), and their units, int32 (n,)."""
        starts = np.array([piece.start for piece in self.pieces], np.int32)
        stored = np.array([(piece.stored_start, piece.stored_end) for piece in self.pieces], np.int32).reshape(-1, 2)
        units = np.array([piece.unit for piece in self.pieces], np.int32)
        if not len(starts) or not len(places):
            return places.copy(), np.zeros(len(places), np.int32)

        def moved(offsets: "Integers", numbers: "Integers") -> "Integers":
            low, high = stored[numbers, 0], stored[numbers, 1]
            return np.asarray(np.clip(offsets - starts[numbers] + low, low, high), np.int32)

        def piece_of(offsets: "Integers") -> "Integers":
            return np.asarray(np.clip(np.searchsorted(starts, offsets, side="right") - 1, 0, len(starts) - 1), np.int32)

        numbers, last = piece_of(places[:, 0]), piece_of(places[:, 1] - 1)
        # A word that was parted at the end of a line begins in one piece of its unit and ends in the next one.
        last = np.where(units[last] == units[numbers], last, numbers).astype(np.int32)
        both = moved(places[:, 0], numbers), moved(places[:, 1], last)
        return np.stack(both, axis=1), units[numbers]

    def whole_cell(self, start: int, end: int) -> Cell | None:
        """Return the cell that holds a stored range, None if it lies in none."""
        return next((cell for cell in self.cells if cell.start <= start and end <= cell.end), None)

    def cells_in(self, start: int, end: int) -> list[Cell]:
        """Return the cells inside a stored range."""
        return [cell for cell in self.cells if start <= cell.start and cell.end <= end]

    def unit_bounds(self, start: int, end: int, low: int, high: int) -> tuple[int, int]:
        """Return the bounds `low:high` narrowed to the unit that holds a stored range."""
        own = next((p for p in self.pieces if p.unit != INSERTED and p.stored_start <= start < p.stored_end), None)
        if own is None:
            return low, high
        last = max(piece.stored_end for piece in self.pieces if piece.unit == own.unit)
        first = min(piece.stored_start for piece in self.pieces if piece.unit == own.unit)
        return (max(low, first), min(high, last)) if end <= last else (low, high)


class CopyBuilder:
    """Builds a copy from left to right."""

    def __init__(self, stored: str) -> None:
        """Begin with an empty copy of the stored text."""
        self.stored = stored
        self._texts: list[str] = []
        self._length = 0
        self._pieces: list[Piece] = []
        self._unit = 0
        self.cells: list[Cell] = []
        self.statements: list[ReadableUnit] = []

    def keep(self, start: int, end: int, is_cell: bool = False, column: str = "") -> None:
        """Add the stored range `start:end` as a unit of its own, its parted words joined; `column`: that of a cell."""
        if start < end:
            self._unit += 1
            position = start
            for match in HYPHENATION.finditer(self.stored, start, end):
                self._add(self.stored[position : match.start()], position, match.start(), self._unit)
                position = match.end()
            self._add(self.stored[position:end], position, end, self._unit)
            if is_cell:
                self.cells.append(Cell(start, end, column))

    def insert(self, text: str, at: int) -> None:
        """Add text that does not stand in the stored text; `at` is the stored offset it stands before or after."""
        if text:
            self._add(text, at, at, INSERTED)

    def finish(self) -> ReadingCopy:
        """Return the copy."""
        return ReadingCopy("".join(self._texts), tuple(self._pieces), tuple(self.statements), tuple(self.cells))

    def _add(self, text: str, start: int, end: int, unit: int) -> None:
        self._texts.append(text)
        self._pieces.append(Piece(self._length, self._length + len(text), start, end, unit))
        self._length += len(text)


def plain_copy(text: str, sentences: Sequence[tuple[int, int]]) -> ReadingCopy:
    """Return the stored text as its own copy; each sentence is a statement."""
    statements = tuple(ReadableUnit(start, end, (number,)) for number, (start, end) in enumerate(sentences))
    return ReadingCopy(text, (Piece(0, len(text), 0, len(text), 0),), statements)
