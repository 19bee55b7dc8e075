"""Joins the words that a formatter parted at the end of a line, as `nroff` does in manual pages."""

import re

HYPHENATION = re.compile(r"(?<=[^\W\d_])[\u2010\u00ad][ \t]*\r?\n[ \t]*(?=[^\W\d_])")
"""A hyphen that is no hyphen-minus, at the end of a line, in a word. A hyphen-minus there may belong to the word."""


def unhyphenated(text: str) -> str:
    r"""Return a text with its parted words joined.

    >>> unhyphenated("the de\u2010\n    fault is well-\nknown")
    'the default is well-\nknown'
    """
    return HYPHENATION.sub("", text) if "\u2010" in text or "\u00ad" in text else text
