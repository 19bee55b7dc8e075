"""REST and MCP: what the package does, for other programs, on the port of the page."""

from importlib import import_module
from typing import TYPE_CHECKING

from rag.server.api.tokens import TOKENS, Tokens

if TYPE_CHECKING:
    from rag.server.api.application import attach

__all__ = ["TOKENS", "Tokens", "attach"]


def __getattr__(name: str) -> object:
    """Load what needs FastAPI at its first use."""
    if name != "attach":
        raise AttributeError(f"module 'rag.server.api' has no attribute {name!r}")
    return getattr(import_module("rag.server.api.application"), name)
