"""Tells the editions of one document apart: which of two files supersedes the other.

Editions have the same name but for a date, a year or a version: `rules-2023.md` and `rules-2024.md`, `2023/rules.md`
and `2024/rules.md`, `rules v1.pdf` and `rules v2.pdf`. Files of one name or title are editions too if their metadata
give different dates.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from rag.core.types import Chunk, Document

_DATE = re.compile(r"(?<![a-z\d])((?:1[5-9]|20)\d\d)(?:([-_. ]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_VERSION = re.compile(r"(?<![a-z\d])(?:version|ver|rev|revision|edition|ed|v|r)[-_. ]?(\d+(?:[._]\d+)*)(?![a-z\d])")
_EXTENSION = re.compile(r"\.[a-z][a-z\d]{0,4}$")
_FIRST_YEAR = re.compile(r"\d{4}(?:-\d\d){0,2}")
MIN_NAME_LETTERS = 3
"""Letters of a name without its date and version from which on it says what a document is."""

Order = tuple[tuple[int, ...], tuple[int, ...]]
"""A date and a version; each may be empty."""


@dataclass(frozen=True)
class Edition:
    """What a document is an edition of, by name and by title, and when it stands among the others."""

    names: frozenset[str]
    order: Order


def edition(document: Document) -> Edition:
    """Return the edition that a document is; without a date or a version its order is empty.

    >>> edition(Document("rules/fees-2024-03.md", "")).order
    ((2024, 3), ())
    """
    return _edition(document.id, document.title or "", document.known("published_at") or "")


def edition_names(chunk: Chunk) -> frozenset[str]:
    """Return what the document of a passage is an edition of, by its name and by its title."""
    return _edition(chunk.span.document_id, chunk.title or "", "").names


@lru_cache(maxsize=4_096)
def _edition(path: str, title: str, published: str) -> Edition:
    path = path.lower().replace("\\", "/")
    stem = _EXTENSION.sub("", path)
    names = (_without_order(stem), _without_order(title.lower()))
    stated = _FIRST_YEAR.match(published)
    dates = [_parts(stated[0])] if stated else []
    dates += [tuple(int(part) for part in match.group(1, 3, 4) if part) for match in _DATE.finditer(f"{stem} {title}")]
    version = _VERSION.search(stem) or _VERSION.search(title.lower())
    telling = frozenset(name for name in names if sum(map(str.isalpha, name)) >= MIN_NAME_LETTERS)
    return Edition(telling, (max(dates, default=()), _parts(version[1]) if version else ()))


def _without_order(text: str) -> str:
    return re.sub(r"[\W_]+", " ", _VERSION.sub(" ", _DATE.sub(" ", text))).strip()


def _parts(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def supersedes(newer: Edition, older: Edition) -> bool:
    """Tell whether one document is a later edition of another.

    >>> old, new = (edition(Document(name, "")) for name in ("fees v1.9.txt", "fees v1.10.txt"))
    >>> supersedes(new, old), supersedes(old, new)
    (True, False)
    """
    if newer.names.isdisjoint(older.names):
        return False
    for mine, theirs in zip(newer.order, older.order, strict=True):
        if mine and theirs and mine[: len(theirs)] != theirs[: len(mine)]:
            return mine > theirs
    return False


class Editions:
    """The editions of the documents that the answers to one question come from."""

    def __init__(self, document: Callable[[str], Document | None], question: str) -> None:
        """Look documents up by `document`. A question that names a date or a version asks for that edition."""
        self._document = document
        self._is_open = not (_DATE.search(question) or _VERSION.search(question.lower()))

    def order(self, document_id: str) -> Order:
        """Return when a document stands among its editions."""
        return self._edition(document_id).order

    def supersedes(self, newer_id: str, older_id: str) -> bool:
        """Tell whether the first document is a later edition of the second, and the question asks for the latest."""
        if not self._is_open or newer_id == older_id:
            return False
        return supersedes(self._edition(newer_id), self._edition(older_id))

    def _edition(self, document_id: str) -> Edition:
        document = self._document(document_id)
        return Edition(frozenset(), ((), ())) if document is None else edition(document)
