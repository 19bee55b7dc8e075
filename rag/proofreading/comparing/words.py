"""Cuts texts into words that can be compared, each with its place in the text.

Case, white space, dashes, quotation marks, other punctuation and the marks of Markdown are no part of a word. So two
texts that differ only in these have the same words. Signs that carry a value are words: `$`, `%`, the minus of `-5`.
A character of a script without spaces is a word.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

GAP = "…"
"""Form of words that a writer left out or put in: `…`, `[...]`, `[the company]`."""
_ELLIPSIS = r"[\[(]\s*(?:…|\.\s?\.\s?\.)\s*[\])]|…|\.\s?\.\s?\.\.?"
_WORD = (
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|(?:(?<![\w)])[-−–](?=\d))?\d+(?:[.,:]\d+)*"
    r"|[^\W\d_]\w*?(?:(?:['’\u00ad\u200b])[^\W\d_]+)*(?<!_)(?=[\W_]|$)|[$€£¥₹%‰°]|[^\W_]+"
)
_WORDS = re.compile(_WORD)
_QUOTED_WORDS = re.compile(rf"(?P<gap>{_ELLIPSIS}|\[[^\[\]\n]{{2,60}}\])|(?P<first>\[[^\W\d_]\][^\W_]*)|{_WORD}")
_UNSEEN = re.compile("[\u00ad\u200b\\[\\]]")
_LINK_TARGET = re.compile(r"(?<=\])\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"\n]*\")?\)")


class Word(NamedTuple):
    """A word at `start:end` of a text; `form` is compared."""

    start: int
    end: int
    form: str


def words(text: str, start: int = 0, end: int | None = None, quoted: bool = False) -> list[Word]:
    """Return the words of a range of a text. In the words of a quotation (`quoted`) gaps of its writer are words too.

    >>> [word.form for word in words("[T]he firm … paid – it says – $5", quoted=True)]
    ['the', 'firm', '…', 'paid', 'it', 'says', '$', '5']
    """
    return list(_words(text, start, len(text) if end is None else end, quoted))


def _words(text: str, start: int, end: int, quoted: bool) -> Iterator[Word]:
    for match in (_QUOTED_WORDS if quoted else _WORDS).finditer(text, start, end):
        if quoted and match["gap"]:
            yield Word(match.start(), match.end(), GAP)
            continue
        form = _UNSEEN.sub("", match.group()).lower().replace("’", "'")
        yield Word(match.start(), match.end(), re.sub("^[−–]", "-", form))


def without_link_targets(text: str) -> str:
    """Return a text of the same length with blanks in the place of the addresses of Markdown links."""
    return _LINK_TARGET.sub(lambda match: " " * len(match.group()), text)
