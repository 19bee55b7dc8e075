"""Keeps rows of a collection by version: what is written shows only when a manifest names its version.

A row has the version it was `born` in and the one it `died` in. A reader of version v sees the rows with
`born <= v < died`, whatever a writer does meanwhile; of a writer that was killed, the next one undoes what it wrote.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.index.milvus.connection import Connection

ALIVE = 2**53
"""The version in which a row dies that has not died: above every version, and exact in every JSON reader."""
LONGEST = 65_535
PIECE = 16_000
"""Characters of a piece: the field takes `LONGEST` bytes, and a character is up to four."""
UPLOAD_BYTES, UPLOAD_ROWS = 8_000_000, 5_000
"""Of one request; a server takes 64 MB."""
PAGE, PAGE_OF_TEXTS, IN_ONE = 8_000, 400, 1_000
WRITING_PATIENCE = 120.0


@dataclass(frozen=True)
class Seen:
    """What a reader sees: a version, and the time stamp that the server must have reached; 0 for its newest."""

    version: int
    stamp: int = 0

    @property
    def filter(self) -> str:
        """Return the condition for rows of this version."""
        return f"born <= {self.version} and died > {self.version}"

    @property
    def consistency(self) -> dict[str, Any]:
        """Return what makes a server wait until it has all of this version, and no longer."""
        if not self.stamp:
            return {"consistency_level": "Strong"}
        return {"consistency_level": "Customized", "guarantee_timestamp": self.stamp}


class Rows:
    """One collection whose rows have a number as their key, `born` and `died`."""

    def __init__(self, connection: Connection, collection: str, key: str, fields: Sequence[str]) -> None:
        """Use a collection that is there; `fields` are all of a row's, for when it is written again."""
        self._connection, self.collection, self.key, self._fields = connection, collection, key, list(fields)

    def insert(self, rows: Iterable[Mapping[str, Any]], done: Callable[[int], None] = lambda count: None) -> None:
        """Write rows, some megabytes at a time, and call `done` with the number of each part."""
        for part in _parts(rows):
            # Written again where an answer was lost: a row of the same key is then replaced, not doubled.
            self._connection("upsert", self.collection, part, patience=WRITING_PATIENCE)
            done(len(part))

    def find(
        self, condition: str, seen: Seen, fields: Sequence[str], patience: float | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a condition."""
        asked = {"filter": f"{condition} and {seen.filter}", "output_fields": list(fields), **seen.consistency}
        return list(self._connection("query", self.collection, patience=patience, **asked))

    def among(self, field: str, values: Iterable[Any], seen: Seen, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows that have one of these values in a field, asked for some hundred at a time."""
        listed = list(dict.fromkeys(values))
        for start in range(0, len(listed), IN_ONE):
            yield from self.find(f"{field} in {json.dumps(listed[start : start + IN_ONE])}", seen, fields)

    def pages(
        self, end: int, seen: Seen, fields: Sequence[str], condition: str = "", page: int = PAGE
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of keys below `end` in order of key, a page at a time."""
        more = f" and {condition}" if condition else ""
        for start in range(0, end, page):
            found = self.find(f"{self.key} >= {start} and {self.key} < {start + page}{more}", seen, fields)
            yield from sorted(found, key=lambda row: int(row[self.key]))

    def search(
        self, queries: Sequence[Any], field: str, k: int, options: Mapping[str, Any], seen: Seen, condition: str = ""
    ) -> list[list[tuple[int, float]]]:
        """Return for each query the k best rows with their scores, best first, ties in order of row."""
        found = self._connection(
            "search", self.collection, data=list(queries), anns_field=field, limit=k, search_params=dict(options),
            filter=f"{condition} and {seen.filter}" if condition else seen.filter, **seen.consistency,
        )  # fmt: skip
        # milvus-lite gives BM25 with a minus.
        rankings = ([(int(hit.id), abs(float(hit["distance"]))) for hit in hits] for hits in found)
        if field == "vector":
            rankings = ([(int(hit.id), float(hit["distance"])) for hit in hits] for hits in found)
        return [sorted(ranking, key=lambda item: (-item[1], item[0])) for ranking in rankings]

    def count(self, seen: Seen, patience: float | None = None) -> int:
        """Return the number of rows of a version."""
        return int(self.find(f"{self.key} >= 0", seen, ["count(*)"], patience)[0]["count(*)"])

    def retire(self, field: str, values: Sequence[Any], seen: Seen, version: int) -> None:
        """Let the rows that have one of these values in a field, of what is `seen`, die in a version."""
        for start in range(0, len(values), IN_ONE):
            condition = f"{field} in {json.dumps(list(values[start : start + IN_ONE]))}"
            self._set_died(f"{condition} and {seen.filter}", version)

    def undo(self, version: int) -> None:
        """Undo what was written after a version, and drop what no reader of it or of the one before can see."""
        self.delete(f"born > {version}")
        while self._set_died(f"died > {version} and died < {ALIVE}", ALIVE, limit=IN_ONE):
            pass
        self.delete(f"died < {version}")

    def delete(self, condition: str) -> None:
        """Delete the rows of a condition, for good."""
        self._connection("delete", self.collection, filter=condition, patience=WRITING_PATIENCE)

    def _set_died(self, condition: str, version: int, **options: Any) -> int:
        found = self._connection(
            "query", self.collection, filter=condition, output_fields=self._fields, consistency_level="Strong",
            patience=WRITING_PATIENCE, **options,
        )  # fmt: skip
        self.insert({**{name: row[name] for name in self._fields}, "died": version} for row in found)
        return len(found)


def encoded(value: object) -> str:
    """Return a value as the JSON that is stored of it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fits(text: str) -> bool:
    """Tell whether a text can stand in one field."""
    return len(text) <= PIECE or len(text.encode()) <= LONGEST


def pieces(text: str) -> list[str]:
    """Return a text in pieces that each fit into a field, at least one."""
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)] or [""]


def joined(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what was split in pieces again, by group. Raises ValueError where a piece is missing or twice there."""
    parts: dict[str, dict[int, str]] = {}
    found = 0
    for row in rows:
        parts.setdefault(str(row["name"]), {})[int(row["piece"])] = str(row["body"])
        found += 1
    if found != sum(map(len, parts.values())) or any(sorted(held) != list(range(len(held))) for held in parts.values()):
        raise ValueError("a piece is missing or stands there twice")
    return {group: "".join(held[number] for number in range(len(held))) for group, held in parts.items()}


def _parts(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    part: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        size += sum(4 * len(value) if isinstance(value, list | str) else 8 for value in row.values())
        part.append(row)
        if size >= UPLOAD_BYTES or len(part) >= UPLOAD_ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part
