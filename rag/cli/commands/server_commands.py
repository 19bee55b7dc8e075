"""Makes tokens and serves MCP: `rag token` and `rag mcp`; `attach_service` puts REST and MCP beside the page."""

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rag.cli.commands.collection_commands import CollectionOption, RightsOption, list_holders, roles_of
from rag.cli.options import DEFAULT_INDEX, IndexOption, SetOption
from rag.core.configuration import changes_of
from rag.core.errors import IndexNotFound, InvalidSettings
from rag.index.location import require_folder
from rag.index.storage.manifest import TOKENS
from rag.server.api.tokens import Tokens
from rag.server.rights.rights_file import DEFAULT_RIGHTS, Rights

tokens = typer.Typer(no_args_is_help=True, help="Make, list or remove tokens for programs that ask over the network.")
ScopeOption = Annotated[
    str, typer.Option("--scope", "--role", help="read, write (documents too) or admin (figures too).")
]


@tokens.command("add")
def add_token(
    name: str,
    scope: ScopeOption = "read",
    index: IndexOption = DEFAULT_INDEX,
    collection: CollectionOption = None,
    rights: RightsOption = None,
) -> None:
    """Make a token and print it once: only its hash is stored. It is for one index, or for the collections named."""
    if collection or rights:
        typer.echo(Rights(rights or DEFAULT_RIGHTS).add_token(name, roles_of(collection, scope)))
    else:
        typer.echo(_tokens(index).add(name, scope))


@tokens.command("list")
def list_tokens(index: IndexOption = DEFAULT_INDEX, rights: RightsOption = None) -> None:
    """List each token's name, scope and date."""
    if rights is not None:
        list_holders("token", rights)
        return
    for token in _tokens(index).listed():
        typer.echo(f"{token.name}\t{token.scope}\t{token.created_at}")


@tokens.command("remove")
def remove_token(name: str, index: IndexOption = DEFAULT_INDEX, rights: RightsOption = None) -> None:
    """Remove a token; requests with it are refused at once."""
    if rights is not None:
        Rights(rights).remove("token", name)
    else:
        _tokens(index).remove(name)
    typer.echo(f"Removed {name}.")


def mcp_command(index: IndexOption = DEFAULT_INDEX, settings: SetOption = None) -> None:
    """Serve MCP to the program that started this one, over standard input and output; it changes nothing."""
    if find_spec("mcp") is None:
        raise InvalidSettings("The MCP library is not installed.", "Install it: pip install 'pincite-slim[mcp]'")
    import asyncio

    from rag.answering.assistant import Assistant
    from rag.index.index import Index
    from rag.server.api.mcp.tools import serve_stdio
    from rag.server.api.request_queue import RequestQueue
    from rag.server.api.rest.handlers import Handlers
    from rag.server.shared_assistant import SharedAssistant

    with closing(Index.open(index)) as opened:  # so that a mistake is reported before MCP starts
        new_settings = opened.settings.updated(changes_of(settings))
        opened.require(new_settings)
    handlers = Handlers(SharedAssistant(lambda: Assistant.open(index, new_settings)))
    asyncio.run(serve_stdio(handlers, RequestQueue(1_000_000)))


def _tokens(index: Path) -> Tokens:
    if not (require_folder(index, "rag token") / "manifest.json").is_file():
        raise IndexNotFound(f"There is no index at {index}.", "Build one: rag index PATH --index FOLDER")
    return Tokens(index / TOKENS)
