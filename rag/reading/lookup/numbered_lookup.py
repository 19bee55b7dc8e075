"""Looks up the item or section that a question names by its number: `What does rule 2 say?`, `The third step?`."""

import re

from rag.core.text.stopwords import STOPWORDS

_KINDS = (
    r"rule|section|sec\.|article|art\.|clause|step|item|point|paragraph|para\.|chapter|part|regulation|principle"
    r"|condition|requirement|provision|term|stage|phase|subsection|§"
)
_DIGITS = r"\d{1,3}(?:\.\d{1,3})*"
_NUMBER = rf"{_DIGITS}[a-z]?"
_ORDINALS = dict(
    zip("first second third fourth fifth sixth seventh eighth ninth tenth".split(), range(1, 11), strict=True)
)
_NAMED = re.compile(rf"\b(?:{_KINDS})\s*(?:no\.?\s*|number\s*)?({_NUMBER})(?![\w%])|§\s*({_NUMBER})", re.IGNORECASE)
_COUNTED = re.compile(rf"\b(?:({'|'.join(_ORDINALS)})|(\d{{1,2}})(?:st|nd|rd|th))\s+(?:{_KINDS})s?\b", re.IGNORECASE)
_SAYING = frozenset(
    "say says said state states about read reads mean means contain contains cover covers deal deals content text"
    " number titled title called entitled".split()
)
"""Words of a question that ask for the item itself."""
_OWN_NUMBER = re.compile(
    rf"[\s#*\-–]*(?:(?:{_KINDS})\s*({_NUMBER})(?!\.?\d)|\(?({_NUMBER})[.):]+(?=\s)|({_DIGITS})\s+(?-i:(?=[A-Z])))",
    re.IGNORECASE,
)


def asked_number(question: str) -> str | None:
    """Return the number of the item or section whose text a question asks for, None if it asks for anything else.

    >>> [asked_number(text) for text in ("What does rule 2 say?", "What is the third step?", "What does rule 2 cost?")]
    ['2', '3', None]
    """
    match = _NAMED.search(question) or _COUNTED.search(question)
    if match is None:
        return None
    rest = re.findall(r"\w+", (question[: match.start()] + " " + question[match.end() :]).lower())
    if any(word not in STOPWORDS and word not in _SAYING for word in rest):
        return None
    number = next(group for group in match.groups() if group)
    return str(_ORDINALS.get(number.lower(), number)).lower()


def own_number(statement: str) -> str | None:
    """Return the number that a statement begins with, None if it has none.

    >>> [own_number(text) for text in ("2. Boats need a light.", "Section 4.2 is about ropes.", "2 boats sank.")]
    ['2', '4.2', None]
    """
    match = _OWN_NUMBER.match(statement)
    return next(group for group in match.groups() if group).lower() if match else None
