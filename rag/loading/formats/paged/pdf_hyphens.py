"""Decides if a word that a PDF breaks at the end of a line keeps its hyphen."""

import re
from collections.abc import Iterable

_HYPHEN = re.compile("\\b(\\w++)\ufffe(\\w++)")
_RANGE = re.compile(r"(?<=\d)([-\u2013])\n(?=\d)")
_HYPHENATED = re.compile(r"\b\w++-\w++")
_WORD = re.compile(r"\w++")
_LAST_PART = re.compile(r"([^\W\d_]+)-$")
_FIRST_PART = re.compile(r"[^\W\d_]+")
_ALWAYS_HYPHENATED = frozenset(["self", "ex"])


class Hyphens:
    """Joins broken words; the words of the document tell which of them are compounds."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Collect the words of all lines."""
        self._compounds: set[str] = set()
        self._words: set[str] = set()
        for line in lines:
            self._compounds |= {word.lower() for word in _HYPHENATED.findall(line)}
            # The two parts of a broken word are no words of the document.
            self._words |= {word.lower() for word in _WORD.findall(_HYPHEN.sub(" ", line))}

    def joined(self, text: str) -> str:
        """Return the text of a block with its broken words in one piece."""
        return _RANGE.sub(r"\1", _HYPHEN.sub(self._word, text)).replace("\ufffe", "-").replace("\x00", "")

    def across_pages(self, before: str, after: str) -> tuple[str, int]:
        """Return the text of a block that two pages share, and where the second page begins in it."""
        first, second = _LAST_PART.search(before), _FIRST_PART.match(after)
        if first is None or second is None:
            return f"{before}\n{after}", len(before) + 1
        is_compound = self._is_compound(first[1], second[0])
        joined = before if is_compound else before[:-1]
        return joined + after, len(joined)

    def _word(self, match: re.Match[str]) -> str:
        compound, word = f"{match[1]}-{match[2]}", match[1] + match[2]
        return compound if self._is_compound(match[1], match[2]) else word

    def _is_compound(self, first: str, second: str) -> bool:
        compound, word = f"{first}-{second}".lower(), (first + second).lower()
        if compound in self._compounds or word in self._words:
            return compound in self._compounds
        # Jean-Paul, X-ray, COVID-19; but HARBOUR broken in a heading of capitals is one word.
        if (second[0].isupper() and not first.isupper()) or second[0].isdigit() or len(first) == 1:
            return True
        return first.lower() in _ALWAYS_HYPHENATED or {first.lower(), second.lower()} <= self._words
