"""Finds the whole of an enumeration, `A, B and C`, around one of its items: a question for a list wants them all."""

import re
from collections.abc import Sequence
from typing import NamedTuple

Range = tuple[int, int]

MAX_ITEM_WORDS = 7
MAX_FIRST_WORDS = 3
"""Words of an item up to which it is taken whole if nothing shows its start."""
_SEPARATOR = re.compile(r"\s*[,;]\s*(?:(?:and|or|as well as)\s+)?|\s+(?:and|or|as well as)\s+")
_LAST = re.compile(r"\b(?:and|or|as well as)\s+\Z")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|“[^”]*”|\"[^\"]*\"")
_STOP = re.compile(
    r"\s+(?:is|are|was|were|be|has|have|had|can|could|may|might|will|would|shall|must|should|do|does|did|that|which|who"
    r"|in|on|at|for|from|by|to|with|when|while|if|unless|because|since|as|after|before|under)\b"
)
_OPENING = re.compile(
    r".*(?:\b(?:is|are|was|were|be|includes?|including|contains?|offers?|supports?|accepts?|of|namely|as|like|between"
    r"|either|both|to|by|with|from|for)\s+|:\s+)",
    re.DOTALL,
)
"""What goes before the first item of an enumeration in its sentence."""
_END = re.compile(r"[.:!?]?\s*\Z")
_ARTICLE = re.compile(r"(?:the|a|an|its|their|one of|either|both)\s+|[\"“'‘`(]", re.IGNORECASE)
_ENUMERATES = re.compile(r"[^\s,.;:][^,.;:\n]{0,60},\s[^.;:]{1,200}?\s(?:and|or)\s|[\"”’'`],\s+(?:and|or)?\s*[\"“‘'`]")


class _Item(NamedTuple):
    """A stretch between two separators; `is_last` tells that "and" or "or" stands before it."""

    start: int
    end: int
    is_last: bool


def enumerates(statement: str) -> bool:
    """Tell whether a statement enumerates at least three things, or quotes two.

    >>> [enumerates(text) for text in ("It has bolts, ropes and nuts.", "On Monday, it rained.", 'One of "a" and "b".')]
    [True, False, False]
    """
    return bool(_ENUMERATES.search(statement))


def whole_enumeration(text: str, start: int, end: int, low: int, high: int) -> Range:
    """Return the enumeration around the range `start:end`, inside the bounds `low:high`; else the range itself.

    >>> text = "They sell bolts, long ropes and nuts in the harbour."
    >>> first, last = whole_enumeration(text, text.index("bolts"), text.index(","), 0, len(text))
    >>> text[first:last]
    'bolts, long ropes and nuts'
    """
    items = _items(text, low, high)
    own = next((i for i, item in enumerate(items) if item.start <= start and end <= item.end), None)
    if own is None:
        return start, end
    last = (
        _last_item(text, items, own, text[start].isupper())
        if not text[end : items[own].end].strip(" .\"”’'`)")
        else own
    )
    begins = not _ARTICLE.sub("", text[items[own].start : start]).strip()
    first = _first_offset(text, items, own, start) if begins and (last > own or items[own].is_last) else start
    return first, _cut(text, items[last]) if last > own else end


def _last_item(text: str, items: Sequence[_Item], own: int, is_name: bool) -> int:
    """Return the position of the item that ends the enumeration, `own` if none that "and" goes before does."""
    for i in range(own + 1, len(items)):
        lower = text[items[i].start].islower() and not _ARTICLE.match(text, items[i].start)
        if not _is_short(text, items[i]) or (is_name and lower):
            return own
        if items[i].is_last:
            return i
    return own


def _first_offset(text: str, items: Sequence[_Item], own: int, start: int) -> int:
    """Return the start of the enumeration that has `own` as one of its items, `start` if with it."""
    offset = start
    for item in reversed(items[:own]):
        words = text[item.start : item.end]
        opening = _OPENING.match(words)
        if item.is_last or (opening is None and len(words.split()) > MAX_FIRST_WORDS):
            break
        offset = item.start + (opening.end() if opening else 0)
        if opening:
            break
    return offset


def _items(text: str, low: int, high: int) -> list[_Item]:
    hidden = _BRACKETED.sub(lambda match: "x" * len(match.group()), text[low:high])
    items, position, is_last = [], 0, False
    for separator in _SEPARATOR.finditer(hidden):
        items.append(_Item(low + position, low + separator.start(), is_last))
        position, is_last = separator.end(), bool(_LAST.search(separator.group()))
    end = _END.search(hidden)
    return [*items, _Item(low + position, low + (end.start() if end else len(hidden)), is_last)]


def _is_short(text: str, item: _Item) -> bool:
    words = text[item.start : _cut(text, item)].split()
    return 0 < len(words) <= MAX_ITEM_WORDS and ":" not in words[0]


def _cut(text: str, item: _Item) -> int:
    """Return the end of an item without the rest of the sentence that goes on behind the last one."""
    hidden = _BRACKETED.sub(lambda match: "x" * len(match.group()), text[item.start : item.end])
    stop = _STOP.search(hidden)
    return item.start + stop.start() if stop and item.is_last else item.end
