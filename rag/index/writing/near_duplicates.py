"""Finds documents that are nearly the same: MinHash sketches of three words in a row (datasketch), compared in pairs.

The likeness of two documents is the share of their three-word runs that both have, estimated from 128 figures (standard
error 0.04 at 0.6). Masked words, letter case and punctuation do not count.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rag.core.text.stopwords import UNSPACED

FIGURES, RUN, SCHEME = 128, 3, "affine32"
MIN_WORDS = 30
"""Shorter documents have no sketch, because forms and headings are alike without being copies."""
MIN_LIKENESS = 0.6
"""Likeness of near-duplicates. It gives 36 pairs of 2,225 BBC articles, each two versions of one article."""
BATCH_RUNS = 20_000
_WORD = re.compile(r"\w+")

Group = tuple[str, ...]


def sketch(text: str) -> bytes:
    """Return 128 little-endian uint32 figures of a text; empty if it has fewer than 30 words."""
    words = _WORD.findall(UNSPACED.sub(r" \1 ", text).casefold())
    if len(words) < MIN_WORDS:
        return b""
    from datasketch import MinHash

    minhash = MinHash(FIGURES, seed=1, scheme=SCHEME, permutations=_permutations())
    runs = sorted({" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1)})
    for start in range(0, len(runs), BATCH_RUNS):
        minhash.update_batch([run.encode() for run in runs[start : start + BATCH_RUNS]])
    return bytes(minhash.hashvalues.astype("<u4").tobytes())


@lru_cache(maxsize=1)
def _permutations() -> Any:
    # Drawing them again takes as long as the sketch of a short text.
    from datasketch import MinHash

    return MinHash(FIGURES, seed=1, scheme=SCHEME).permutations


def groups(sketches: Mapping[str, bytes]) -> list[Group]:
    """Return groups of near-duplicates: the other documents of a group are like its first.

    The first of a group, and the order of groups, follow the order of `sketches`.
    """
    from datasketch import LeanMinHash, MinHashLSH

    firsts = MinHashLSH(threshold=MIN_LIKENESS - 0.1, num_perm=FIGURES)
    members: dict[str, list[str]] = {}
    for key in _with_a_band_in_common(sketches, firsts.b, firsts.r):
        own = sketches[key]
        minhash = LeanMinHash(seed=1, hashvalues=np.frombuffer(own, "<u4"), scheme=SCHEME)
        similar = [first for first in firsts.query(minhash) if likeness(sketches[first], own) >= MIN_LIKENESS]
        if similar:
            members[max(similar, key=lambda first: (likeness(sketches[first], own), first))].append(key)
        else:
            firsts.insert(key, minhash)
            members[key] = [key]
    return [tuple(group) for group in members.values() if len(group) > 1]


def _with_a_band_in_common(sketches: Mapping[str, bytes], bands: int, figures: int) -> list[str]:
    """Return the documents, in order, that share a band of `figures` figures with another one.

    MinHashLSH compares by bands, so the others have no near-duplicates. They are the majority, and MinHashLSH would
    need some thousand bytes for each.
    """
    keys = [key for key, figures_of in sketches.items() if figures_of]
    table = np.frombuffer(b"".join(sketches[key] for key in keys), "<u4").reshape(-1, FIGURES)
    odd = np.random.default_rng(0).integers(2**63, size=figures, dtype=np.uint64) | np.uint64(1)
    shared = np.zeros(len(keys), bool)
    for start in range(0, bands * figures, figures):
        _, inverse, counts = np.unique(_folded(table[:, start : start + figures], odd), False, True, True)
        shared |= counts[inverse] > 1
    return [keys[i] for i in np.flatnonzero(shared)]


def _folded(band: Any, odd: Any) -> Any:
    # Different bands may be folded to one figure. Then two documents are compared in vain.
    folded = np.zeros(len(band), np.uint64)
    for column, factor in zip(band.T, odd, strict=True):
        folded = (folded ^ column) * factor
    return folded


def near(keys: Sequence[str], sketches: Mapping[str, bytes]) -> Iterator[Group]:
    """Yield a group for each of `keys` that has near-duplicates: itself, then those in the order of `sketches`."""
    sketched = {key: figures for key, figures in sketches.items() if figures}
    if not sketched:
        return
    names = list(sketched)
    matrix = np.frombuffer(b"".join(sketched.values()), "<u4").reshape(len(names), FIGURES)
    key_set = set(keys)
    likely = _with_a_pair_in_common(matrix, [i for i, key in enumerate(names) if key in key_set])
    names, matrix = [names[i] for i in likely], matrix[likely]
    for key in keys:
        if key in sketched:
            is_similar = (matrix == np.frombuffer(sketched[key], "<u4")).mean(axis=1) >= MIN_LIKENESS
            others = tuple(names[i] for i in np.flatnonzero(is_similar) if names[i] != key)
            if others:
                yield (key, *others)


def _with_a_pair_in_common(matrix: Any, some: Sequence[int]) -> Any:
    """Return the rows, in order, that share a pair of neighbouring figures with one of the rows `some`.

    Fewer than 52 figures of near-duplicates differ, so at least 13 of their 64 pairs are equal.
    """
    pairs, is_likely = matrix.view("<u8"), np.zeros(len(matrix), bool)
    for column in range(pairs.shape[1]):
        is_likely |= np.isin(pairs[:, column], pairs[some, column])
    return np.flatnonzero(is_likely)


def likeness(one: bytes, other: bytes) -> float:
    """Return the estimated share of their three-word runs that two texts have in common."""
    return float(np.mean(np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")))
