"""Tells the address of a server from the path of a folder."""

import re
from pathlib import Path

# A path object keeps one slash of two. One letter is the drive of a Windows path.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):[\\/].*", re.DOTALL)


def address_kind(location: str | Path) -> str | None:
    """Return what an address begins with, None if the location is a path.

    >>> address_kind("milvus://localhost/news"), address_kind("C:/index"), address_kind("index")
    ('milvus', None, None)
    """
    address = _ADDRESS.fullmatch(str(location))
    return address[1] if address else None


def shown_location(location: str | Path) -> str:
    """Return an address with both of its slashes, of which a path object keeps one; return a path as it is.

    >>> shown_location(Path("milvus://localhost/news")), shown_location(Path("postgresql:///news"))
    ('milvus://localhost/news', 'postgresql:///news')
    """
    kind = address_kind(location)
    if kind is None:
        return str(location)
    rest = (location if isinstance(location, str) else location.as_posix()).removeprefix(f"{kind}:").lstrip("/")
    has_host = "/" in rest.partition("?")[0]
    return f"{kind}://{rest}" if has_host else f"{kind}:///{rest}"
