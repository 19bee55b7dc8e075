"""Reads the columns and metadata of documents by key and value, for filters and facets."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from rag.core.types import Fields, Value

METADATA_COLUMNS = ("id", "title", "format", "path")
COMMON_KEYS = (*METADATA_COLUMNS, "author", "publisher", "published_at", "language", "tags")
"""Keys that every index accepts, even if no document has them."""
Column: TypeAlias = Callable[[str], Iterable[tuple[int, object]]]
"""Returns document number and value for each document, given the name of a column."""


def fields_of(documents: Iterable[tuple[int, Mapping[str, object], Mapping[str, object]]]) -> Fields:
    """Return the documents of each key and value. Each item of `documents` is a number, its columns and its metadata.

    A column hides the metadata of the same name.
    """
    fields: dict[str, dict[Value, list[int]]] = {key: {} for key in COMMON_KEYS}
    for number, columns, metadata in documents:
        others = ((key, value) for key, value in metadata.items() if key not in columns)
        for key, value in (*columns.items(), *others):
            # Plain text takes a shortcut, because most values are text and a million documents have millions.
            is_text = isinstance(value, str) and value and not value.isspace()
            for name, each in ((key, str(value)),) if is_text else _values(key, value):
                numbers = fields.setdefault(name, {}).setdefault(each, [])
                if not numbers or numbers[-1] != number:
                    numbers.append(number)
    return fields


class LazyFields(Mapping[str, Mapping[Value, Sequence[int]]]):
    """The result of `fields_of`, read by key on first use: a filter by date needs no titles."""

    def __init__(self, column: Column, broken: Callable[[Exception], Exception]) -> None:
        """Read columns with `column`. Damaged metadata raises the error that `broken` returns."""
        self._column, self._broken = column, broken
        self._columns: dict[str, Mapping[Value, Sequence[int]]] = {}

    @cached_property
    def _others(self) -> Fields:
        try:
            return fields_of((number, {}, json.loads(str(text))) for number, text in self._column("metadata"))
        except (ValueError, TypeError, AttributeError) as error:
            raise self._broken(error) from error

    def __getitem__(self, key: str) -> Mapping[Value, Sequence[int]]:
        """Return the numbers of the documents of each value of a key. Raises KeyError."""
        if key not in METADATA_COLUMNS:
            return self._others[key]
        if key not in self._columns:
            self._columns[key] = fields_of((number, {key: value}, {}) for number, value in self._column(key))[key]
        return self._columns[key]

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter({**dict.fromkeys(METADATA_COLUMNS), **dict.fromkeys(self._others)})

    def __len__(self) -> int:
        """Return the number of keys."""
        return sum(1 for _ in self)


def comparable_value(value: object) -> Value | None:
    """Return a value in the form that filters compare; None for blank text, infinite numbers and other types."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str) and value.strip() else None


def _values(key: str, content: object) -> Iterator[tuple[str, Value]]:
    """Yield each key with a value. The key of a nested mapping is `outer.inner`."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _values(f"{key}.{name}" if key else str(name), value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _values(key, value)
    elif (comparable := comparable_value(content)) is not None:
        yield key, comparable
