"""Selects the documents of a question by conditions on their metadata, and counts the documents of each value.

Every document has `id title format path`. Its source may add `author publisher published_at language tags` and any
other key. A filter maps keys to values:

    {"author": "Reuters"}                               the same text in any letter case; * stands for any characters
    {"language": ["en", "de"]}                          any of these
    {"published_at": {">=": "2024-03", "<": "2025"}}    a range of numbers or of dates

All conditions must hold. If a document has several values, such as tags, it passes if one of them does. A year or month
stands for all of its days: 2024-03-05 is `= 2024` and `<= 2024-03`, and not `> 2024`. A date without a zone is in UTC.
"""

import calendar
import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rag.core.errors import InvalidFilter
from rag.core.types import Fields, Value
from rag.index.storage.metadata import comparable_value

if TYPE_CHECKING:
    from rag.core.protocols import Ints1d

SIGNS = (">=", "<=", "=", ">", "<")
MAX_COMPARED_VALUES = 1_000
"""Patterns, numbers and dates for one key. Each is compared with all values of the index; texts are looked up."""
MAX_FILTER_KEYS, MAX_FILTER_VALUES, MAX_KEY_CHARACTERS = 100, 10_000, 200
"""Keys of a filter, values of one key, and characters of a key."""
FILTER_FORMS = "Give a text, a number or a date, a list of them, or a range as {'>=': low, '<': high}."

_PAIR = re.compile(r"([^<>=]+)(>=|<=|=|>|<)(.*)", re.DOTALL)
_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d.*")


class Condition(NamedTuple):
    """A condition on one key. `=` has one or more values, one of which must match; other signs have one value."""

    key: str
    sign: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class DocumentSelection:
    """The conditions of a filter, and the rows of the passages that pass, in order; None if all pass."""

    conditions: tuple[Condition, ...] = ()
    rows: "Ints1d | None" = None


def conditions(filters: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """Return the conditions of a filter, sorted. Raises InvalidFilter."""
    if not isinstance(filters, Mapping | None):
        raise InvalidFilter(f"A filter maps keys to values, got {filters!r}.", FILTER_FORMS)
    if len(filters or ()) > MAX_FILTER_KEYS:
        what = f"The filter has {len(filters or ()):,} keys; at most {MAX_FILTER_KEYS} are allowed."
        raise InvalidFilter(what, "Use several values for a key, or ask more than once.")
    all_conditions = (condition for key, content in (filters or {}).items() for condition in _of_key(key, content))
    return tuple(sorted(all_conditions, key=repr))


def from_pairs(pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the filter of texts such as `author=Reuters` and `published_at>=2024`.

    If a key occurs several times with `=`, any of the values may match. Raises InvalidFilter.
    """
    filters: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        parts = _PAIR.fullmatch(pair)
        if parts is None:
            raise InvalidFilter(f"{pair!r} is not a filter.", "Write key=value, key>=value, key<value and the like.")
        key, sign, value = (part.strip() for part in parts.groups())
        signs = filters.setdefault(key, {})
        if sign == "=":
            signs.setdefault(sign, []).append(value)
        elif sign in signs:
            raise InvalidFilter(f"The filter gives {key!r} two values for {sign}.", "Give each bound once.")
        else:
            signs[sign] = value
    return filters


def passing(all_conditions: Sequence[Condition], fields: Fields) -> set[int]:
    """Return the numbers of the documents that meet all conditions. Raises InvalidFilter for an unknown key."""
    documents: set[int] | None = None
    for condition in all_conditions:
        numbers_by_value = _values_of(condition.key, fields)
        test = _test(condition)
        matching = {n for value, numbers in numbers_by_value.items() if test(value) for n in numbers}
        documents = matching if documents is None else documents & matching
    return documents or set()


def counts(fields: Fields, keys: Sequence[str]) -> dict[str, dict[Value, int]]:
    """Return the number of documents of each value of these keys, highest first. Raises InvalidFilter."""
    by_key = {key: {value: len(numbers) for value, numbers in _values_of(key, fields).items()} for key in keys}
    return {key: dict(sorted(own.items(), key=lambda item: (-item[1], str(item[0])))) for key, own in by_key.items()}


def _values_of(key: str, fields: Fields) -> Mapping[Value, Sequence[int]]:
    if key not in fields:
        near = difflib.get_close_matches(key, fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(fields))}."
        raise InvalidFilter(f"No document of the index has the key {key!r}.", hint)
    return fields[key]


def _of_key(key: object, content: object) -> Iterator[Condition]:
    if not isinstance(key, str) or not key:
        raise InvalidFilter(f"The key of a filter is a text, got {key!r}.", FILTER_FORMS)
    if len(key) > MAX_KEY_CHARACTERS:
        what = f"The filter has a key of {len(key):,} characters; at most {MAX_KEY_CHARACTERS} are allowed."
        raise InvalidFilter(what, "Use a key of the documents, such as author or language.")
    signs = content if isinstance(content, Mapping) else {"=": content}
    if not signs:
        raise InvalidFilter(f"The filter says nothing of {key!r}.", FILTER_FORMS)
    for sign, operand in signs.items():
        if sign not in SIGNS:
            raise InvalidFilter(f"The filter of {key!r} has the sign {sign!r}.", f"Known: {' '.join(SIGNS)}.")
        several = list(operand) if isinstance(operand, list | tuple | set | frozenset) else None
        if several is not None and (sign != "=" or not several):
            raise InvalidFilter(f"The filter of {key!r} has {str(operand)[:100]} for {sign}.", FILTER_FORMS)
        if several is not None and len(several) > MAX_FILTER_VALUES:
            what = f"The filter of {key!r} has {len(several):,} values; at most {MAX_FILTER_VALUES:,} are allowed."
            raise InvalidFilter(what, "Give a range, as {'>=': low, '<': high}, or ask more than once.")
        values = tuple(dict.fromkeys(_checked(key, value) for value in ([operand] if several is None else several)))
        _require_few(key, values)
        if sign != "=" and _range(values[0]) is None:
            what = f"The filter of {key!r} has {values[0]!r} for {sign}, which is neither a number nor a date."
            raise InvalidFilter(what, "Dates are written 2024, 2024-03, 2024-03-05 or 2024-03-05T10:00Z.")
        yield Condition(key, sign, tuple(sorted(values, key=repr)))


def _require_few(key: str, values: Sequence[Value]) -> None:
    # Texts without * are looked up. Each other value is compared with every value of the documents.
    count = sum(len(_parts(value)) > 1 or _range(value) is not None for value in values)
    if count > MAX_COMPARED_VALUES:
        limit = f"at most {MAX_COMPARED_VALUES:,} are tried"
        what = f"The filter of {key!r} has {count:,} patterns, numbers and dates; {limit}."
        raise InvalidFilter(what, "Give a range, as {'>=': low, '<': high}, or several filters.")


def _checked(key: str, value: object) -> Value:
    value = value.isoformat() if isinstance(value, date) else value
    comparable = comparable_value(value)
    if comparable is None:
        raise InvalidFilter(f"The filter of {key!r} has the value {value!r}.", FILTER_FORMS)
    return comparable


def _test(condition: Condition) -> Callable[[Value], bool]:
    if condition.sign != "=":
        return partial(_in_range, condition.sign, condition.values[0])
    forms = [_parts(value) for value in condition.values]
    exact, patterns = {form[0] for form in forms if len(form) == 1}, [form for form in forms if len(form) > 1]
    within = [value for value in condition.values if _range(value) is not None]

    def passes(own: Value) -> bool:
        text = str(own).casefold()
        # The end of a path is enough, because users name a folder without the path of the indexed folder.
        texts = _endings(text) if condition.key == "path" else (text,)
        if any(each in exact or any(_fits(each, parts) for parts in patterns) for each in texts):
            return True
        return any(_is_within(own, value) for value in within)

    return passes


def _parts(value: Value) -> list[str]:
    return str(value).casefold().split("*")


def _endings(path: str) -> Iterator[str]:
    """Yield a path, and its rest after each slash."""
    yield path
    slash = path.find("/")
    while slash >= 0:
        yield path[slash + 1 :]
        slash = path.find("/", slash + 1)


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Tell whether a text consists of these parts in order, with any characters between them.

    Each part is matched at its first occurrence. A regular expression would try all ways to divide the text, which can
    take hours.

    >>> _fits("news/uk/a.txt", ["news/", "a", "txt"]), _fits("aa", ["a", "a", "a"])
    (True, False)
    """
    first, *middle, last = parts
    start, end = len(first), len(text) - len(last)
    if start > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        position = text.find(part, start, end)
        if position < 0:
            return False
        start = position + len(part)
    return True


def _is_within(own: Value, other: Value) -> bool:
    # Two texts of digits are names, such as 007. They are numbers only if one side is a number.
    are_numbers = not (isinstance(own, str) and isinstance(other, str))
    return (are_numbers or _dates(str(other)) is not None) and _in_range("=", other, own)


def _in_range(sign: str, bound: Value, own: Value) -> bool:
    pair = _comparable(own, bound)
    if pair is None:
        return False
    (low, high), (lowest, highest) = pair
    if sign == "=":
        return bool(lowest <= low and high <= highest)
    if sign in (">=", "<="):
        return bool(low >= lowest if sign == ">=" else high <= highest)
    return bool(low > highest if sign == ">" else high < lowest)


def _comparable(own: Value, other: Value) -> tuple[tuple[Any, Any], tuple[Any, Any]] | None:
    """Return the ranges of two values, both of dates or both of numbers; None if the values cannot be compared."""
    if isinstance(own, str) and isinstance(other, str):
        dates = _dates(own), _dates(other)
        if dates[0] and dates[1]:
            return dates[0], dates[1]
    numbers = _number(own), _number(other)
    if numbers[0] is None or numbers[1] is None:
        return None
    return (numbers[0], numbers[0]), (numbers[1], numbers[1])


def _range(value: Value) -> tuple[Any, Any] | None:
    return _comparable(value, value)


def _number(value: Value) -> float | int | None:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@lru_cache(maxsize=10_000)
def _dates(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and last moment of an ISO date, month or year, or twice the moment; None for another text.

    >>> [moment.isoformat() for moment in _dates("2024-02")]
    ['2024-02-01T00:00:00+00:00', '2024-02-29T23:59:59.999999+00:00']
    """
    try:
        if _MOMENT.fullmatch(text.strip()):
            moment = datetime.fromisoformat(text.strip())
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment, moment
        parts = _DAY.fullmatch(text.strip())
        if parts is None:
            return None
        year, month, day = (int(part) if part else None for part in parts.groups())
        last_month = month or 12
        last_day = day or calendar.monthrange(year or 0, last_month)[1]
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
        return first, datetime(year or 0, last_month, last_day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    except (ValueError, OverflowError):
        return None
