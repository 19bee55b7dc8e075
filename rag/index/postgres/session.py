"""Holds the open transaction of a writer, and the numbers that its rows get."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rag.core.errors import IndexWriteFailed

if TYPE_CHECKING:
    from psycopg import Connection

TOKENS = ("stem_tokens", "word_tokens", "heading_tokens")
"""The columns with the numbers of words of a passage, and of all passages of a version."""
COUNTED = ("documents", "passages", "texts", *TOKENS)
NEXT_NUMBERS = ("next_document", "next_passage")
"""Numbers of rows are never used twice."""
VERSIONED = ("passages", "masks", "documents", "vocabulary")
"""The tables whose rows belong to versions."""


class WriteSession:
    """The open transaction of a writer: its connection, and the numbers that its rows get."""

    def __init__(self, connection: "Connection[Any]", shown: str) -> None:
        """Continue the numbers of the last version."""
        self.connection, self.shown = connection, shown
        columns = ", ".join(("number", *NEXT_NUMBERS, *COUNTED))
        rows = self.rows(f"SELECT {columns} FROM versions ORDER BY number DESC LIMIT 1")
        last, *numbers = rows[0] if rows else (0, 1, 1, *(0 for _ in COUNTED))
        self.version = last + 1
        self.numbers = dict(zip(NEXT_NUMBERS, numbers, strict=False))
        self.counts = Counter(dict(zip(COUNTED, numbers[len(NEXT_NUMBERS) :], strict=True)))

    def new_numbers(self, name: str, count: int) -> range:
        """Return the next numbers of `next_document` or `next_passage`, which nothing else gets."""
        first, self.numbers[name] = self.numbers[name], self.numbers[name] + count
        return range(first, first + count)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query, none if it returns none."""
        cursor = self.connection.cursor(binary=True).execute(query, values or None)
        return cursor.fetchall() if cursor.description else []

    def copy(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a table."""
        rows = list(rows)
        if not rows:
            return
        with self.connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def clear(self) -> None:
        """Remove everything from the new version, because it replaces the index."""
        for table in VERSIONED:
            self.rows(f"UPDATE {table} SET removed_in = %s WHERE removed_in IS NULL", (self.version,))
        self.rows("DELETE FROM sources")
        for table in ("shared_blocks", "block_counts"):
            self.rows(f"DELETE FROM {table}")
        self.counts.clear()

    def commit(self) -> None:
        """Make the new version visible. Raises IndexWriteFailed if the connection breaks before the server confirms."""
        from psycopg import OperationalError

        try:
            self.connection.commit()
        except OperationalError as error:
            what = f"The connection to {self.shown} broke before version {self.version} was confirmed: {error}."
            raise IndexWriteFailed(
                what, "Run the command again; if the version is in place, nothing changes."
            ) from error
