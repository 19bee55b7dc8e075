"""Writes a web address that marks a quotation in a browser, by the specification of text fragments."""

import re
from collections.abc import Sequence
from urllib.parse import quote as percent_encoded

MIN_UNIQUE_CHARACTERS = 60
"""Characters from which a quote is taken to stand on its page only once."""
MAX_FRAGMENT_WORDS = 3
"""Words before and after a quote in a text fragment; each more is one more that the web page may write differently."""
FRAGMENT_EDGE = re.compile(r"[\r\n*_`#|<>\[\]]")
"""The end of a line, or markup: a web page does not show it."""


def url_fragment(uri: str | None, quote: str, prefix: str = "", suffix: str = "") -> str | None:
    """Return `uri` with a text fragment that marks the quote in a browser, None if there is no web address.

    A quote over 300 characters or over several lines is given by its first and last words, as the specification
    asks (https://wicg.github.io/scroll-to-text-fragment/): `#:~:text=First%20words,last%20words`. A short quote may
    stand on the page more than once, so the words before and after it are given too: `#:~:text=to-,120%20euros,-per`.
    """
    if uri is None or not uri.startswith(("http://", "https://")):
        return None
    words = quote.split()
    short = len(quote) <= 300 and "\n" not in quote
    parts = [_escaped(quote)] if short or len(words) < 10 else [*map(_escaped, _ends(words))]
    if len(quote) < MIN_UNIQUE_CHARACTERS:
        before, after = _words_around(prefix, suffix)
        parts = [*([f"{_escaped(before)}-"] if before else []), *parts, *([f"-{_escaped(after)}"] if after else [])]
    return f"{uri.partition('#')[0]}#:~:text={','.join(parts)}"


def _ends(words: Sequence[str]) -> tuple[str, str]:
    return " ".join(words[:5]), " ".join(words[-5:])


def _words_around(prefix: str, suffix: str) -> tuple[str, str]:
    """Return the whole words next to a quote, of its own line alone: a browser matches each within one block.

    The outermost word of either side is dropped, because it may be cut.
    """
    before, after = FRAGMENT_EDGE.split(prefix)[-1], FRAGMENT_EDGE.split(suffix)[0]
    first = 1 if before == prefix else 0
    last = -1 if after == suffix else None
    before_words, after_words = re.split(r"\s+", before.strip())[first:], re.split(r"\s+", after.strip())[:last]
    return " ".join(before_words[-MAX_FRAGMENT_WORDS:]), " ".join(after_words[:MAX_FRAGMENT_WORDS])


def _escaped(text: str) -> str:
    return percent_encoded(text, safe="").replace("-", "%2D")
