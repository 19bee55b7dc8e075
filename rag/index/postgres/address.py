"""Reads the address of an index in a PostgreSQL database: `postgresql://HOST:PORT/DATABASE?OPTION=VALUE`.

Two options are Pincite's own: `schema` names the schema of the index (`pincite`), `timeout` limits a request in seconds
(10). All others go to libpq, such as `sslmode=verify-full`, `service=news` or `target_session_attrs`. Several hosts are
separated by commas. The variables `PGHOST`, `PGUSER`, `PGSERVICE` and so on complete the address.
The password is never in the address, because addresses are shown.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from rag.core.errors import InvalidInput

POSTGRES_SCHEMES = ("postgresql", "postgres")
DEFAULT_SCHEMA, DEFAULT_TIMEOUT = "pincite", 10.0
MAX_TIMEOUT_SECONDS = 3600
POSTGRES_FORM = "Write postgresql://USER@HOST:PORT/DATABASE, or postgresql:///DATABASE for the server of PGHOST."
PASSWORD_REMEDY = "Give it in PGPASSWORD, in the file of PGPASSFILE (~/.pgpass), or in a service file."
# One slash or more, because a path object keeps only one of two.
_ADDRESS = re.compile(r"postgres(?:ql)?:(/*)([^?#]*)(?:\?(.*))?", re.DOTALL)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class PostgresAddress:
    """The place of an index: `connection` is for libpq, `shown` is for the user and has no password."""

    connection: str
    shown: str
    schema: str = DEFAULT_SCHEMA
    timeout: float = DEFAULT_TIMEOUT
    has_several_hosts: bool = False


def postgres_address(location: str | Path) -> PostgresAddress:
    """Return the address in `location`. Raises InvalidInput if it is none or holds a password.

    >>> postgres_address("postgresql://ann@db.example/news?schema=uk").connection
    'postgresql://ann@db.example/news'
    """
    text = location.as_posix() if isinstance(location, Path) else location
    match = _ADDRESS.fullmatch(text)
    if not match:
        raise InvalidInput(f"{_without_password(text)!r} is not the address of a database.", POSTGRES_FORM)
    host, database = _parts(match[2], match[1])
    if ":" in host.rpartition("@")[0]:
        raise InvalidInput(f"The address {_without_password(text)!r} holds a password.", PASSWORD_REMEDY)
    options = dict(parse_qsl(match[3] or "", keep_blank_values=True))
    if "password" in options:
        raise InvalidInput("The address holds a password.", PASSWORD_REMEDY)
    schema, timeout = options.pop("schema", DEFAULT_SCHEMA), options.pop("timeout", str(DEFAULT_TIMEOUT))
    rest = f"?{urlencode(options, quote_via=quote)}" if options else ""
    own = {"schema": schema} if schema != DEFAULT_SCHEMA else {}
    own |= {"timeout": timeout} if _seconds(timeout) != DEFAULT_TIMEOUT else {}
    shown = f"?{urlencode({**options, **own}, safe='/', quote_via=quote)}" if options or own else ""
    base = f"postgresql://{host}/{database}"
    hosts = options.get("host", host)
    return PostgresAddress(base + rest, base + shown, _schema(schema), _seconds(timeout), "," in hosts)


def _parts(text: str, slashes: str) -> tuple[str, str]:
    """Return host and database. A path object turns `///news` into `/news`, so a single part is the database."""
    if len(slashes) > 2:
        return "", text
    host, slash, database = text.partition("/")
    if not slash and len(slashes) == 2 and host:
        raise InvalidInput(f"The address postgresql://{host} names no database.", POSTGRES_FORM)
    host, database = (host, database) if slash else ("", host)
    if "/" in database.rstrip("/"):
        raise InvalidInput(f"{unquote(database)!r} is not the name of a database.", POSTGRES_FORM)
    return host, database.rstrip("/")


def _schema(name: str) -> str:
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_"):
        what = f"The address has schema={name!r}."
        raise InvalidInput(what, "Give a name of small letters, digits and _, such as schema=news.")
    return name


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise InvalidInput(f"The address has timeout={text!r}.", "Give seconds above 0, such as timeout=10.")
    return seconds


def _without_password(text: str) -> str:
    return re.sub(r"(:/*[^/?@:]*):[^/@]*@", r"\1:…@", text)
