"""Brings the metadata of sources to the names and the JSON values that documents keep."""

import datetime
import math
import re
from collections.abc import Mapping
from typing import TypeAlias, cast

from rag.loading.language import detect

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

ALIASES = {
    "date": "published_at",
    "published": "published_at",
    "publication_date": "published_at",
    "datepublished": "published_at",
    "url": "uri",
    "link": "uri",
    "canonical": "uri",
    "canonical_url": "uri",
    "authors": "author",
    "byline": "author",
    "lang": "language",
    "site": "publisher",
    "sitename": "publisher",
    "keywords": "tags",
}
"""Other names for the keys that citations use; a key under its own name wins."""

MAX_VALUES = 10_000
"""Values a source may bring in all: a few lines of YAML can stand for billions by reference."""


def gather(properties: Mapping[str, object], text: str) -> dict[str, JSON]:
    """Return the metadata of a document: `properties` under the names citations use, and the language of `text`.

    Raises ValueError if JSON cannot hold a value (endless nesting, lone surrogates).
    """
    values = cast("dict[str, JSON]", json_safe(properties))
    for alias in [key for key in values if key.lower() in ALIASES]:
        name = ALIASES[alias.lower()]
        if name not in values:
            values[name] = values.pop(alias)
    for key in ("author", "publisher"):
        if key in values:
            values[key] = _names(values[key])
    language = _code(values.get("language")) or detect(text)
    return {**values, "language": language} if language else values


def json_safe(value: object) -> JSON:
    """Return `value` with JSON types only: dates as ISO 8601, sets and tuples as lists, all else as text.

    Raises ValueError if there are lone surrogates or more than MAX_VALUES values.
    """
    return _convert(value, [MAX_VALUES], 0)


def _convert(value: object, budget: list[int], depth: int) -> JSON:
    budget[0] -= 1
    if budget[0] < 0 or depth > 50:
        raise ValueError("too many or too deeply nested values")
    if isinstance(value, Mapping):
        return {_text(key): _convert(item, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_convert(item, budget, depth + 1) for item in items]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _text(value)


def _text(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate, which is not a character") from None
    return text


def _names(value: JSON) -> JSON:
    """Return several names, or records with a `name`, as one text."""
    if isinstance(value, Mapping):
        return value.get("name", value)
    if isinstance(value, list):
        return ", ".join(str(_names(item)) for item in value)
    return value


def _code(value: object) -> str | None:
    """Return `en` for `en`, `en-US` and `EN_gb`; other words for a language stay as they are."""
    if not isinstance(value, str) or not value.strip():
        return None
    match = re.fullmatch(r"([A-Za-z]{2})([-_].*)?", value.strip())
    return match[1].lower() if match else value.strip()
