"""Decides whether a folder or an address was given, and which engine stores the index there."""

from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.addresses import address_kind, shown_location
from rag.core.errors import InvalidInput

if TYPE_CHECKING:
    from rag.index.engine import IndexEngine

MILVUS = "milvus"
POSTGRES = ("postgresql", "postgres")
KNOWN_ADDRESSES = "postgresql:// or milvus://"


def folder_of(location: str | Path) -> Path | None:
    """Return the folder that a location names, None if it is the address of a server.

    Raises InvalidInput for an address of an unknown kind, which would else become a folder of that name.

    >>> folder_of("index/"), folder_of("postgresql://localhost/news")
    (PosixPath('index'), None)
    """
    kind = address_kind(location)
    if kind is None:
        return Path(location)
    if kind not in (MILVUS, *POSTGRES):
        what = f"{kind}: is no kind of address that holds an index."
        raise InvalidInput(what, f"Give a folder, or an address that begins with {KNOWN_ADDRESSES}")
    return None


def require_folder(location: str | Path, command: str) -> Path:
    """Return the folder that a location names. Raises InvalidInput if it is an address: `command` needs a folder."""
    folder = folder_of(location)
    if folder is None:
        shown = shown_location(location)
        remedy = f"Give one: --index FOLDER. To make one: rag index --from {shown} --index FOLDER"
        raise InvalidInput(f"{command} needs an index in a folder, not {shown}.", remedy)
    return folder


def engine_at(location: str | Path) -> "IndexEngine":
    """Return the engine of a location; the client of a server is imported only if its address is given."""
    folder = folder_of(location)
    if folder is None and address_kind(location) in POSTGRES:
        from rag.index.postgres.engine import PostgresEngine

        return PostgresEngine(location)
    if folder is None:
        from rag.index.milvus.engine import MilvusEngine

        return MilvusEngine(location)
    from rag.index.folder import FolderEngine

    return FolderEngine(folder)
