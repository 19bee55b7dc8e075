"""Answers questions over your own articles with verbatim, verified quotations.

Each public name is imported when it is first used, so that `import rag` loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.answering.async_assistant import AsyncAssistant
    from rag.core.citations import Citation
    from rag.core.errors import RagError
    from rag.core.presentation.dataframe import responses_to_dataframe
    from rag.core.reports import IndexReport
    from rag.core.response import Answer, NoAnswer, Response
    from rag.core.settings import Settings
    from rag.core.types import Document, Span
    from rag.index.index import Index
    from rag.proofreading.proofread import proofread
    from rag.proofreading.records import ProofFinding, ProofReport

__version__ = "0.1.0"

_MODULES = {
    "Answer": "rag.core.response",
    "Assistant": "rag.answering.assistant",
    "AsyncAssistant": "rag.answering.async_assistant",
    "Citation": "rag.core.citations",
    "Document": "rag.core.types",
    "ProofFinding": "rag.proofreading.records",
    "Index": "rag.index.index",
    "IndexReport": "rag.core.reports",
    "NoAnswer": "rag.core.response",
    "ProofReport": "rag.proofreading.records",
    "RagError": "rag.core.errors",
    "Response": "rag.core.response",
    "Settings": "rag.core.settings",
    "Span": "rag.core.types",
    "proofread": "rag.proofreading.proofread",
    "responses_to_dataframe": "rag.core.presentation.dataframe",
}

__all__ = [
    "Answer",
    "Assistant",
    "AsyncAssistant",
    "Citation",
    "Document",
    "Index",
    "IndexReport",
    "NoAnswer",
    "ProofFinding",
    "ProofReport",
    "RagError",
    "Response",
    "Settings",
    "Span",
    "proofread",
    "responses_to_dataframe",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
