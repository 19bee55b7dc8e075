"""Translates texts and vectors to the forms that PostgreSQL stores, and back."""

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d, Ints1d

MAX_KEYS = 10_000
"""Keys and rows in one query."""
NUL, NUL_SIGN, ESCAPE, ESCAPED_NUL = "\x00", "\u2400", "\ue000", "\ue001"


def sql_name(text: str | None) -> str | None:
    """Return a short text in a form without NUL, which PostgreSQL refuses; `restored_name` turns it back.

    >>> restored_name(sql_name("a" + NUL + ESCAPE)) == "a" + NUL + ESCAPE
    True
    """
    if text is None or (NUL not in text and ESCAPE not in text):
        return text
    return text.replace(ESCAPE, ESCAPE * 2).replace(NUL, ESCAPE + ESCAPED_NUL)


def restored_name(stored: str | None) -> str | None:
    """Return the text that `sql_name` turned into `stored`."""
    if stored is None or ESCAPE not in stored:
        return stored
    parts = stored.split(ESCAPE * 2)
    return ESCAPE.join(part.replace(ESCAPE + ESCAPED_NUL, NUL) for part in parts)


def sql_text(text: str) -> tuple[str, list[int] | None]:
    """Return a text with signs for its NULs, so that offsets stay, and the offsets of the NULs."""
    if NUL not in text:
        return text, None
    return text.replace(NUL, NUL_SIGN), [i for i, character in enumerate(text) if character == NUL]


def text_of(stored: str, nul_offsets: Sequence[int] | None, start: int = 0) -> str:
    """Return the text that `sql_text` turned into `stored`, or its part from `start` on."""
    if not nul_offsets:
        return stored
    characters = list(stored)
    for offset in nul_offsets:
        if start <= offset < start + len(characters):
            characters[offset - start] = NUL
    return "".join(characters)


def sql_vector(vector: "Floats1d") -> str:
    """Return a vector as PostgreSQL reads it; each figure comes back unchanged."""
    return f"[{','.join(f'{figure:.9g}' for figure in np.asarray(vector, np.float32).tolist())}]"


def vectors_of(stored: Sequence[bytes], dimension: int) -> "Floats2d":
    """Return float32 (n, dimension) from vectors in the binary form of pgvector: dimension, a spare, figures."""
    header = struct.pack(">HH", dimension, 0)
    if any(not content.startswith(header) for content in stored):
        raise ValueError(f"a vector does not have {dimension} figures")
    figures = np.frombuffer(b"".join(content[4:] for content in stored), ">f4")
    return figures.astype(np.float32).reshape(len(stored), dimension)


def multirange(rows: "Ints1d") -> str:
    """Return rows as a multirange, which is short because the passages of a document have neighbouring rows.

    >>> multirange(np.array([4, 5, 6, 9]))
    '{[4,6],[9,9]}'
    """
    if not len(rows):
        return "{}"
    ordered: Any = np.unique(rows)
    breaks = np.flatnonzero(np.diff(ordered) != 1)
    starts, ends = ordered[[0, *(breaks + 1)]], ordered[[*breaks, len(ordered) - 1]]
    return "{" + ",".join(f"[{start},{end}]" for start, end in zip(starts.tolist(), ends.tolist(), strict=True)) + "}"


def key_batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Return the values in pieces for one query each."""
    return (values[start : start + MAX_KEYS] for start in range(0, len(values), MAX_KEYS))
