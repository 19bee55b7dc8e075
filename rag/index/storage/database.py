"""Opens a SQLite file and translates its errors: OSError if the disk refuses a write, IndexCorrupt for damage."""

import sqlite3
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.core.errors import IndexCorrupt
from rag.core.text.plain_text import printable
from rag.index.storage.remedies import BUILD_AGAIN

DISK_ERRORS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""SQLite codes that blame the disk if the file is written. If it is only read, they mean a damaged file."""
MAX_REASON_CHARACTERS = 200


class DatabaseFile:
    """A connection that raises OSError if the disk refuses a write, and IndexCorrupt for any other fault."""

    def __init__(self, path: Path, writable: bool) -> None:
        """Open the file. Unless it is `writable`, nobody may change it while it is open. Raises IndexCorrupt."""
        self._path, self._writable = path, writable
        mode = "?mode=rwc" if writable else "?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(
                path.absolute().as_uri() + mode, uri=True, check_same_thread=False, isolation_level=None
            )
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error
        # Readers of a replaced version go on reading it. The last reader that drops it closes the file.
        self.close = weakref.finalize(self, self._database.close)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query. All are read here, because SQLite may notice damage only at a later row."""
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
        if self._writable and getattr(error, "sqlite_errorcode", 0) & 0xFF in DISK_ERRORS:
            return OSError(f"{self._path}: {error}")
        if isinstance(error, sqlite3.ProgrammingError):
            return error  # the program's own fault, such as reading after `close`
        return corrupt(self._path, error)


def corrupt(path: Path, error: Exception) -> IndexCorrupt:
    """Return the error for a file that does not hold what was written."""
    # SQLite quotes the statement of a damaged table, which has many lines.
    reason = printable(str(error))[:MAX_REASON_CHARACTERS]
    return IndexCorrupt(f"{path} is damaged: {reason}.", BUILD_AGAIN)
