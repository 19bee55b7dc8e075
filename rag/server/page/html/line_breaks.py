"""Tells the line breaks that a sentence has of its layout alone, and shows and copies text without them."""

import re
from collections.abc import Iterator

from rag.core.response import Answer
from rag.server.page.html.markup import element, escaped, one_line

MIN_WRAPPED_CHARACTERS = 55
"""Characters of a line from which its end is taken for the edge of the sheet; verses and items of lists are shorter."""
_BLANKS = re.compile(r"(?<!\s)\s+")
_LINE_END = re.compile(r"\r\n|\r|\n")


def layout_breaks(text: str, is_page: bool) -> Iterator[tuple[int, int]]:
    """Yield the range of each line break that only the width of the sheet made.

    That is a break before a small letter, or after a full line. On a page (`is_page`) short lines break sentences too.
    """
    line_start = 0
    for match in _BLANKS.finditer(text):
        low, high = match.span()
        line_ends = list(_LINE_END.finditer(text, low, high))
        if not line_ends:
            continue
        line_length, line_start = low - line_start, line_ends[-1].end()
        if not low or high == len(text) or len(line_ends) > 1:
            continue
        before, after = text[low - 1], text[high]
        goes_on = (before.isalpha() or before in ",-") and (after.isalnum() or after in "(“\"'‘")
        if after.islower() or (goes_on and (is_page or line_length >= MIN_WRAPPED_CHARACTERS)):
            yield low, high


def is_of_page(answer: Answer) -> bool:
    """Tell whether an answer stands on a page, whose lines are those of the print."""
    return answer.citation.place.page_number is not None


def flowing(text: str, is_page: bool, start: int = 0, end: int | None = None) -> str:
    """Return `text[start:end]` as HTML that holds each character, and shows a break of the layout as a blank."""
    end = len(text) if end is None else end
    parts, at = [], start
    for low, high in layout_breaks(text, is_page):
        low, high = max(low, start), min(high, end)
        if low < high:
            parts += [escaped(text[at:low]), element("span", escaped(text[low:high]), class_="pc-fold")]
            at = high
    return "".join((*parts, escaped(text[at:end])))


def shown_sentence(answer: Answer) -> str:
    """Return the sentence of an answer in one line, as it is copied."""
    return one_line(answer.context)
