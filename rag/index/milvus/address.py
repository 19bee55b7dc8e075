"""Reads the address of an index on a Milvus server: `milvus://HOST:PORT/NAME?OPTION=VALUE`.

Options: `db` is the database, `tls=1` an encrypted connection, `timeout` the limit of a request in seconds (10; a
question makes several). For a new index also `shards` (1), `replicas` (1), `groups` (resource groups, separated by
commas) and `search` (`hnsw` or `exact`). The login is in MILVUS_TOKEN (`user:password` or a key), never in the
address, because addresses are shown. `milvus:///FILE.db/NAME` is a file of milvus-lite, for trials.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from rag.core.errors import InvalidInput

TOKEN = "MILVUS_TOKEN"
ADDRESS_FORM = "Write milvus://HOST:PORT/NAME, NAME of letters, digits and _."
PORT = 19530
OPTIONS = ("db", "tls", "timeout", "shards", "replicas", "groups", "search")
SEARCHES = ("hnsw", "exact")
# One slash or more: a path object keeps only one of two.
_FILE = re.compile(r"milvus:/+(.+\.db)/([A-Za-z]\w{0,99})", re.ASCII)
_SERVER = re.compile(r"milvus:/+([^/?@]+)/([A-Za-z]\w{0,99})(?:\?(.*))?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """The location of an index: `uri` is for the client, `shown` is for the user."""

    uri: str
    name: str
    shown: str
    database: str = ""
    timeout: float = 10.0
    shards: int = 1
    replicas: int = 1
    groups: tuple[str, ...] = ()
    search: str = "hnsw"

    @property
    def token(self) -> str:
        """Return the login, empty if there is none."""
        return os.environ.get(TOKEN, "")


def address_of(path: str | Path) -> Address:
    """Return the address in `path`. Raises InvalidInput if it is none."""
    text = Path(path).as_posix() if isinstance(path, Path) else path
    if match := _FILE.fullmatch(text):
        file, name = f"/{match[1]}", match[2]
        return Address(file, name, f"milvus://{file}/{name}")
    match = _SERVER.fullmatch(text)
    if not match:
        raise InvalidInput(f"{_without_login(text)!r} is not the address of an index.", ADDRESS_FORM)
    host, name, query = match[1], match[2], match[3] or ""
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [key for key in options if key not in OPTIONS]
    if unknown:
        raise InvalidInput(f"The address has the option {unknown[0]!r}.", f"Known: {', '.join(OPTIONS)}.")
    host = host if re.search(r":\d+$", host) else f"{host}:{PORT}"
    if options.get("tls", "0") not in ("0", "1"):
        raise InvalidInput(
            f"The address has tls={options['tls']}.", "Write tls=1 for an encrypted connection, or tls=0."
        )
    scheme = "https" if options.get("tls") == "1" else "http"
    return Address(
        f"{scheme}://{host}", name, f"milvus://{host}/{name}{query and f'?{query}'}", options.get("db", ""),
        _number(options, "timeout", 10.0), int(_number(options, "shards", 1)), int(_number(options, "replicas", 1)),
        tuple(filter(None, options.get("groups", "").split(","))), _search(options.get("search", "hnsw")),
    )  # fmt: skip


def _number(options: dict[str, str], key: str, default: float) -> float:
    try:
        value = float(options.get(key, default))
    except ValueError:
        value = 0
    if not 0 < value < 3600 or (key != "timeout" and value != int(value)):
        raise InvalidInput(f"The address has {key}={options[key]!r}.", f"Give a number above 0, such as {default:g}.")
    return value


def _search(value: str) -> str:
    if value not in SEARCHES:
        raise InvalidInput(f"The address has search={value!r}.", f"Known: {', '.join(SEARCHES)}.")
    return value


def _without_login(text: str) -> str:
    return re.sub(r"/[^/@]*@", "/…@", text)
