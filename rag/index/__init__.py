"""Documents, vectors and words, in a folder or on a server: `Index` opens, builds, changes and describes them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.index.index import Index

__all__ = ["Index"]


def __getattr__(name: str) -> object:
    """Load `Index` at its first use, because modules of this folder are imported without it."""
    if name != "Index":
        raise AttributeError(f"module 'rag.index' has no attribute {name!r}")
    from rag.index.index import Index

    return Index
