"""The page: a question, its quotations, and each one marked in its source. Nothing on it comes from elsewhere.

Its names are loaded at their first use: Gradio takes seconds to import, and modules that only make HTML do not need it.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from rag.core.settings import Options, name_and_password

if TYPE_CHECKING:
    from rag.server.page.page import build_page
    from rag.server.web import serve, serve_assistant

# Gradio reads this when it is imported, which only the modules below this one do.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

_MODULES = {"build_page": "rag.server.page.page", "serve": "rag.server.web", "serve_assistant": "rag.server.web"}

__all__ = ["Options", "build_page", "name_and_password", "serve", "serve_assistant"]


def __getattr__(name: str) -> object:
    """Load a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'rag.server.page' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
