"""Looks up the name that a question describes: `Which option keeps the input files?`, `Which role sets the direction?`.

A manual puts the name first and its description behind it, and the question repeats the description. So the words that
match best are not the answer: the term before them is, or the cell of the column that the question names.
"""

import re
from collections.abc import Callable, Sequence

from rag.reading.reading_copy import Cell

_KINDS = (
    r"option|flag|switch|variable|directive|setting|parameter|argument|command|function|method|key|keyword|field"
    r"|feature|attribute|signal|module|macro|specifier|code|file|directory|folder|tool|program|utility"
)
_VERBS = r"is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
_WORD = rf"(?!(?:{_VERBS}|the|an?|of|to|in|on|for|by|with|from|that|this|its|my|your)\b)[\w.+/-]+"
_ASKS_WHICH = re.compile(rf"\b(?:which|what)\s+(?:{_WORD}\s+){{0,3}}?(?:{_KINDS})\b", re.IGNORECASE)
_ASKS_SHORT = re.compile(
    rf"(?:what\s+(?:is|are)\s+the\s+)?(?:{_WORD}\s+){{0,3}}?(?:{_KINDS})\s+(?:to|that|which|for|so\s+that|with\s+which)\b",
    re.IGNORECASE,
)
_WHICH = re.compile(rf"\b(?:which|what)\s+((?:{_WORD}\s*){{1,3}})", re.IGNORECASE)

Stems = Callable[[str], frozenset[str]]


def asks_term(question: str) -> bool:
    """Tell whether a question describes a thing of a manual and asks for its name.

    >>> [asks_term(text) for text in ("Which option keeps the files?", "tar flag to keep files", "What does -k do?")]
    [True, True, False]
    """
    return bool(_ASKS_WHICH.search(question) or _ASKS_SHORT.match(question))


def asked_column(question: str, stems: Stems, row: Sequence[Cell]) -> Cell | None:
    """Return the cell of a row whose column stands behind "which" or "what", None if no single one does.

    >>> row = [Cell(0, 4, "Role"), Cell(7, 14, "Duty")]
    >>> asked_column("Which role signs?", lambda text: frozenset(text.lower().split()), row)
    Cell(start=0, end=4, column='Role')
    """
    match = _WHICH.search(question)
    for word in match[1].split() if match else ():
        matches = [cell for cell in row if cell.column and stems(word) & stems(cell.column)]
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def is_in_question(term: str, question: str, stems: Stems) -> bool:
    """Tell whether a question says a term already: one of its names as written, or all of its words.

    >>> stems = lambda text: frozenset(text.lower().split())
    >>> [is_in_question(term, "What does -k keep?", stems) for term in ("-k, --keep", "keep", "--keep-old")]
    [True, True, False]
    """
    written = set(re.findall(r"[^\s,;:?()]+", question))
    names = re.findall(r"[^\s,;:()]+", term)
    if any(name in written for name in names if not name.isalpha() or not name.islower()):
        return True
    return names == [name for name in names if name.isalpha()] and stems(term) <= stems(question)
