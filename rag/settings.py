"""Holds every number a user may turn, each with unit, range and reason. Unknown keys are refused."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rag.errors import InvalidSettings

RANGES: dict[str, tuple[float, float]] = {
    "chunk_size": (200, 8_000),
    "candidates": (10, 1_000),
    "dense_weight": (0.0, 1.0),
    "read_passages": (1, 100),
    "top_k": (1, 50),
    "min_confidence": (0.0, 1.0),
    "context_sentences": (0, 5),
    "max_question_length": (10, 10_000),
}

SHAPING = ("embedding_model", "chunk_size", "stemmer")
"""Settings that an index is built with; they are kept in its manifest and changing one means building anew."""


@dataclass(frozen=True)
class Settings:
    """Settings of building and asking.

    >>> Settings(top_k=3).top_k
    3
    """

    embedding_model: str = "all-MiniLM-L6-v2"
    """Shipped model, a local folder, or any sentence-transformers name of a hub."""
    chunk_size: int = 900
    """Longest passage in characters; about 200 tokens of English, below the 256 of the shipped model."""
    stemmer: str = "english"
    """Snowball language for the lexical index; `none` searches words as they are."""
    candidates: int = 100
    """Passages taken from each of the two rankings before they are fused."""
    dense_weight: float = 0.6
    """Share of the dense score in the fused one; the rest is BM25."""
    read_passages: int = 8
    """Best fused passages whose sentences are read."""
    top_k: int = 5
    """Answers returned at most."""
    min_confidence: float | None = None
    """Answers below this probability are withheld; None: the threshold fitted with the shipped confidence."""
    context_sentences: int = 1
    """Neighbour sentences shown on each side of an answer that is a whole sentence."""
    max_question_length: int = 2_000
    """Longest question in characters; what is longer is a document, not a question."""

    def __post_init__(self) -> None:
        """Refuse values outside their range or of another kind."""
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name == "min_confidence":
                continue
            whole = isinstance(Settings.__dataclass_fields__[name].default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "a whole number" if whole else "a number"
                raise InvalidSettings(f"Setting {name}={value!r} is not {kind}.", f"Give one from {low} to {high}.")
            if not low <= value <= high:
                raise InvalidSettings(f"Setting {name}={value} is out of range.", f"Give one from {low} to {high}.")

    def updated(self, changes: Mapping[str, Any]) -> "Settings":
        """Return a copy with `changes`; text values are read as the setting's own type.

        Raises InvalidSettings for an unknown key, naming the nearest known one.
        """
        typed: dict[str, Any] = {key: _typed(key, value) for key, value in changes.items()}
        return replace(self, **typed)

    def shaping(self) -> dict[str, Any]:
        """Return the settings an index is built with."""
        return {name: getattr(self, name) for name in SHAPING}


def _typed(key: str, value: object) -> object:
    known = {item.name: item for item in fields(Settings)}
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known settings: {', '.join(known)}."
        raise InvalidSettings(f"Unknown setting {key!r}.", hint)
    if not isinstance(value, str) or known[key].type in (str, "str"):
        return value
    try:
        return int(value) if isinstance(known[key].default, int) else float(value)
    except ValueError:
        raise InvalidSettings(f"Setting {key}={value!r} is not a number.", "Give a number.") from None
