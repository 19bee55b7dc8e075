"""Stores rows of a collection by version, so that new rows become visible only with the manifest of their version.

The field `born` is the version that added a row, and `died` the one that removed it. A reader of version v reads rows
with `born <= v < died`, whatever a writer does meanwhile. If a writer is killed, the next one undoes its writes.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.index.milvus.connection import Connection

ALIVE = 2**53
"""The value of `died` of a current row: above every version, and exact in every JSON reader."""
MAX_FIELD_BYTES = 65_535
MAX_PIECE_CHARACTERS = 16_000
"""Characters of a piece: a field takes `MAX_FIELD_BYTES` bytes, and a character has up to four."""
MAX_UPLOAD_BYTES, MAX_UPLOAD_ROWS = 8_000_000, 5_000
"""Size of one request; a server takes 64 MB."""
PAGE_ROWS, PAGE_TEXTS, BATCH_KEYS = 8_000, 400, 1_000
MAX_WRITE_SECONDS = 120.0


@dataclass(frozen=True)
class VisibleVersion:
    """The version of a reader, and the time stamp that the server must have reached, 0 for the newest."""

    version: int
    stamp: int = 0

    @property
    def filter(self) -> str:
        """Return the condition for rows of this version."""
        return f"born <= {self.version} and died > {self.version}"

    @property
    def consistency(self) -> dict[str, Any]:
        """Return the options that make a server wait until it has all of this version, and no longer."""
        if not self.stamp:
            return {"consistency_level": "Strong"}
        return {"consistency_level": "Customized", "guarantee_timestamp": self.stamp}


class Rows:
    """One collection whose rows have a number as their key, `born` and `died`."""

    def __init__(self, connection: Connection, collection: str, key: str, fields: Sequence[str]) -> None:
        """Use an existing collection. `fields` are all fields of a row, which are written again if `died` changes."""
        self._connection, self.collection, self.key, self._fields = connection, collection, key, list(fields)

    def insert(self, rows: Iterable[Mapping[str, Any]], done: Callable[[int], None] = lambda count: None) -> None:
        """Write rows, some megabytes at a time, and call `done` with the size of each batch."""
        for part in _batches(rows):
            # Not inserted: if an answer is lost and the call is repeated, rows of the same key must not double.
            self._connection("upsert", self.collection, part, patience=MAX_WRITE_SECONDS)
            done(len(part))

    def find(
        self, condition: str, visible: VisibleVersion, fields: Sequence[str], patience: float | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a condition."""
        options = {"filter": f"{condition} and {visible.filter}", "output_fields": list(fields), **visible.consistency}
        return list(self._connection("query", self.collection, patience=patience, **options))

    def among(
        self, field: str, values: Iterable[Any], visible: VisibleVersion, fields: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows that have one of these values in a field, one batch of values at a time."""
        distinct = list(dict.fromkeys(values))
        for start in range(0, len(distinct), BATCH_KEYS):
            yield from self.find(f"{field} in {json.dumps(distinct[start : start + BATCH_KEYS])}", visible, fields)

    def pages(
        self, end: int, visible: VisibleVersion, fields: Sequence[str], condition: str = "", page: int = PAGE_ROWS
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of keys below `end` in order of key, a page at a time."""
        more = f" and {condition}" if condition else ""
        for start in range(0, end, page):
            rows = self.find(f"{self.key} >= {start} and {self.key} < {start + page}{more}", visible, fields)
            yield from sorted(rows, key=lambda row: int(row[self.key]))

    def search(
        self,
        queries: Sequence[Any],
        field: str,
        k: int,
        options: Mapping[str, Any],
        visible: VisibleVersion,
        condition: str = "",
    ) -> list[list[tuple[int, float]]]:
        """Return for each query the k best rows with their scores, best first, ties in order of row."""
        results = self._connection(
            "search", self.collection, data=list(queries), anns_field=field, limit=k, search_params=dict(options),
            filter=f"{condition} and {visible.filter}" if condition else visible.filter, **visible.consistency,
        )  # fmt: skip
        # milvus-lite returns negative BM25 scores.
        rankings = ([(int(hit.id), abs(float(hit["distance"]))) for hit in hits] for hits in results)
        if field == "vector":
            rankings = ([(int(hit.id), float(hit["distance"])) for hit in hits] for hits in results)
        return [sorted(ranking, key=lambda item: (-item[1], item[0])) for ranking in rankings]

    def count(self, visible: VisibleVersion, patience: float | None = None) -> int:
        """Return the number of rows of a version."""
        return int(self.find(f"{self.key} >= 0", visible, ["count(*)"], patience)[0]["count(*)"])

    def retire(self, field: str, values: Sequence[Any], visible: VisibleVersion, version: int) -> None:
        """Mark the visible rows with one of these values in a field as removed in a version."""
        for start in range(0, len(values), BATCH_KEYS):
            condition = f"{field} in {json.dumps(list(values[start : start + BATCH_KEYS]))}"
            self._set_died(f"{condition} and {visible.filter}", version)

    def undo(self, version: int) -> None:
        """Undo the writes after a version, and delete the rows that were removed before it."""
        self.delete(f"born > {version}")
        while self._set_died(f"died > {version} and died < {ALIVE}", ALIVE, limit=BATCH_KEYS):
            pass
        self.delete(f"died < {version}")

    def delete(self, condition: str) -> None:
        """Delete the rows of a condition permanently."""
        self._connection("delete", self.collection, filter=condition, patience=MAX_WRITE_SECONDS)

    def _set_died(self, condition: str, version: int, **options: Any) -> int:
        rows = self._connection(
            "query", self.collection, filter=condition, output_fields=self._fields, consistency_level="Strong",
            patience=MAX_WRITE_SECONDS, **options,
        )  # fmt: skip
        self.insert({**{name: row[name] for name in self._fields}, "died": version} for row in rows)
        return len(rows)


def encoded(value: object) -> str:
    """Return a value as JSON in its stored form."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fits(text: str) -> bool:
    """Tell whether a text fits into one field."""
    return len(text) <= MAX_PIECE_CHARACTERS or len(text.encode()) <= MAX_FIELD_BYTES


def pieces(text: str) -> list[str]:
    """Split a text into pieces that fit into a field, at least one."""
    return [text[start : start + MAX_PIECE_CHARACTERS] for start in range(0, len(text), MAX_PIECE_CHARACTERS)] or [""]


def joined(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Join pieces again, by name. Raises ValueError if a piece is missing or occurs twice."""
    texts: dict[str, dict[int, str]] = {}
    count = 0
    for row in rows:
        texts.setdefault(str(row["name"]), {})[int(row["piece"])] = str(row["body"])
        count += 1
    if count != sum(map(len, texts.values())) or any(sorted(own) != list(range(len(own))) for own in texts.values()):
        raise ValueError("a piece is missing or stands there twice")
    return {name: "".join(own[number] for number in range(len(own))) for name, own in texts.items()}


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    part: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        size += sum(4 * len(value) if isinstance(value, list | str) else 8 for value in row.values())
        part.append(row)
        if size >= MAX_UPLOAD_BYTES or len(part) >= MAX_UPLOAD_ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part
