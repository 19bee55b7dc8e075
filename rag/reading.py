"""Reads passages for a question and takes out the sentences that may answer it.

This reader needs no weights of its own: a sentence is judged by its cosine to the question, by the question's words in
it and in its passage, by whether it holds the kind of thing that is asked for, and by how well its passage was found.
The few coefficients are fitted on public data by `training/sentence_reader.py`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.dense import cosine
from rag.lexical import TantivyStore
from rag.questions import AnswerKind, QuestionTerms, answer_kind, holds_kind, question_terms
from rag.types import Extraction, Hit

if TYPE_CHECKING:
    from rag.protocols import Embedder, Floats1d

WEIGHTS = Path(__file__).parent / "models" / "sentence_reader.json"
CACHED_TEXTS, CACHED_PASSAGES = 20_000, 5_000
FEWEST_LETTERS = 3


@dataclass(frozen=True)
class Question:
    """A question with all that reading needs of it."""

    vector: "Floats1d"
    terms: QuestionTerms
    kind: AnswerKind


class SentenceReader:
    """Takes whole sentences.

    `embed` gives the unit vector of a question. The sentences of a passage are embedded together and kept: their
    vectors depend on the passage alone, so an answer does not depend on what was asked before.
    """

    def __init__(
        self,
        embedder: "Callable[[], Embedder]",
        embed: Callable[[str], "Floats1d"],
        words: TantivyStore,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Read the shipped coefficients where none are given; `embedder` is called when the first passage is read."""
        self._embed, self._words = embed, words
        self._weights = weights or json.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
        self._stems = lru_cache(maxsize=CACHED_TEXTS)(lambda text: frozenset(words.terms(text)))
        self._vectors = lru_cache(maxsize=CACHED_PASSAGES)(lambda texts: embedder().embed_sentences(texts))

    def read(self, questions: Sequence[str], hits: Sequence[Sequence[Hit]]) -> list[list[Extraction]]:
        """Return for each question its sentences, best first, ties in order of document and place."""
        return [self._read(text, found) for text, found in zip(questions, hits, strict=True)]

    def _read(self, text: str, hits: Sequence[Hit]) -> list[Extraction]:
        question = Question(self._embed(text), question_terms(text, self._words), answer_kind(text))
        found = [item for hit in hits for item in self._read_passage(question, hit)]
        return sorted(found, key=lambda item: (-item.score, item.span))

    def _read_passage(self, question: Question, hit: Hit) -> Iterator[Extraction]:
        text = hit.chunk.text
        ranges = [pair for pair in hit.chunk.sentences if sum(map(str.isalnum, text[slice(*pair)])) >= FEWEST_LETTERS]
        if not ranges:
            return
        vectors = self._vectors(tuple(text[start:end] for start, end in ranges))
        for (start, end), likeness in zip(ranges, cosine(vectors, question.vector), strict=True):
            features = self._features(question, hit, text[start:end], likeness)
            score = sum(self._weights.get(name, 0.0) * value for name, value in features.items())
            yield Extraction(hit, start, end, "sentence", score, -score, features)

    def _features(self, question: Question, hit: Hit, sentence: str, likeness: float) -> dict[str, float]:
        """Return the figures that a sentence is judged by, each of the same scale in any index."""
        stems = self._stems(sentence)
        passage = self._stems(f"{hit.chunk.title or ''} {' '.join(hit.chunk.headings)} {hit.chunk.text}")
        terms = question.terms
        return {
            "sentence_cosine": likeness,
            "passage_cosine": hit.scores.get("dense", 0.0),
            "sentence_words": terms.share_in(stems),
            "passage_words": terms.share_in(passage),
            "passage_names": terms.share_of_names_in(passage),
            "kind": holds_kind(sentence, question.kind),
            "is_question": float(sentence.rstrip("\"'”’)").endswith("?")),
            "fused": max(-3.0, min(3.0, hit.scores.get("fused", 0.0))),
        }
