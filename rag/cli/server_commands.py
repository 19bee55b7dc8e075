"""The shell of the service: `rag token add | list | remove` and `rag mcp`."""

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.core.configuration import changes_of
from rag.core.errors import IndexNotFound, InvalidSettings
from rag.server.api.tokens import TOKENS, Tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rag.server.page import Options
    from rag.server.shared_assistant import SharedAssistant
    from rag.server.web import Attach

tokens = typer.Typer(no_args_is_help=True, help="Make, list or remove tokens for programs that ask over the network.")
IndexOption = Annotated[Path, typer.Option("--index", help="Folder of the index.")]
ScopeOption = Annotated[str, typer.Option("--scope", help="read, write (documents too) or admin (figures too).")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="A setting as key=value; may be repeated.")]
DEFAULT_INDEX = Path("index")


@tokens.command("add")
def add_token(name: str, scope: ScopeOption = "read", index: IndexOption = DEFAULT_INDEX) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    typer.echo(_tokens(index).add(name, scope))


@tokens.command("list")
def list_tokens(index: IndexOption = DEFAULT_INDEX) -> None:
    """List the tokens: name, scope, when it was made."""
    for token in _tokens(index).listed():
        typer.echo(f"{token.name}\t{token.scope}\t{token.created_at}")


@tokens.command("remove")
def remove_token(name: str, index: IndexOption = DEFAULT_INDEX) -> None:
    """Remove a token; it counts for nothing from now on."""
    _tokens(index).remove(name)
    typer.echo(f"Removed {name}.")


def mcp_command(index: IndexOption = DEFAULT_INDEX, settings: SetOption = None) -> None:
    """Serve MCP to the program that started this one, over standard input and output; nothing is changed."""
    if find_spec("mcp") is None:
        raise InvalidSettings("The MCP library is not installed.", "Install it: pip install 'pincite[mcp]'")
    import asyncio

    from rag.answering.assistant import Assistant
    from rag.index.index import Index
    from rag.server.api.operations import Operations
    from rag.server.api.queueing import RequestQueue
    from rag.server.api.tools import serve_stdio
    from rag.server.shared_assistant import SharedAssistant

    with closing(Index.open(index)) as opened:  # a mistake is told before anyone speaks MCP
        wanted = opened.settings.updated(changes_of(settings))
        opened.require(wanted)
    operations = Operations(SharedAssistant(lambda: Assistant.open(index, wanted)))
    asyncio.run(serve_stdio(operations, RequestQueue(1_000_000)))


def attach_service(index: Path) -> "Attach":
    """Return what puts the service over an index before its page, with its log on standard error."""

    def attach(app: "FastAPI", assistant: "SharedAssistant", options: "Options") -> None:
        from rag.server.api.application import attach as put_before
        from rag.server.api.journal import log_to_stderr

        log_to_stderr()
        put_before(app, assistant, options, Tokens(index / TOKENS))

    return attach


def _tokens(index: Path) -> Tokens:
    if not (index / "manifest.json").is_file():
        raise IndexNotFound(f"There is no index at {index}.", "Build one: rag index PATH --index FOLDER")
    return Tokens(index / TOKENS)
