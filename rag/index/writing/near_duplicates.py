"""Finds documents that are nearly the same: MinHash sketches of three words in a row (datasketch), compared in pairs.

The likeness of two documents is the share of all their three-word runs that both have, estimated from 128 figures
(standard error 0.04 at 0.6). Words that a document's own rules mask do not count, nor do letter case and punctuation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rag.core.stopwords import UNSPACED

FIGURES, RUN, SCHEME = 128, 3, "affine32"
FEWEST_WORDS = 30
"""Shorter documents have no sketch: forms and headings are alike without being copies."""
LIKENESS = 0.6
"""From here on documents are near-duplicates: of 2,225 articles of the BBC 36 pairs, all of them versions of one."""
RUNS_AT_ONCE = 20_000
_WORD = re.compile(r"\w+")

Group = tuple[str, ...]


def sketch(text: str) -> bytes:
    """Return 128 little-endian uint32 figures of a text, nothing for one of fewer than 30 words."""
    words = _WORD.findall(UNSPACED.sub(r" \1 ", text).casefold())
    if len(words) < FEWEST_WORDS:
        return b""
    from datasketch import MinHash

    made = MinHash(FIGURES, seed=1, scheme=SCHEME, permutations=_permutations())
    runs = sorted({" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1)})
    for start in range(0, len(runs), RUNS_AT_ONCE):
        made.update_batch([run.encode() for run in runs[start : start + RUNS_AT_ONCE]])
    return bytes(made.hashvalues.astype("<u4").tobytes())


@lru_cache(maxsize=1)
def _permutations() -> Any:
    # To draw them anew takes as long as to sketch a short text.
    from datasketch import MinHash

    return MinHash(FIGURES, seed=1, scheme=SCHEME).permutations


def groups(sketches: Mapping[str, bytes]) -> list[Group]:
    """Return groups of near-duplicates: every other document of a group is like its first.

    Which of a group comes first, and the order of groups, is that of `sketches`.
    """
    from datasketch import LeanMinHash, MinHashLSH

    firsts = MinHashLSH(threshold=LIKENESS - 0.1, num_perm=FIGURES)
    found: dict[str, list[str]] = {}
    for key in _with_a_band_in_common(sketches, firsts.b, firsts.r):
        held = sketches[key]
        made = LeanMinHash(seed=1, hashvalues=np.frombuffer(held, "<u4"), scheme=SCHEME)
        near = [first for first in firsts.query(made) if likeness(sketches[first], held) >= LIKENESS]
        if near:
            found[max(near, key=lambda first: (likeness(sketches[first], held), first))].append(key)
        else:
            firsts.insert(key, made)
            found[key] = [key]
    return [tuple(group) for group in found.values() if len(group) > 1]


def _with_a_band_in_common(sketches: Mapping[str, bytes], bands: int, figures: int) -> list[str]:
    """Return in order those that share one of the bands, of so many figures each, by which MinHashLSH compares.

    The others have no near-duplicates for it. They are most, and it takes some thousand bytes for each it is given.
    """
    keys = [key for key, held in sketches.items() if held]
    table = np.frombuffer(b"".join(sketches[key] for key in keys), "<u4").reshape(-1, FIGURES)
    odd = np.random.default_rng(0).integers(2**63, size=figures, dtype=np.uint64) | np.uint64(1)
    shared = np.zeros(len(keys), bool)
    for start in range(0, bands * figures, figures):
        _, places, counts = np.unique(_folded(table[:, start : start + figures], odd), False, True, True)
        shared |= counts[places] > 1
    return [keys[place] for place in np.flatnonzero(shared)]


def _folded(band: Any, odd: Any) -> Any:
    # Unequal bands may be folded to one figure: then two are compared for nothing.
    folded = np.zeros(len(band), np.uint64)
    for column, factor in zip(band.T, odd, strict=True):
        folded = (folded ^ column) * factor
    return folded


def near(keys: Sequence[str], sketches: Mapping[str, bytes]) -> Iterator[Group]:
    """Yield for each of `keys` that has near-duplicates itself and these, in the order of `sketches`."""
    held = {key: figures for key, figures in sketches.items() if figures}
    if not held:
        return
    names = list(held)
    matrix = np.frombuffer(b"".join(held.values()), "<u4").reshape(len(names), FIGURES)
    wanted = set(keys)
    likely = _with_a_pair_in_common(matrix, [place for place, key in enumerate(names) if key in wanted])
    names, matrix = [names[place] for place in likely], matrix[likely]
    for key in keys:
        if key in held:
            alike = (matrix == np.frombuffer(held[key], "<u4")).mean(axis=1) >= LIKENESS
            others = tuple(names[n] for n in np.flatnonzero(alike) if names[n] != key)
            if others:
                yield (key, *others)


def _with_a_pair_in_common(matrix: Any, some: Sequence[int]) -> Any:
    """Return in order the rows that have two neighbouring figures with one of `some` rows in common.

    Of two rows that are near-duplicates less than 52 figures differ, so that of their 64 pairs 13 at least are equal.
    """
    pairs, found = matrix.view("<u8"), np.zeros(len(matrix), bool)
    for place in range(pairs.shape[1]):
        found |= np.isin(pairs[:, place], pairs[some, place])
    return np.flatnonzero(found)


def likeness(one: bytes, other: bytes) -> float:
    """Return the estimated share of three-word runs that two sketched texts have in common, of all that they have."""
    return float(np.mean(np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")))
