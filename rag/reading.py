"""Reads passages for a question and takes out the sentences that may answer it.

This reader needs no weights of its own: a sentence is judged by its cosine to the question, by the question's words in
it and in its passage, by whether it holds the kind of thing that is asked for, and by how well its passage was found.
The few coefficients are fitted on public data by `training/sentence_reader.py`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.dense import cosine
from rag.lexical import TantivyStore
from rag.questions import AnswerKind, QuestionTerms, answer_kind, holds_kind, question_terms
from rag.types import Extraction, Hit

if TYPE_CHECKING:
    from rag.protocols import Floats1d

WEIGHTS = Path(__file__).parent / "models" / "sentence_reader.json"
CACHED_TEXTS = 20_000
FEWEST_LETTERS = 3


@dataclass(frozen=True)
class Question:
    """A question with all that reading needs of it."""

    vector: "Floats1d"
    terms: QuestionTerms
    kind: AnswerKind


class SentenceReader:
    """Takes whole sentences. `embed` gives the unit vector of a text; it is asked for the same texts again."""

    def __init__(
        self, embed: Callable[[str], "Floats1d"], words: TantivyStore, weights: Mapping[str, float] | None = None
    ) -> None:
        """Read the shipped coefficients where none are given."""
        self._embed, self._words = embed, words
        self._weights = weights or json.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
        self._stems = lru_cache(maxsize=CACHED_TEXTS)(lambda text: frozenset(words.terms(text)))

    def read(self, questions: Sequence[str], hits: Sequence[Sequence[Hit]]) -> list[list[Extraction]]:
        """Return for each question its sentences, best first, ties in order of document and place."""
        return [self._read(text, found) for text, found in zip(questions, hits, strict=True)]

    def _read(self, text: str, hits: Sequence[Hit]) -> list[Extraction]:
        question = Question(self._embed(text), question_terms(text, self._words), answer_kind(text))
        found = [
            self._extraction(question, hit, start, end)
            for hit in hits
            for start, end in hit.chunk.sentences
            if sum(map(str.isalnum, hit.chunk.text[start:end])) >= FEWEST_LETTERS
        ]
        return sorted(found, key=lambda item: (-item.score, item.span))

    def _extraction(self, question: Question, hit: Hit, start: int, end: int) -> Extraction:
        features = self._features(question, hit, hit.chunk.text[start:end])
        score = sum(self._weights.get(name, 0.0) * value for name, value in features.items())
        return Extraction(hit, start, end, "sentence", score, -score, features)

    def _features(self, question: Question, hit: Hit, sentence: str) -> dict[str, float]:
        """Return the figures that a sentence is judged by, each of the same scale in any index."""
        stems = self._stems(sentence)
        passage = self._stems(f"{hit.chunk.title or ''} {' '.join(hit.chunk.headings)} {hit.chunk.text}")
        terms = question.terms
        return {
            "sentence_cosine": cosine(self._embed(sentence)[None, :], question.vector)[0],
            "passage_cosine": hit.scores.get("dense", 0.0),
            "sentence_words": terms.share_in(stems),
            "passage_words": terms.share_in(passage),
            "passage_names": terms.share_of_names_in(passage),
            "known_words": terms.share_known(),
            "kind": holds_kind(sentence, question.kind),
            "is_question": float(sentence.rstrip("\"'”’)").endswith("?")),
            "fused": max(-3.0, min(3.0, hit.scores.get("fused", 0.0))),
        }
