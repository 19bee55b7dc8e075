"""Holds every number a user may turn, each with unit, range and reason. Unknown keys are refused."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rag.errors import InvalidSettings

RANGES: dict[str, tuple[float, float]] = {
    "chunk_size": (200, 8_000),
    "repeated_share": (0.0, 1.0),
    "candidates": (10, 1_000),
    "dense_weight": (0.0, 1.0),
    "read_passages": (1, 100),
    "top_k": (1, 50),
    "min_confidence": (0.0, 1.0),
    "min_precision": (0.0, 1.0),
    "context_sentences": (0, 5),
    "max_question_length": (10, 10_000),
}

RUNTIMES = ("auto", "onnx-int8", "onnx-fp32", "sentence-transformers")
SHAPING = ("embedding_model", "chunk_size", "stemmer", "text_column", "repeated_share")
"""Settings that an index is built with; they are kept in its manifest and changing one means building anew."""


@dataclass(frozen=True)
class Settings:
    """Settings of building and asking.

    >>> Settings(top_k=3).top_k
    3
    """

    embedding_model: str = "all-MiniLM-L6-v2"
    """Shipped model, a local folder, or any sentence-transformers name of a hub."""
    embedding_runtime: str = "auto"
    """`auto`: ONNX Runtime with 8-bit matrices where it can run the model; or `onnx-int8`, `onnx-fp32`,
    `sentence-transformers`, the reference. Their vectors are near enough to be used with one another's index."""
    chunk_size: int = 900
    """Longest passage in characters; about 200 tokens of English, below the 256 of the shipped model."""
    stemmer: str = "english"
    """Snowball language for the lexical index; `none` searches words as they are."""
    text_column: str = ""
    """Column of CSV, TSV, JSON and XLSX rows that holds their text; empty: one of the usual names, if there is one."""
    repeated_share: float = 0.1
    """Share of the documents, and five of them at least, that have a block which is masked as `repeated` where it
    stands at an edge: a menu, a disclaimer (`rag.repeats`). 0: none is masked for that."""
    candidates: int = 100
    """Passages taken from each of the two rankings before they are fused."""
    dense_weight: float = 0.6
    """Share of the dense score in the fused one; the rest is BM25."""
    read_passages: int = 8
    """Best fused passages whose sentences are read."""
    top_k: int = 5
    """Answers returned at most."""
    min_confidence: float | None = None
    """Answers below this probability are withheld; None: the threshold fitted with the confidence. Then a quotation
    below it is shown too where it gives another figure or date than the first answer, or the same in other words."""
    min_precision: float | None = None
    """Wanted share of right answers: 0.95 withholds what is below the threshold from which on 95 of 100 were right on
    the questions of the calibration. In place of `min_confidence`."""
    context_sentences: int = 1
    """Neighbour sentences shown on each side of an answer that is a whole sentence."""
    max_question_length: int = 2_000
    """Longest question in characters; what is longer is a document, not a question."""

    def __post_init__(self) -> None:
        """Refuse values outside their range or of another kind."""
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and Settings.__dataclass_fields__[name].default is None:
                continue
            whole = isinstance(Settings.__dataclass_fields__[name].default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "a whole number" if whole else "a number"
                raise InvalidSettings(f"Setting {name}={value!r} is not {kind}.", f"Give one from {low} to {high}.")
            if not low <= value <= high:
                raise InvalidSettings(f"Setting {name}={value} is out of range.", f"Give one from {low} to {high}.")
        if self.min_confidence is not None and self.min_precision is not None:
            what = f"Both min_confidence={self.min_confidence} and min_precision={self.min_precision} are given."
            raise InvalidSettings(what, "Give one of them: each of the two sets the threshold.")
        if self.embedding_runtime not in RUNTIMES:
            what = f"Setting embedding_runtime={self.embedding_runtime!r} is unknown."
            raise InvalidSettings(what, f"Give one of {', '.join(RUNTIMES)}.")

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
