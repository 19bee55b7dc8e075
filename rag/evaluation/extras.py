"""Says early which optional packages an evaluation lacks, before hours are spent."""

import importlib.util

from rag.core.errors import EvaluationError


def require_extra(*modules: str) -> None:
    """Raise EvaluationError, with the command that helps, where one of the modules is not installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise EvaluationError(f"Not installed: {', '.join(missing)}.", "Run: pip install 'pincite[eval]'")
