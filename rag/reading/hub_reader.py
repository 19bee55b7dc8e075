"""Runs readers and rerankers of other people, by a name on a hub or a local folder, in place of the shipped reader.

`reader=deepset/minilm-uncased-squad2` reads with any extractive question-answering model of transformers, and
`reranker=cross-encoder/ms-marco-MiniLM-L6-v2` orders passages with any cross-encoder of sentence-transformers before
they are read. Code that comes with a model is never run.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.errors import ModelNotAvailable
from rag.core.extras import require_package
from rag.reading.reader_model import PassageReading
from rag.reading.reader_tokens import LONGEST_PASSAGE, STRIDE, Pair, TokenizedText, outside_numbers
from rag.reading.reading_copy import ReadingCopy
from rag.reading.records import reading_copy
from rag.reading.span_decoding import END, START, Read, decoded

if TYPE_CHECKING:
    from rag.core.protocols import Floats1d, Floats2d
    from rag.core.types import Chunk

KEPT_MODELS = 4
REMEDY = "Give the name of a model that is on this machine or that a hub can be reached for."


class HubReader:
    """Reads with an extractive question-answering model of transformers.

    Such a model scores the start and the end of an answer, and that there is none. The shipped reader adds relevance
    and reason: here relevance is the best span's margin over no answer, and there is no reason. Calibrate on your own
    questions (`rag calibrate`): the shipped confidence is fitted with the shipped reader.
    """

    def __init__(self, name: str) -> None:
        """Load the model. Raises ModelNotAvailable or ExtraNotInstalled with the remedy."""
        require_package("transformers", "models", f"The reader {name!r} runs")
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            self._model: Any = AutoModelForQuestionAnswering.from_pretrained(name, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ModelNotAvailable(f"Cannot load the reader {name!r}: {error}", REMEDY) from error
        self._model.train(False)
        if not self._tokenizer.is_fast:
            raise ModelNotAvailable(f"The tokenizer of {name!r} gives no offsets.", "Use a model with a fast one.")

    def read(self, questions: Sequence[str], chunks: Sequence[Sequence["Chunk"]]) -> list[list[PassageReading]]:
        """Return the reading of each chunk for its question."""
        return [
            [PassageReading(tuple(self._windows(question, reading_copy(chunk)))) for chunk in question_chunks]
            for question, question_chunks in zip(questions, chunks, strict=True)
        ]

    def _windows(self, question: str, copy: ReadingCopy) -> Iterator[Read]:
        text = copy.text
        encoded = self._tokenizer(
            question, text, truncation="only_second", max_length=self._max_length(question), stride=STRIDE,
            return_overflowing_tokens=True, return_offsets_mapping=True, return_tensors="np", padding=False,
        ) if text else None  # fmt: skip
        for i in range(len(encoded["input_ids"]) if encoded else 0):
            yield decoded(_pair(copy, encoded, i), self._scores(encoded, i), 0.0)

    def _max_length(self, question: str) -> int:
        most = min(int(self._tokenizer.model_max_length), int(self._model.config.max_position_embeddings))
        return min(most, LONGEST_PASSAGE + len(self._tokenizer(question)["input_ids"]) + 3)

    def _scores(self, encoded: Any, i: int) -> "Floats2d":
        import torch

        inputs = {
            name: torch.tensor(np.asarray(encoded[name][i])[None])
            for name in self._tokenizer.model_input_names
            if name in encoded
        }
        with torch.inference_mode():
            output = self._model(**inputs)
        scores = np.zeros((inputs["input_ids"].shape[1], 3), np.float32)
        scores[:, START], scores[:, END] = output.start_logits[0].numpy(), output.end_logits[0].numpy()
        return scores


class CrossEncoderReranker:
    """Orders passages with a cross-encoder of sentence-transformers."""

    def __init__(self, name: str) -> None:
        """Load the model. Raises ModelNotAvailable or ExtraNotInstalled with the remedy."""
        require_package("sentence_transformers", "models", f"The reranker {name!r} runs")
        from sentence_transformers import CrossEncoder

        try:
            self._model: Any = CrossEncoder(name, trust_remote_code=False, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelNotAvailable(f"Cannot load the reranker {name!r}: {error}", REMEDY) from error

    def score(self, question: str, texts: Sequence[str]) -> "Floats1d":
        """Return float32 (n,), higher is better, comparable within one question only."""
        scores = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return np.asarray(scores, np.float32).reshape(len(texts))


hub_reader = lru_cache(maxsize=KEPT_MODELS)(HubReader)
hub_reranker = lru_cache(maxsize=KEPT_MODELS)(CrossEncoderReranker)


def _pair(copy: ReadingCopy, encoded: Any, i: int) -> Pair:
    inside = [number for number, side in enumerate(encoded.sequence_ids(i)) if side == 1]
    first, last = inside[0], inside[-1] + 1
    ids = np.asarray(encoded["input_ids"][i], np.int32)
    places = np.asarray(encoded["offset_mapping"][i], np.int32)[first:last]
    words = encoded.word_ids(i)[first:last]
    opened = [not number or word != words[number - 1] for number, word in enumerate(words)]
    opens = outside_numbers(copy.text, places, opened)
    passage = TokenizedText(ids[first:last], places, opens, ("",) * len(places)).moved(copy)
    return Pair(ids, np.zeros(len(ids), np.int32), first, passage)
