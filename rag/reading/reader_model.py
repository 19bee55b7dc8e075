"""Runs the reader model: one pass for a question and a passage gives relevance, answer span and no-answer score.

The shipped model lies in `models/reader/`: an ONNX graph with 8-bit matrices, made by `training/reader`. Every window
of a passage runs alone and on one thread, several side by side: the reading of one never depends on the others.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rag.core.errors import ModelNotAvailable
from rag.core.files.hashing import file_sha256
from rag.core.files.safe_json import json_value
from rag.core.runtime import session, side_by_side
from rag.reading.reader_tokens import Pair, PairTokenizer
from rag.reading.reading_copy import ReadingCopy
from rag.reading.records import reading_copy
from rag.reading.span_decoding import Read, SpanScore, decoded

if TYPE_CHECKING:
    from rag.core.types import Chunk

SHIPPED_READER = Path(__file__).parents[1] / "models" / "reader"
GRAPH, TOKENIZER, CARD = "reader.onnx", "tokenizer.json", "reader.json"
CACHED_TOKEN_TEXTS = 4_000


@dataclass(frozen=True)
class PassageReading:
    """The model's reading of one passage: those of its windows, in order."""

    windows: tuple[Read, ...]

    @property
    def relevance(self) -> float:
        """Return the log-odds that the passage answers: those of its best window."""
        return max(window.relevance for window in self.windows)

    @property
    def none(self) -> float:
        """Return the logarithm of the probability that no window answers, as the surest to answer gives it."""
        return min(window.none for window in self.windows)

    def best(self, start: int, end: int, count: int = 1) -> list[SpanScore]:
        """Return the likeliest spans in a range of characters, from the window that holds most of it."""
        return self._window(start, end).best(start, end, count)

    def widened(self, span: SpanScore, start: int, end: int) -> SpanScore:
        """Return an unsure span of a range of characters with the words that may well be a part of it."""
        return self._window(start, end).widened(span, start, end)

    def reason(self, start: int, end: int) -> float:
        """Return the mean log-odds that a range of characters answers."""
        return self._window(start, end).reason(start, end)

    def _window(self, start: int, end: int) -> Read:
        if len(self.windows) == 1:
            return self.windows[0]

        def shared_tokens(window: Read) -> int:
            part = window.inside(start, end)
            return int(part.stop - part.start)

        return max(self.windows, key=shared_tokens)


class PassageReader(Protocol):
    """A model that reads passages: the shipped one, or one of a hub."""

    def read(self, questions: Sequence[str], chunks: Sequence[Sequence["Chunk"]]) -> list[list[PassageReading]]:
        """Return the reading of each chunk for its question."""


class SpanModel:
    """Reads passages with the shipped model, or one of the same form from another folder."""

    def __init__(self, folder: Path = SHIPPED_READER) -> None:
        """Load graph and tokenizer. Raises ModelNotAvailable if a file is missing or not the shipped one."""
        sums = _sums(folder)
        for name in (GRAPH, TOKENIZER):
            _require_shipped(folder / name, sums.get(name))
        self._fingerprint = sums[GRAPH]
        try:
            self._session = session(folder / GRAPH)
        except RuntimeError as error:
            raise ModelNotAvailable(f"Cannot run the reader at {folder}: {error}", "Install Pincite again.") from error
        self._tokenizer = PairTokenizer(folder / TOKENIZER)
        self._tokens = lru_cache(maxsize=CACHED_TOKEN_TEXTS)(lambda text: self._tokenizer.tokens([text])[0])
        # The same question is asked again: of other documents, with another threshold, by another person.
        self._passage = lru_cache(maxsize=CACHED_TOKEN_TEXTS)(self._read_passage)

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the graph."""
        return self._fingerprint

    def read(self, questions: Sequence[str], chunks: Sequence[Sequence["Chunk"]]) -> list[list[PassageReading]]:
        """Return the reading of each chunk for its question."""
        inputs = [
            (question, chunk.title or "", reading_copy(chunk))
            for question, question_chunks in zip(questions, chunks, strict=True)
            for chunk in question_chunks
        ]
        reads = iter(side_by_side(lambda item: self._passage(*item), inputs))
        return [[next(reads) for _ in question_chunks] for question_chunks in chunks]

    def _read_passage(self, question: str, title: str, copy: ReadingCopy) -> PassageReading:
        above = self._tokens(title) if title else None
        pairs = self._tokenizer.pairs(self._tokens(question), above, self._tokens(copy.text).moved(copy))
        return PassageReading(tuple(map(self.run, pairs)))

    def run(self, pair: Pair) -> Read:
        """Return the model's scores of one window."""
        tokens, relevance = self._session.run(
            ["tokens", "relevance"],
            {
                "input_ids": pair.ids[None],
                "segments": pair.segments,
                "positions": np.arange(len(pair), dtype=np.int32),
            },
        )
        return decoded(pair, tokens[0], float(relevance.item()))


@lru_cache(maxsize=4)
def span_model(folder: Path = SHIPPED_READER) -> SpanModel:
    """Return the model of a folder, loaded once in a process."""
    return SpanModel(folder)


def sums_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the sha256 of files of a folder."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def _sums(folder: Path) -> dict[str, str]:
    try:
        sums: dict[str, str] = json_value((folder / CARD).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotAvailable(f"No reader model at {folder}: {error}.", "Install Pincite again.") from error
    return sums


def _require_shipped(path: Path, expected: str | None) -> None:
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise ModelNotAvailable(f"The reader model lacks {path}: {error}.", "Install Pincite again.") from error
    if digest != expected:
        raise ModelNotAvailable(f"{path} is not the file that was shipped.", "Install Pincite again.")
