"""Serves several indexes by name, and gives users and tokens their rights in them: `rag user`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.options import DEFAULT_INDEX, open_index
from rag.core.configuration import changes_of
from rag.core.errors import InvalidInput, InvalidSettings
from rag.core.text.plain_text import printable
from rag.server.rights.rights_file import COLLECTION_NAME, DEFAULT_RIGHTS, Rights

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant
    from rag.core.settings import Options
    from rag.server.rights.rights_file import HolderKind

users = typer.Typer(no_args_is_help=True, help="Give people rights in the collections of a server.")
COLLECTION_HELP = "A collection of `rag serve --index NAME=FOLDER`, * for all; may be repeated, as NAME=ROLE too."
ROLE_HELP = "read, write (documents too) or admin (figures too), in all collections without a role of their own."
RIGHTS_HELP = f"File of the rights in collections; {DEFAULT_RIGHTS} in this folder if --collection is given."
NO_PASSWORD_HELP = "Give no password: the proxy of --trust-proxy-user names the user."
STDIN_HELP = "Read the password from standard input."
CollectionOption = Annotated[list[str] | None, typer.Option("--collection", help=COLLECTION_HELP)]
RoleOption = Annotated[str, typer.Option("--role", help=ROLE_HELP)]
RightsOption = Annotated[Path | None, typer.Option("--rights", help=RIGHTS_HELP)]


@users.command("add")
def add_user(
    name: str,
    collection: CollectionOption = None,
    role: RoleOption = "read",
    no_password: Annotated[bool, typer.Option("--no-password", help=NO_PASSWORD_HELP)] = False,
    from_stdin: Annotated[bool, typer.Option("--password-stdin", help=STDIN_HELP)] = False,
    rights: RightsOption = None,
) -> None:
    """Add a user, who logs in on the page with a password."""
    roles = roles_of(collection, role)
    password = None if no_password else _password(from_stdin)
    Rights(rights or DEFAULT_RIGHTS).add_user(name, roles, password)
    typer.echo(f"Added {printable(name)}.")


@users.command("list")
def list_users(rights: RightsOption = None) -> None:
    """List each user's name, roles and date."""
    list_holders("user", rights or DEFAULT_RIGHTS)


@users.command("remove")
def remove_user(name: str, rights: RightsOption = None) -> None:
    """Remove a user; requests of his are refused at once."""
    Rights(rights or DEFAULT_RIGHTS).remove("user", name)
    typer.echo(f"Removed {printable(name)}.")


def list_holders(kind: "HolderKind", file: Path) -> None:
    """Print the users or the tokens of a file of rights."""
    for holder in Rights(file).holders():
        if holder.kind == kind:
            roles = ", ".join(f"{collection}={role}" for collection, role in holder.roles.items())
            typer.echo(f"{printable(holder.name)}\t{roles}\t{holder.created_at}")


def roles_of(collections: Sequence[str] | None, role: str) -> dict[str, str]:
    """Return the role in each collection: its own in NAME=ROLE, else `role`.

    >>> roles_of(["handbook", "contracts=write"], "read")
    {'handbook': 'read', 'contracts': 'write'}
    """
    pairs = (collection.partition("=") for collection in collections or ())
    return {name: own if sign else role for name, sign, own in pairs}


def named_indexes(values: Sequence[str] | None) -> dict[str, Path]:
    """Return the folders of `--index NAME=FOLDER` by name; that of one `--index FOLDER` has an empty name.

    Raises InvalidInput if a name is missing or given twice, or if two names stand for one folder.

    >>> named_indexes(["handbook=a", "contracts=b"])
    {'handbook': PosixPath('a'), 'contracts': PosixPath('b')}
    """
    if not values:
        return {"": DEFAULT_INDEX}
    pairs = [_name_and_folder(value) for value in values]
    indexes = dict(pairs)
    if len(pairs) > 1 and "" in indexes:
        raise InvalidInput("Several indexes are given, and one has no name.", "Give names: --index handbook=FOLDER")
    if len(indexes) < len(pairs):
        raise InvalidInput("Two indexes have the same name.", "Give each a name of its own.")
    if len({folder.resolve() for folder in indexes.values()}) < len(indexes):
        raise InvalidInput("Two names stand for the same folder.", "Give each index once.")
    return indexes


def serve_named(
    indexes: Mapping[str, Path], settings: list[str] | None, options: "Options", rights: Path | None
) -> None:
    """Serve several indexes by name. Raises what opening one of them does."""
    from rag.answering.assistant import Assistant
    from rag.server.collections.serving import serve_collections

    if rights is not None and not rights.is_file():
        raise InvalidInput(f"There is no file {rights}.", "Make it: rag user add NAME --collection NAME --rights FILE")
    changes = changes_of(settings)

    def opening(folder: Path) -> "Callable[[], Assistant]":
        new_settings = open_index(folder).settings.updated(changes)
        return lambda: Assistant.open(folder, new_settings)

    serve_collections(indexes, opening, options, Rights((rights or DEFAULT_RIGHTS).absolute()))


def require_no_proxy_users(options: "Options", rights: Path | None) -> None:
    """Raise InvalidSettings if rights in collections are given for an index without a name."""
    if options.trust_proxy_user or rights is not None:
        what = "Users and rights are for collections, and the index has no name."
        raise InvalidSettings(what, "Name it: rag serve --index handbook=FOLDER")


def _name_and_folder(value: str) -> tuple[str, Path]:
    name, sign, folder = value.partition("=")
    is_named = sign and folder and COLLECTION_NAME.fullmatch(name) and not Path(value).is_dir()
    return (name, Path(folder)) if is_named else ("", Path(value))


def _password(from_stdin: bool) -> str:
    password = (
        sys.stdin.readline().rstrip("\n")
        if from_stdin
        else str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    )
    if not password:
        raise InvalidInput("The password is empty.", "Give one, or --no-password for users that a proxy names.")
    return password
