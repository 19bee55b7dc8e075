"""Turns text into unit vectors with ONNX Runtime: the same weights as sentence-transformers, without torch.

For BERT encoders with mean pooling (`rag.embedding.encoder_files`). Every text runs alone and on one thread, several
texts side by side: no padding is computed, and a vector never depends on the other texts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.core.runtime import session, side_by_side, tokenizer
from rag.embedding.encoder_files import EncoderFiles, cannot_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.core.protocols import Floats2d, Ranges


class OnnxEmbedder:
    """Embeds with ONNX Runtime."""

    def __init__(self, name: str, files: EncoderFiles) -> None:
        """Load tokenizer and graph. Raises ModelNotAvailable with the remedy if the graph cannot be run."""
        self._name, self._fingerprint = name, files.fingerprint
        self._dimension, self._max_tokens, self.prompts = files.dimension, files.max_tokens, files.prompts
        self._tokenizer: Any = tokenizer(files.tokenizer)
        try:
            self._session: Any = session(files.graph)
        except RuntimeError as error:
            raise cannot_run(name, error) from error

    @property
    def name(self) -> str:
        """Return the name given in settings."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the weights that the graph was made from; prompts change it."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Return the longest passage in tokens: the model's own limit without the prompt of a document."""
        return self._max_tokens - prompt_tokens(self)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the uncut length of each text in tokens, special tokens included."""
        return [len(encoding) for encoding in self._tokenizer.encode_batch(list(texts))]

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows."""
        return self._stacked(side_by_side(self._embed, [self.prompts.document + text for text in texts]))

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        """Return float32 (n, dimension), unit rows: if the model has no prompts, the same as `embed_passages` gives."""
        return self._stacked(side_by_side(self._embed, [self.prompts.query + text for text in texts]))

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        """Return the vectors of texts, and for each text those of its parts, float32 (parts, dimension), unit rows.

        A part's vector is the mean of its tokens' vectors as they stand in the text. A part whose tokens were cut
        off gets the vector of the text.
        """
        pairs = side_by_side(lambda pair: self._with_parts(*pair), list(zip(texts, parts, strict=True)))
        return self._stacked([whole for whole, _ in pairs]), [inner for _, inner in pairs]

    def _embed(self, text: str) -> "Floats2d":
        return _unit(self._tokens(self._tokenizer.encode(text)).mean(axis=0, keepdims=True))

    def _with_parts(self, text: str, parts: "Ranges") -> "tuple[Floats2d, Floats2d]":
        encoding = self._tokenizer.encode(self.prompts.document + text)
        tokens = self._tokens(encoding)
        places = np.array(self._cut(encoding.offsets), np.int64) - len(self.prompts.document)
        whole = _unit(tokens.mean(axis=0, keepdims=True))
        return whole, part_vectors(tokens, places, parts, whole[0])

    def _tokens(self, encoding: Any) -> "Floats2d":
        ids = self._cut(encoding.ids)
        inputs = {
            "input_ids": np.array([ids], np.int32),
            "positions": np.arange(len(ids), dtype=np.int32),
        }
        vectors: Floats2d = self._session.run(None, inputs)[0][0]
        return vectors

    def _cut(self, values: list[Any]) -> list[Any]:
        # A text that is too long loses its end, but not the token that closes every text.
        return values if len(values) <= self._max_tokens else [*values[: self._max_tokens - 1], values[-1]]

    def _stacked(self, rows: "Sequence[Floats2d]") -> "Floats2d":
        return np.concatenate(rows) if rows else np.zeros((0, self._dimension), np.float32)


def prompt_tokens(embedder: Any) -> int:
    """Return how many tokens the prompt of a document takes."""
    prompt = embedder.prompts.document
    if not prompt:
        return 0
    with_prompt, without = embedder.count_tokens([prompt, ""])
    return int(with_prompt - without)


def part_vectors(tokens: "Floats2d", places: "NDArray[np.int64]", parts: "Ranges", whole: "Floats2d") -> "Floats2d":
    """Return unit rows, float32 (parts, dimension): the mean of the tokens that lie in each part, else `whole`.

    `places` are the character ranges of the tokens; those of special tokens are empty and lie in no part.
    """
    rows = np.empty((len(parts), tokens.shape[1]), np.float32)
    for number, (start, end) in enumerate(parts):
        inside = (places[:, 0] >= start) & (places[:, 1] <= end) & (places[:, 0] < places[:, 1])
        rows[number] = tokens[inside].mean(axis=0) if inside.any() else whole
    return _unit(rows)


def _unit(rows: "Floats2d") -> "Floats2d":
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)
