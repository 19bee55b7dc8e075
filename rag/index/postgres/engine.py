"""Opens and writes the index at an address of a PostgreSQL database: the engine behind `postgresql://`."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.core.errors import IndexCorrupt, IndexLocked, IndexNotFound
from rag.core.reports import IndexReport
from rag.core.settings import Settings
from rag.index.engine import VersionParts, WriteVersion
from rag.index.postgres.address import postgres_address
from rag.index.postgres.connection import Database, database_at
from rag.index.postgres.documents import PostgresDocuments, Visible
from rag.index.postgres.schema import migrate, require_known_schema
from rag.index.postgres.vectors import PostgresVectors
from rag.index.postgres.words import PostgresRanking
from rag.index.storage.integrity import DeferredChecks
from rag.index.storage.manifest import Manifest
from rag.index.storage.remedies import BUILD_AGAIN

if TYPE_CHECKING:
    from psycopg import Connection

    from rag.core.protocols import Embedder
    from rag.index.writing.build import WriteRequest

LOCK_CLASS = 0x50494E43
"""The first half of the key of the writer's advisory lock; the second is the hash of the schema's name."""
MANIFEST_COLUMNS = (
    "number, fingerprint, embedder::text, settings::text, documents, passages, package, stem_tokens, word_tokens,"
    " heading_tokens, current_setting('server_version')"
)


class PostgresVersion:
    """One committed version in a database."""

    def __init__(self, database: Database, manifest: Manifest, tokens: Mapping[str, int], server: str) -> None:
        """Open nothing yet. `tokens` are the numbers of words of all passages, `server` is the server's version."""
        self._database, self.manifest, self._tokens, self._server = database, manifest, tokens, server
        self._visible = Visible(manifest.version)

    def documents(self) -> PostgresDocuments:
        """Return the documents alone."""
        counts = self.manifest.documents, self.manifest.chunks
        return PostgresDocuments(self._database.address.shown, self._database.rows, self._visible, counts)

    def open(self, stemmer: str) -> VersionParts:
        """Return all stores. Nothing is read before a question."""
        dimension, count = int(self.manifest.embedder["dimension"]), self.manifest.chunks
        vectors = PostgresVectors(self._database.rows, self._visible, dimension, count)
        words = PostgresRanking(self._database.rows, self._visible, count, self._tokens).words(stemmer)
        checks = DeferredChecks(Path(), self.manifest)  # the manifest of a database names no files
        facts = {
            "name": "postgresql",
            "version": self._server,
            "consistency": "the version named here",
            "candidates": "dense and lexical",
        }
        return VersionParts(self.documents(), vectors, words, checks, facts)


class PostgresEngine:
    """The index at one address."""

    def __init__(self, location: str | Path) -> None:
        """Connect to nothing yet. Raises InvalidInput, ExtraNotInstalled."""
        self.address = postgres_address(location)
        self.path = Path(self.address.shown)
        self.database = database_at(self.address)

    def latest(self, newest: bool = True) -> PostgresVersion:
        """Read the current version. Raises IndexNotFound and other IndexProblems."""
        schema, shown = self.address.schema, self.address.shown
        ((applied,),) = self.database.rows(f'SELECT count(*) FROM "{schema}".migrations')
        require_known_schema(applied, shown)
        rows = self.database.rows(f'SELECT {MANIFEST_COLUMNS} FROM "{schema}".versions ORDER BY number DESC LIMIT 1')
        if not rows:
            raise IndexNotFound(f"There is no index at {shown}.", f"Build one: rag index PATH --index {shown}")
        number, fingerprint, embedder, settings, documents, passages, package, *tokens, server = rows[0]
        try:
            manifest = Manifest(
                number, fingerprint, json.loads(embedder), json.loads(settings), documents, passages, {}, package
            )
        except ValueError as error:
            raise IndexCorrupt(f"The row of version {number} in {shown} is damaged: {error}.", BUILD_AGAIN) from error
        names = ("stem_tokens", "word_tokens", "heading_tokens")
        return PostgresVersion(self.database, manifest, dict(zip(names, tokens, strict=True)), server.split()[0])

    def exists(self) -> bool:
        """Tell whether there is an index."""
        try:
            self.latest()
        except IndexNotFound:
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[WriteVersion]:
        """Hold the lock of the one writer and give the function that writes. Raises IndexLocked, IndexWriteFailed."""
        from rag.index.postgres.session import WriteSession
        from rag.index.postgres.writing import write_version

        with self.database.writing() as connection:
            self._lock(connection)
            self.database.require_pgvector(connection)
            migrate(connection, self.address.schema, self.address.shown)

            def write(
                base: Manifest | None, embedder: "Callable[[], Embedder]", settings: Settings, request: "WriteRequest"
            ) -> IndexReport:
                session = WriteSession(connection, self.address.shown)
                return write_version(session, base, embedder, settings, request)

            yield write

    def _lock(self, connection: "Connection[Any]") -> None:
        schema = self.address.schema
        ((is_locked,),) = connection.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (LOCK_CLASS, schema)
        ).fetchall()
        if not is_locked:
            raise IndexLocked(
                f"The index at {self.address.shown} is being written by {_holder(connection, schema)}.",
                "Wait until it has ended, then try again.",
            )


def _holder(connection: "Connection[Any]", schema: str) -> str:
    rows = connection.execute(
        "SELECT a.application_name, a.client_addr::text FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = %s"
        " AND l.objid = hashtext(%s)::bit(32)::bigint::oid",
        (LOCK_CLASS, schema),
    ).fetchall()
    return str(rows[0][0] or rows[0][1]) if rows else "another process"
