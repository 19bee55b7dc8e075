"""Connects to a PostgreSQL server, shares connections among threads, and translates errors."""

import atexit
import os
import socket
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

from rag.core.errors import (
    ExtraNotInstalled,
    IndexNotFound,
    IndexProblem,
    IndexUnreachable,
    IndexVersionMismatch,
    IndexWriteFailed,
)
from rag.core.text.plain_text import printable
from rag.index.postgres.address import PASSWORD_REMEDY, PostgresAddress

if TYPE_CHECKING:
    from psycopg import Connection, Error

MAX_POSTGRES_CONNECTIONS = 8
"""Connections of a process to one address. More threads than that wait for one another."""
RETRY_SECONDS, GRACE_SECONDS = 0.2, 1.0
MIN_SERVER, MIN_PGVECTOR = 140_000, (0, 8)
"""PostgreSQL 14 has multiranges, and pgvector 0.8 goes on searching until enough rows pass a filter."""
SEARCH_SETTINGS = "SET hnsw.ef_search = 1000; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 200000"
CONNECTION_REMEDIES = (
    ("password", f"Check the user and the password. {PASSWORD_REMEDY}"),
    ("permission denied", "Give the user rights: GRANT USAGE ON SCHEMA …; GRANT SELECT ON ALL TABLES IN SCHEMA …"),
    ("no pg_hba.conf entry", "Ask the administrator to allow this host, user and database, or use another sslmode."),
    ("too many connections", "Raise the limit of connections of this user or database."),
    ("role", "Check the user of the address or of PGUSER."),
    ("does not exist", "Create the database: createdb NAME, or check its name."),
    ("too many clients", "Close other clients, raise max_connections of the server, or put a pooler before it."),
    ("remaining connection slots", "Close other clients, or raise max_connections of the server."),
    ("service", "Check the name of the service and its file: PGSERVICE, PGSERVICEFILE."),
    ("SSL", "Check sslmode, sslrootcert and the certificate of the server."),
)
RUNS = "See that the server runs and can be reached; questions go on by themselves when it is back."
TEMPORARY = ("too many clients", "remaining connection slots", "too many connections", "starting up", "shutting down",
             "refused", "No such file", "in recovery mode", "not yet accepting")  # fmt: skip
"""Parts of messages about a server that may take connections a moment later."""


class Database:
    """The connections of this process to one address."""

    def __init__(self, address: PostgresAddress) -> None:
        """Connect to nothing yet. Raises ExtraNotInstalled."""
        self.address = address
        self._psycopg = _psycopg(address.shown)
        self._free: list[Connection[Any]] = []
        self._process = os.getpid()
        self._changing, self._slots = Lock(), BoundedSemaphore(MAX_POSTGRES_CONNECTIONS)
        atexit.register(self.close)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query that only reads. It is sent again if the connection breaks.

        Raises IndexNotFound if there are no tables, and IndexUnreachable once the time-out is over.
        """
        end = time.monotonic() + self.address.timeout
        while True:
            try:
                with self._lent(end) as connection:
                    return connection.cursor(binary=True).execute(query, values or None).fetchall()
            except (self._psycopg.errors.UndefinedTable, self._psycopg.errors.InvalidSchemaName):
                shown = self.address.shown
                raise IndexNotFound(
                    f"There is no index at {shown}.", f"Build one: rag index PATH --index {shown}"
                ) from None
            except self._psycopg.ProgrammingError as error:
                raise self.unreachable(error) from error
            except self._psycopg.OperationalError as error:
                self.close()  # a server that was restarted has closed the other connections too
                is_lost = not isinstance(error, self._psycopg.errors.QueryCanceled)
                if not is_lost or time.monotonic() + RETRY_SECONDS >= end:
                    raise self.unreachable(error) from error
            time.sleep(RETRY_SECONDS)

    @contextmanager
    def writing(self) -> "Iterator[Connection[Any]]":
        """Give a connection of its own inside a transaction, which is rolled back unless it is committed.

        Raises IndexUnreachable, IndexWriteFailed.
        """
        options = {"target_session_attrs": "read-write"} if self.address.has_several_hosts else {}
        connection = self._connect(time.monotonic() + self.address.timeout, autocommit=False, **options)
        try:
            # A write waits for the embedder between its statements, however long that takes.
            connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            yield connection
        except self._psycopg.Error as error:
            raise self.write_failed(error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._changing:
            connections, self._free = self._free, []
        if self._process == os.getpid():
            for connection in connections:
                connection.close()

    def unreachable(self, error: "Error | str") -> IndexProblem:
        """Return the error for a server that did not answer."""
        text = _reason(error)
        remedy = next((remedy for part, remedy in CONNECTION_REMEDIES if part in text), RUNS)
        return IndexUnreachable(f"PostgreSQL did not answer for {self.address.shown}: {text}.", remedy)

    def write_failed(self, error: "Error") -> IndexProblem:
        """Return the error for a write that the server refused or that the connection did not survive."""
        remedy = "The index is still at its last commit; run the command again."
        errors = self._psycopg.errors
        if isinstance(error, errors.InsufficientPrivilege):
            remedy = "Give the user the right to create and write the schema: GRANT CREATE ON DATABASE … TO …"
        elif isinstance(error, errors.ReadOnlySqlTransaction):
            remedy = "This server is a replica. Give the address of the primary server to write."
        elif isinstance(error, errors.DiskFull):
            remedy = "The index is still at its last commit; free space on the server, then run the command again."
        return IndexWriteFailed(f"Writing {self.address.shown} failed: {_reason(error)}.", remedy)

    @contextmanager
    def _lent(self, end: float) -> "Iterator[Connection[Any]]":
        if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
            raise self.unreachable(f"all {MAX_POSTGRES_CONNECTIONS} connections of this process are in use")
        try:
            connection = self._unused() or self._with_limit(self._connect(end, autocommit=True))
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._changing:
                self._free.append(connection)
        finally:
            self._slots.release()

    def _unused(self) -> "Connection[Any] | None":
        with self._changing:
            if self._process != os.getpid():
                # A forked process must not use the connections of its parent, nor close them.
                self._free, self._process = [], os.getpid()
            return self._free.pop() if self._free else None

    def _connect(self, end: float, autocommit: bool, **options: str) -> "Connection[Any]":
        seconds = max(2, round(self.address.timeout))
        while True:
            try:
                connection: Connection[Any] = self._psycopg.connect(
                    self.address.connection, autocommit=True, prepare_threshold=None, connect_timeout=seconds,
                    application_name=holder_name(), keepalives_idle=30, tcp_user_timeout=seconds * 1000, **options,
                )  # fmt: skip
                break
            except self._psycopg.OperationalError as error:
                is_temporary = any(part in str(error) for part in TEMPORARY)
                if not is_temporary or time.monotonic() + RETRY_SECONDS >= end:
                    raise self.unreachable(error) from error
            time.sleep(RETRY_SECONDS)
        try:
            self._prepare(connection)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection

    def _with_limit(self, connection: "Connection[Any]") -> "Connection[Any]":
        """Let each call end soon after the time-out, even if the server stands still and does not end it itself."""
        wait: Any = connection.wait

        def limited_wait(steps: Any, *options: Any, **named: Any) -> Any:
            end = time.monotonic() + self.address.timeout + GRACE_SECONDS
            return wait(self._limited(steps, end), *options, **named)

        connection.wait = limited_wait  # type: ignore[method-assign, assignment]
        return connection

    def _limited(self, steps: "Generator[Any, Any, Any]", end: float) -> "Generator[Any, Any, Any]":
        """Run the steps of the client, which is told every tenth of a second that nothing has come."""
        step = next(steps)
        while True:
            ready = yield step
            if not ready and time.monotonic() > end:
                raise self._psycopg.OperationalError(f"no answer within {self.address.timeout:g} s")
            try:
                step = steps.send(ready)
            except StopIteration as finished:
                return finished.value

    def _prepare(self, connection: "Connection[Any]") -> None:
        if connection.info.server_version < MIN_SERVER:
            what = f"{self.address.shown} is PostgreSQL {connection.info.server_version // 10_000}."
            raise IndexVersionMismatch(what, f"Pincite needs PostgreSQL {MIN_SERVER // 10_000} or later.")
        extension = _extension(connection)
        schemas = [f'"{self.address.schema}"', *([f'"{extension[1]}"'] if extension else [])]
        connection.execute(f"SET search_path = {', '.join(schemas)}")
        connection.execute(f"SET statement_timeout = {round(self.address.timeout * 1000)}; {SEARCH_SETTINGS}")
        if extension:
            _require_pgvector(extension[0], self.address.shown)

    def require_pgvector(self, connection: "Connection[Any]") -> str:
        """Create the extension if it is missing, and return its version. Raises IndexVersionMismatch."""
        extension = _extension(connection)
        if extension is None:
            try:
                connection.execute("CREATE EXTENSION vector SCHEMA public")
            except self._psycopg.Error as error:
                what = f"{self.address.shown} has no pgvector: {_reason(error)}."
                remedy = "Install pgvector on the server, then let its administrator run: CREATE EXTENSION vector"
                raise IndexVersionMismatch(what, remedy) from error
            extension = _extension(connection)
            connection.execute(f'SET search_path = "{self.address.schema}", public')
        assert extension is not None
        _require_pgvector(extension[0], self.address.shown)
        return str(extension[0])


@lru_cache(maxsize=16)
def database_at(address: PostgresAddress) -> Database:
    """Return the connections to an address, which all users of it share."""
    return Database(address)


def holder_name() -> str:
    """Return the name by which the server lists the connections of this process."""
    return f"pincite, process {os.getpid()} on {socket.gethostname()}"[:63]


def _psycopg(shown: str) -> Any:
    try:
        import psycopg
    except ImportError:
        what = f"{shown} needs the client of PostgreSQL."
        raise ExtraNotInstalled(what, "Install it: pip install 'pincite-slim[postgres]'") from None
    return psycopg


def _extension(connection: "Connection[Any]") -> tuple[str, str] | None:
    query = "SELECT extversion, extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    rows = connection.execute(query).fetchall()
    return (str(rows[0][0]), str(rows[0][1])) if rows else None


def _require_pgvector(version: str, shown: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if numbers < MIN_PGVECTOR:
        what = f"{shown} has pgvector {version}; 0.8 or later is needed."
        raise IndexVersionMismatch(what, "Update it on the server, then run: ALTER EXTENSION vector UPDATE")


def _reason(error: "Error | str") -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(" ".join(lines[:3])).rstrip(".")[:300]
