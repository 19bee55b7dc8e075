"""The real embedder, watched: which texts it was given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.core.protocols import Embedder, Floats2d, Ranges


@dataclass
class Counting:
    """The real embedder; keeps every passage it is given."""

    real: "Embedder"
    fingerprint: str = ""
    texts: list[str] = field(default_factory=list)
    name: str = "all-MiniLM-L6-v2"

    def __post_init__(self) -> None:
        self.fingerprint = self.fingerprint or self.real.fingerprint
        self.dimension, self.max_tokens = self.real.dimension, self.real.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.real.count_tokens(texts)

    def embed_passages(self, texts: Sequence[str]) -> "Floats2d":
        return self.real.embed_passages(texts)

    def embed_queries(self, texts: Sequence[str]) -> "Floats2d":
        return self.real.embed_queries(texts)

    def embed_with_parts(self, texts: Sequence[str], parts: Sequence["Ranges"]) -> "tuple[Floats2d, list[Floats2d]]":
        self.texts += texts
        return self.real.embed_with_parts(texts, parts)
