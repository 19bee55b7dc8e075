"""Says which documents a question is asked of: conditions on what is known of them, and the counts of each value.

Known of every document are `id title format path` and what its source says of itself: `author publisher published_at
language tags` and any other key. A filter maps keys to values:

    {"author": "Reuters"}                               the same text, small letters or capitals; * is any characters
    {"language": ["en", "de"]}                          any of these
    {"published_at": {">=": "2024-03", "<": "2025"}}    a range of numbers or of dates

All conditions must hold. A document of several values, as of tags, passes where one of them does. A date of a year or
month stands for all of it: 2024-03-05 is `= 2024` and `<= 2024-03`, and not `> 2024`; without a zone it is of UTC.
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
FORMS = "Give a text, a number or a date, a list of them, or a range as {'>=': low, '<': high}."

_PAIR = re.compile(r"([^<>=]+)(>=|<=|=|>|<)(.*)", re.DOTALL)
_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d.*")


class Condition(NamedTuple):
    """What must hold of one key; `=` has one or more values, of which any will do, the other signs have one."""

    key: str
    sign: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Chosen:
    """What a filter chose: the rows of the passages that may be found, in order; None where all may be."""

    conditions: tuple[Condition, ...] = ()
    rows: "Ints1d | None" = None


def conditions(filters: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """Return the conditions of a filter, in an order of their own. Raises InvalidFilter."""
    if not isinstance(filters, Mapping | None):
        raise InvalidFilter(f"A filter maps keys to values, got {filters!r}.", FORMS)
    if len(filters or ()) > MAX_FILTER_KEYS:
        what = f"The filter has {len(filters or ()):,} keys; at most {MAX_FILTER_KEYS} are allowed."
        raise InvalidFilter(what, "Use several values for a key, or ask more than once.")
    all_conditions = (condition for key, content in (filters or {}).items() for condition in _of_key(key, content))
    return tuple(sorted(all_conditions, key=repr))


def from_pairs(pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the filter that texts such as `author=Reuters` and `published_at>=2024` ask for.

    A key that is given several times with `=` passes with any of the values. Raises InvalidFilter.
    """
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        parts = _PAIR.fullmatch(pair)
        if parts is None:
            raise InvalidFilter(f"{pair!r} is not a filter.", "Write key=value, key>=value, key<value and the like.")
        key, sign, value = (part.strip() for part in parts.groups())
        signs = found.setdefault(key, {})
        if sign == "=":
            signs.setdefault(sign, []).append(value)
        elif sign in signs:
            raise InvalidFilter(f"The filter gives {key!r} two values for {sign}.", "Give each bound once.")
        else:
            signs[sign] = value
    return found


def passing(wanted: Sequence[Condition], fields: Fields) -> set[int]:
    """Return the numbers of the documents of which all conditions hold. Raises InvalidFilter for an unknown key."""
    found: set[int] | None = None
    for condition in wanted:
        held = _known(condition.key, fields)
        test = _test(condition)
        passed = {n for value, numbers in held.items() if test(value) for n in numbers}
        found = passed if found is None else found & passed
    return found or set()


def counts(fields: Fields, keys: Sequence[str]) -> dict[str, dict[Value, int]]:
    """Return for each key how many documents have each value, most first. Raises InvalidFilter for an unknown key."""
    found = {key: {value: len(numbers) for value, numbers in _known(key, fields).items()} for key in keys}
    return {key: dict(sorted(held.items(), key=lambda item: (-item[1], str(item[0])))) for key, held in found.items()}


def _known(key: str, fields: Fields) -> Mapping[Value, Sequence[int]]:
    if key not in fields:
        near = difflib.get_close_matches(key, fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(fields))}."
        raise InvalidFilter(f"No document of the index has the key {key!r}.", hint)
    return fields[key]


def _of_key(key: object, wanted: object) -> Iterator[Condition]:
    if not isinstance(key, str) or not key:
        raise InvalidFilter(f"The key of a filter is a text, got {key!r}.", FORMS)
    if len(key) > MAX_KEY_CHARACTERS:
        what = f"The filter has a key of {len(key):,} characters; at most {MAX_KEY_CHARACTERS} are allowed."
        raise InvalidFilter(what, "Use a key of the documents, such as author or language.")
    signs = wanted if isinstance(wanted, Mapping) else {"=": wanted}
    if not signs:
        raise InvalidFilter(f"The filter says nothing of {key!r}.", FORMS)
    for sign, given in signs.items():
        if sign not in SIGNS:
            raise InvalidFilter(f"The filter of {key!r} has the sign {sign!r}.", f"Known: {' '.join(SIGNS)}.")
        several = list(given) if isinstance(given, list | tuple | set | frozenset) else None
        if several is not None and (sign != "=" or not several):
            raise InvalidFilter(f"The filter of {key!r} has {str(given)[:100]} for {sign}.", FORMS)
        if several is not None and len(several) > MAX_FILTER_VALUES:
            what = f"The filter of {key!r} has {len(several):,} values; at most {MAX_FILTER_VALUES:,} are allowed."
            raise InvalidFilter(what, "Give a range, as {'>=': low, '<': high}, or ask more than once.")
        values = tuple(dict.fromkeys(_given(key, value) for value in ([given] if several is None else several)))
        _require_few(key, values)
        if sign != "=" and _range(values[0]) is None:
            what = f"The filter of {key!r} has {values[0]!r} for {sign}, which is neither a number nor a date."
            raise InvalidFilter(what, "Dates are written 2024, 2024-03, 2024-03-05 or 2024-03-05T10:00Z.")
        yield Condition(key, sign, tuple(sorted(values, key=repr)))


def _require_few(key: str, values: Sequence[Value]) -> None:
    # Plain texts are looked up at once, however many; each of the others is tried on what every document has.
    tried = sum(len(_parts(value)) > 1 or _range(value) is not None for value in values)
    if tried > MAX_COMPARED_VALUES:
        limit = f"at most {MAX_COMPARED_VALUES:,} are tried"
        what = f"The filter of {key!r} has {tried:,} patterns, numbers and dates; {limit}."
        raise InvalidFilter(what, "Give a range, as {'>=': low, '<': high}, or several filters.")


def _given(key: str, value: object) -> Value:
    value = value.isoformat() if isinstance(value, date) else value
    kept = comparable_value(value)
    if kept is None:
        raise InvalidFilter(f"The filter of {key!r} has the value {value!r}.", FORMS)
    return kept


def _test(condition: Condition) -> Callable[[Value], bool]:
    if condition.sign != "=":
        return partial(_in_range, condition.sign, condition.values[0])
    forms = [_parts(value) for value in condition.values]
    exact, patterns = {form[0] for form in forms if len(form) == 1}, [form for form in forms if len(form) > 1]
    within = [value for value in condition.values if _range(value) is not None]

    def passes(held: Value) -> bool:
        text = str(held).casefold()
        # A folder is asked for by its name, wherever the documents were indexed from.
        texts = _endings(text) if condition.key == "path" else (text,)
        found = any(each in exact or any(_fits(each, parts) for parts in patterns) for each in texts)
        return found or any(_is_within(held, value) for value in within)

    return passes


def _parts(wanted: Value) -> list[str]:
    return str(wanted).casefold().split("*")


def _endings(path: str) -> Iterator[str]:
    """Yield a path, and what follows each of its slashes."""
    yield path
    place = path.find("/")
    while place >= 0:
        yield path[place + 1 :]
        place = path.find("/", place + 1)


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Tell whether a text is these parts in order, with anything between them.

    Each part is looked for once, where it first stands: a regular expression would try all ways to part the text, for
    hours where a visitor wants it.

    >>> _fits("news/uk/a.txt", ["news/", "a", "txt"]), _fits("aa", ["a", "a", "a"])
    (True, False)
    """
    first, *middle, last = parts
    start, end = len(first), len(text) - len(last)
    if start > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        found = text.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True


def _is_within(held: Value, wanted: Value) -> bool:
    # Texts of digits are names, such as 007, unless a number was meant on one side.
    numbers = not (isinstance(held, str) and isinstance(wanted, str))
    return (numbers or _dates(str(wanted)) is not None) and _in_range("=", wanted, held)


def _in_range(sign: str, wanted: Value, held: Value) -> bool:
    pair = _comparable(held, wanted)
    if pair is None:
        return False
    (low, high), (lowest, highest) = pair
    if sign == "=":
        return bool(lowest <= low and high <= highest)
    if sign in (">=", "<="):
        return bool(low >= lowest if sign == ">=" else high <= highest)
    return bool(low > highest if sign == ">" else high < lowest)


def _comparable(held: Value, wanted: Value) -> tuple[tuple[Any, Any], tuple[Any, Any]] | None:
    """Return the ranges that two values stand for, both of dates or both of numbers; None where they are not alike."""
    if isinstance(held, str) and isinstance(wanted, str):
        dates = _dates(held), _dates(wanted)
        if dates[0] and dates[1]:
            return dates[0], dates[1]
    numbers = _number(held), _number(wanted)
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
