"""Says in one line how a package that an optional part needs is installed."""

from importlib.util import find_spec

from rag.core.errors import ExtraNotInstalled


def install_command(extra: str) -> str:
    """Return the sentence that installs an extra.

    >>> install_command("mcp")
    "Install it: pip install 'pincite-slim[mcp]'"
    """
    return f"Install it: pip install 'pincite-slim[{extra}]'"


def require_package(module: str, extra: str, need: str) -> None:
    """Raise ExtraNotInstalled if `module` is not there; `need` begins the sentence that ends in "with `module`"."""
    if find_spec(module.partition(".")[0]) is None:
        raise ExtraNotInstalled(f"{need} with {module}, which is not installed.", install_command(extra))
