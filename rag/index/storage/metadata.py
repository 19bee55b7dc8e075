"""Reads what is known of documents, by key and value, for filters and facets."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from rag.core.types import Fields, Value

COLUMNS = ("id", "title", "format", "path")
KEYS = (*COLUMNS, "author", "publisher", "published_at", "language", "tags")
"""Keys that may be asked for in every index, also where no document has them."""
Column: TypeAlias = Callable[[str], Iterable[tuple[int, object]]]
"""Reads a column, with the number of each document."""


def fields_of(documents: Iterable[tuple[int, Mapping[str, object], Mapping[str, object]]]) -> Fields:
    """Return what is known of documents, given as number, columns and metadata; a column hides metadata of its name."""
    found: dict[str, dict[Value, list[int]]] = {key: {} for key in KEYS}
    for number, columns, metadata in documents:
        others = ((key, value) for key, value in metadata.items() if key not in columns)
        for key, value in (*columns.items(), *others):
            # Most are plain texts, and a million documents have millions of them.
            plain = isinstance(value, str) and value and not value.isspace()
            for name, each in ((key, str(value)),) if plain else _values(key, value):
                numbers = found.setdefault(name, {}).setdefault(each, [])
                if not numbers or numbers[-1] != number:
                    numbers.append(number)
    return found


class LazyFields(Mapping[str, Mapping[Value, Sequence[int]]]):
    """What is known of documents as `fields_of` tells it, read when asked for: who filters by date needs no titles."""

    def __init__(self, column: Column, broken: Callable[[Exception], Exception]) -> None:
        """Keep what reads a column, with the number of each document, and what tells that metadata is broken."""
        self._column, self._broken = column, broken
        self._columns: dict[str, Mapping[Value, Sequence[int]]] = {}

    @cached_property
    def _others(self) -> Fields:
        try:
            return fields_of((number, {}, json.loads(str(said))) for number, said in self._column("metadata"))
        except (ValueError, TypeError, AttributeError) as error:
            raise self._broken(error) from error

    def __getitem__(self, key: str) -> Mapping[Value, Sequence[int]]:
        """Return by value the numbers of the documents that have it. Raises KeyError."""
        if key not in COLUMNS:
            return self._others[key]
        if key not in self._columns:
            self._columns[key] = fields_of((number, {key: value}, {}) for number, value in self._column(key))[key]
        return self._columns[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter({**dict.fromkeys(COLUMNS), **dict.fromkeys(self._others)})

    def __len__(self) -> int:
        """Return how many keys there are."""
        return sum(1 for _ in self)


def comparable_value(value: object) -> Value | None:
    """Return a value as it is compared, None for what cannot be: nothing, blank text, and numbers that are none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str) and value.strip() else None


def _values(key: str, held: object) -> Iterator[tuple[str, Value]]:
    """Yield keys with values; of a mapping in a mapping `outer.inner`."""
    if isinstance(held, Mapping):
        for name, value in held.items():
            yield from _values(f"{key}.{name}" if key else str(name), value)
    elif isinstance(held, list | tuple):
        for value in held:
            yield from _values(key, value)
    elif (kept := comparable_value(held)) is not None:
        yield key, kept
