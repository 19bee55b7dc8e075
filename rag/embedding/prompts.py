"""Reads the prompts of an embedding model: words that it was trained to see before a query or before a document."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.core.files.safe_json import json_value

CONFIGURATION = "config_sentence_transformers.json"
DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""Names that models give the prompt of a document."""


@dataclass(frozen=True)
class Prompts:
    """The words before a query and before a document, empty if the model has none."""

    query: str = ""
    document: str = ""

    def fingerprint(self, weights_sha256: str) -> str:
        """Return the fingerprint of weights with these prompts; without prompts it is that of the weights.

        Vectors that were made with other prompts are not compared, as if the weights were others.
        """
        if not (self.query or self.document):
            return weights_sha256
        return hashlib.sha256("\0".join((weights_sha256, self.query, self.document)).encode("utf-8")).hexdigest()


NO_PROMPTS = Prompts()


def prompts_among(texts: Mapping[str, Any]) -> Prompts:
    """Return the prompts among those that a model names.

    >>> prompts_among({"query": "query: ", "passage": "passage: ", "clustering": "topic: "})
    Prompts(query='query: ', document='passage: ')
    """
    return Prompts(
        str(texts.get("query") or ""),
        next((str(texts[name]) for name in DOCUMENT_PROMPTS if texts.get(name)), ""),
    )


def prompts_of_folder(path: Path) -> Prompts:
    """Return the prompts of the model in a folder, none if its configuration names none or cannot be read."""
    try:
        texts = json_value((path / CONFIGURATION).read_text(encoding="utf-8")).get("prompts")
    except (OSError, ValueError, AttributeError):
        return NO_PROMPTS
    return prompts_among(texts) if isinstance(texts, dict) else NO_PROMPTS
