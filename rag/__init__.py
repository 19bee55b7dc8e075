"""Answers questions over your own articles with verbatim, verified quotations.

The names below are loaded at their first use, so that `import rag` loads no heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.errors import RagError
    from rag.index import Index
    from rag.reports import IndexReport
    from rag.response import Answer, Citation, NoAnswer, Response
    from rag.settings import Settings
    from rag.types import Document, Span

_ROOMS = {
    "Answer": "rag.response",
    "Assistant": "rag.assistant",
    "Citation": "rag.response",
    "Document": "rag.types",
    "Index": "rag.index",
    "IndexReport": "rag.reports",
    "NoAnswer": "rag.response",
    "RagError": "rag.errors",
    "Response": "rag.response",
    "Settings": "rag.settings",
    "Span": "rag.types",
}

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Document",
    "Index",
    "IndexReport",
    "NoAnswer",
    "RagError",
    "Response",
    "Settings",
    "Span",
]


def __getattr__(name: str) -> object:
    """Load a public name at its first use."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)
