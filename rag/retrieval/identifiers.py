"""Finds the identifiers of a question: words such as `--force`, `Cargo.toml`, `GID_MIN`, `KillMode`, `C#` or grade `A`.

One sign makes an identifier another one, and it has no other forms. So a text either holds it to the letter or is
about something else.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_OUTER = ",;:?!()[]{}\"'“”‘’«»`*"
_SHAPES = re.compile(
    r"-{1,2}[\w-]*[^\W\d_][\w-]*=?"  # an option
    r"|\.?[\w-]+(?:[._/=@:]+[\w-]+)*"  # a name of parts, such as a file or a variable
    r"|(?:~?/)[\w.-]+(?:/[\w.-]+)*/?"  # a path
    r"|[A-Za-z](?:\+\+|[+#-])?"  # a letter, perhaps with a sign
)
_MARKS = re.compile(r"[\d_/=@#+]|[a-z][A-Z]|\A-|\w\w\.\w\w|\A[B-HJ-Z]\Z|\A\.\w")
_NUMBER = re.compile(r"\d[\d.,:/–-]*(?:[^\W\d_]{1,3}|%|-[^\W\d_]+)?", re.IGNORECASE)


@lru_cache(maxsize=1_024)
def identifiers(question: str) -> frozenset[str]:
    """Return the identifiers of a text, in small letters. Numbers are none, with a unit neither.

    >>> sorted(identifiers("What does --force do to grade A, C# and Cargo.toml in 2.3 of a built-in KillMode?"))
    ['--force', 'a', 'c#', 'cargo.toml', 'killmode']
    """
    words = [word.strip(_OUTER).rstrip(".") for word in question.split()]
    found = {
        word.lower()
        for i, word in enumerate(words)
        if _SHAPES.fullmatch(word) and not _NUMBER.fullmatch(word) and (_MARKS.search(word) or (word == "A" and i))
    }
    return frozenset(found)


def holds_identifier(text: str, identifier: str) -> bool:
    """Tell whether a text in small letters holds an identifier as a whole word.

    >>> [holds_identifier(text, "c") for text in ("in c.", "in c++.", "in objective-c", "cc")]
    [True, False, True, False]
    """
    return bool(_pattern(identifier).search(text))


def missing_identifiers(words: Iterable[str], text: str) -> list[str]:
    """Return those of some identifiers that a text does not hold."""
    lowered = text.lower()
    return [word for word in words if not holds_identifier(lowered, word)]


@lru_cache(maxsize=1_024)
def _pattern(identifier: str) -> re.Pattern[str]:
    before = r"(?<![\w])" if identifier[0].isalnum() or identifier[0] == "_" else r"(?<![\w-])"
    after = r"(?!\w)"
    if identifier[-1].isalnum() or identifier[-1] == "_":
        longer = r"|-\w" if identifier.startswith("-") else ""
        after = rf"(?![\w+#]|\.\d|-(?:[\s.,;:!?)]|$){longer})"
    return re.compile(before + re.escape(identifier) + after)
