"""Says in which ways two texts of the same words are written differently: white space, dashes, marks, capitals."""

import re
from collections.abc import Callable

_DASHES = re.compile(r"\s*[-‐‑‒–—―−]+\s*")
_MARKS = re.compile("[“”„«»‹›‘’‚\"'`´「」『』]")
_SPACE = re.compile(r"[\s\u00ad\u200b]+")
_MARKUP = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+|[*_`]+|!?\[(?=[^\[\]]*\]\()|\]\([^()\s]*\)")
_PUNCTUATION = re.compile("[^\\w\\s$€£¥₹%‰°\"“”„«»‹›‘’‚'`´「」『』–—*_-]")
_EDGES = " \r\n.,;:!?"
"""A quotation may end with other marks than its source: `“… it,” he said`."""
_FOLDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("markup", lambda text: _MARKUP.sub("", text)),
    ("dashes", lambda text: _DASHES.sub(" ", text)),
    ("quotation marks", lambda text: _MARKS.sub('"', text)),
    ("punctuation", lambda text: _PUNCTUATION.sub("", text)),
    ("white space", lambda text: _SPACE.sub(" ", text).strip()),
    ("capital letters", str.casefold),
)


def same_but_for(draft: str, source: str, has_gaps: bool = False) -> tuple[str, ...]:
    """Return the ways in which two texts of the same words differ. Texts with words left out are not compared.

    >>> same_but_for("A plan  – “quiet”", "a plan - 'quiet'")
    ('dashes', 'quotation marks', 'white space', 'capital letters')
    """
    draft, source = draft.strip(_EDGES), source.strip(_EDGES)
    if draft == source:
        return ()
    if has_gaps:
        return ("words left out",)
    return tuple(name for name, _ in _FOLDS if _folded(draft, name) != _folded(source, name))


def _folded(text: str, without: str) -> str:
    """Return the text folded in all ways but one."""
    for name, fold in _FOLDS:
        text = text if name == without else fold(text)
    return text
