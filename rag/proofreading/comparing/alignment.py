"""Fits the words of a quotation into the words of a source, with the fewest changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rag.proofreading.comparing.words import GAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANGE_COST = 100
"""Cost of a changed word; a word in a gap costs 1, so that of equal fits the shorter one wins."""
Step = Literal["same", "replaced", "removed", "added", "gap"]

DIFFERING: tuple[Step, ...] = ("replaced", "removed", "added")


@dataclass(frozen=True)
class Alignment:
    """The best fit of a quotation in a source: words `start:end` of the source, `changed` words.

    `steps` pairs the words from first to last as (step, index in the quotation, index in the source); an index of a
    word that only one side has is None.
    """

    start: int
    end: int
    changed: int
    steps: tuple[tuple[Step, int | None, int | None], ...]

    def differences(self) -> list[tuple[range, range]]:
        """Return the runs of words that differ, as ranges of words of the quotation and of the source."""
        runs: list[tuple[range, range]] = []
        quoted, source, open_run = 0, self.start, False
        for step, i, j in self.steps:
            if step in DIFFERING:
                if not open_run:
                    runs.append((range(quoted, quoted), range(source, source)))
                mine, theirs = runs[-1]
                runs[-1] = (
                    range(mine.start, mine.stop + (i is not None)),
                    range(theirs.start, theirs.stop + (j is not None)),
                )
            open_run = step in DIFFERING
            quoted, source = (quoted if i is None else i + 1), (source if j is None else j + 1)
        return runs

    def gaps(self) -> list[range]:
        """Return the runs of source words that stand in the gaps of the quotation."""
        runs: list[range] = []
        previous = None
        for step, _, j in self.steps:
            if step == "gap" and j is not None:
                if runs and previous == "gap" and runs[-1].stop == j:
                    runs[-1] = range(runs[-1].start, j + 1)
                else:
                    runs.append(range(j, j + 1))
            previous = step
        return runs


def fit_quotation(quoted: Sequence[str], source: Sequence[str]) -> Alignment:
    """Return the fit with the fewest changed words; of equals the first.

    Time and memory grow with the product of the two lengths. A gap fits any number of source words.

    >>> fit_quotation(["it", "fell", "5"], ["so", "it", "fell", "by", "6"]).changed
    2
    """
    costs = _costs(quoted, source)
    end = _best_end(costs[-1])
    steps = _steps(costs, quoted, source, end)
    start = next((j for _, _, j in steps if j is not None), end)
    return Alignment(start, end, sum(step in DIFFERING for step, _, _ in steps), tuple(steps))


def _best_end(costs: "NDArray[np.int32]") -> int:
    """Return the first end of the lowest cost; if the words after it cost no more, they replace words: take them in."""
    end = int(np.argmin(costs))
    while end + 1 < len(costs) and costs[end + 1] == costs[end]:
        end += 1
    return end


def _costs(quoted: Sequence[str], source: Sequence[str]) -> "NDArray[np.int32]":
    """Return the fewest changes of each beginning of the quotation that ends at each source word (Sellers, 1980)."""
    numbers = {form: number for number, form in enumerate(dict.fromkeys((*quoted, *source)))}
    mine, theirs = ([numbers[form] for form in forms] for forms in (quoted, source))
    places = np.arange(len(source) + 1, dtype=np.int32)
    costs = np.zeros((len(quoted) + 1, len(source) + 1), dtype=np.int32)
    sources = np.array(theirs, dtype=np.int32)
    for i, (number, form) in enumerate(zip(mine, quoted, strict=True), start=1):
        before = costs[i - 1]
        if form == GAP:
            costs[i] = np.minimum.accumulate(before - places) + places
            continue
        row = before + CHANGE_COST
        row[1:] = np.minimum(row[1:], before[:-1] + CHANGE_COST * (sources != number))
        costs[i] = np.minimum.accumulate(row - CHANGE_COST * places) + CHANGE_COST * places
    return costs


def _steps(
    costs: "NDArray[np.int32]", quoted: Sequence[str], source: Sequence[str], end: int
) -> list[tuple[Step, int | None, int | None]]:
    """Return the steps of the fit that ends before source word `end`, first word first."""
    steps: list[tuple[Step, int | None, int | None]] = []
    i, j = len(quoted), end
    while i > 0:
        step = _step(costs, quoted, source, i, j)
        if step in ("same", "replaced"):
            i, j = i - 1, j - 1
            steps.append((step, i, j))
        elif step == "added" or (step == "gap" and costs[i - 1, j] != costs[i, j]):
            j -= 1
            steps.append((step, None, j))
        else:
            i -= 1
            steps.append((step, i, None))
    return steps[::-1]


def _step(costs: "NDArray[np.int32]", quoted: Sequence[str], source: Sequence[str], i: int, j: int) -> Step:
    here = costs[i, j]
    if quoted[i - 1] == GAP:
        return "gap"
    if j and quoted[i - 1] == source[j - 1] and costs[i - 1, j - 1] == here:
        return "same"
    if j and costs[i, j - 1] + CHANGE_COST == here:
        return "added"  # before `replaced`: of two fits with as many changes it has more words in common
    return "replaced" if j and costs[i - 1, j - 1] + CHANGE_COST == here else "removed"
