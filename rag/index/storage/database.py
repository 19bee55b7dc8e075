"""Opens a SQLite file so that its errors are ours: the disk's refusal of a writer, or a damaged file."""

import sqlite3
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.core.errors import IndexCorrupt
from rag.index.storage.remedies import BUILD_AGAIN

REFUSALS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""Codes by which SQLite tells a writer that the disk is at fault; to a reader they say that its file is."""


class DatabaseFile:
    """A connection whose errors are ours: OSError where the disk refuses a writer, else IndexCorrupt."""

    def __init__(self, path: Path, writable: bool) -> None:
        """Open the file; what is not `writable` is taken to be changed by nobody. Raises IndexCorrupt."""
        self._path, self._writable = path, writable
        mode = "?mode=rwc" if writable else "?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(
                path.absolute().as_uri() + mode, uri=True, check_same_thread=False, isolation_level=None
            )
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error
        # Whoever still reads a version that was replaced goes on reading it; the last one to let go closes it.
        self.close = weakref.finalize(self, self._database.close)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all that a query finds; SQLite may notice damage only while it reads them."""
        try:
            return self._database.execute(query, values).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._translated(error) from error

    def insert(self, statement: str, values: Sequence[Any]) -> int:
        """Return the key of the new row."""
        try:
            return int(self._database.execute(statement, values).lastrowid or 0)
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.DatabaseError | UnicodeDecodeError) -> Exception:
        if self._writable and getattr(error, "sqlite_errorcode", 0) & 0xFF in REFUSALS:
            return OSError(f"{self._path}: {error}")
        if isinstance(error, sqlite3.ProgrammingError):
            return error  # the program's own fault, such as reading after `close`
        return corrupt(self._path, error)


def corrupt(path: Path, error: Exception) -> IndexCorrupt:
    """Return the error for a file that does not hold what was written."""
    return IndexCorrupt(f"{path} is damaged: {error}.", BUILD_AGAIN)
