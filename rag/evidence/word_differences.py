"""Finds the words in which two versions of a sentence differ, as ranges of both."""

import difflib
import re
from collections.abc import Sequence

Ranges = tuple[tuple[int, int], ...]
MAX_COMPARED_WORDS = 2_000
"""Words of each side that are compared; the time grows with the product."""
_WORD = re.compile(r"\w+(?:[.,'’-]\w+)*|[^\w\s]")


def word_differences(before: str, after: str) -> tuple[Ranges, Ranges]:
    """Return the ranges of `before` that `after` does not have, and those of `after` that are new.

    >>> word_differences("It costs 40 euros.", "It costs 45 euros today.")
    (((9, 11),), ((9, 11), (18, 23)))
    """
    old, new = ([match.span() for match in _WORD.finditer(text)][:MAX_COMPARED_WORDS] for text in (before, after))
    words = [before[start:end] for start, end in old], [after[start:end] for start, end in new]
    removed, added = [], []
    for verdict, low, high, first, last in difflib.SequenceMatcher(None, *words, False).get_opcodes():
        if verdict != "equal":
            removed += _joined(old[low:high])
            added += _joined(new[first:last])
    return tuple(removed), tuple(added)


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(spans[0][0], spans[-1][1])] if spans else []
