"""Turns document text into HTML that shows exactly that text, with spans of it marked."""

import html
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.citation import LINE_END

NUL = "\0"
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch `start:end` of a text, in code points, with the tags that are put around it."""

    start: int
    end: int
    opening: str
    closing: str


def escaped(text: str) -> str:
    r"""Return HTML, for an element or an attribute in double quotes, whose text is `text`.

    A browser reads a bare CR as LF, so it is written as a reference; NUL, which HTML cannot hold, is shown as U+FFFD.

    >>> escaped('<b>\r\n')
    '&lt;b&gt;&#13;\n'
    """
    return html.escape(text).replace(NUL, REPLACEMENT).replace("\r", "&#13;")


def attributes(**values: str | None) -> str:
    """Return HTML attributes with a blank before each; `_` in a name stands for `-`, None leaves the attribute out.

    >>> attributes(class_="note", data_line="3", title=None)
    ' class="note" data-line="3"'
    """
    given = {name.strip("_").replace("_", "-"): value for name, value in values.items() if value is not None}
    return "".join(f' {name}="{escaped(value)}"' for name, value in given.items())


def element(tag: str, *content: str, **values: str | None) -> str:
    """Return an element; its content is HTML already, its attributes are text."""
    return f"<{tag}{attributes(**values)}>{''.join(content)}</{tag}>"


def isolated(text: str) -> str:
    """Return text from a source as an inline element whose direction cannot reach what stands beside it."""
    return element("bdi", escaped(text))


class LineNumbers:
    """The starts of the lines of a text; an empty element is put at each, which shows the number and holds no text."""

    def __init__(self, text: str) -> None:
        """Find every line of `text`; CRLF, LF and a lone CR end one, as in `Place.line_start`."""
        self._starts = [0, *(found.end() for found in LINE_END.finditer(text))]

    def within(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield place and number of each line that starts in `start:end`, the end left out."""
        for position in range(bisect_left(self._starts, start), bisect_left(self._starts, end)):
            yield self._starts[position], position + 1


def marked(text: str, start: int, end: int, layers: Sequence[Sequence[Mark]], lines: LineNumbers | None = None) -> str:
    """Return `text[start:end]` as HTML with the marks of each layer around their places.

    The marks of one layer are in order; where two overlap, the later begins where the earlier ends. An outer layer is
    never broken by an inner one: the inner mark is split at its edge.
    """
    return "".join(_marked(text, start, end, layers, lines))


def _marked(
    text: str, start: int, end: int, layers: Sequence[Sequence[Mark]], lines: LineNumbers | None
) -> Iterator[str]:
    if not layers:
        yield from _numbered(text, start, end, lines)
        return
    at = start
    for mark in layers[0]:
        low, high = max(at, mark.start), min(end, mark.end)
        if low < high:
            yield from _marked(text, at, low, layers[1:], lines)
            yield mark.opening
            yield from _marked(text, low, high, layers[1:], lines)
            yield mark.closing
            at = high
    yield from _marked(text, at, end, layers[1:], lines)


def _numbered(text: str, start: int, end: int, lines: LineNumbers | None) -> Iterable[str]:
    at = start
    for place, number in lines.within(start, end) if lines else ():
        yield escaped(text[at:place])
        # A lone CR ends a line but no browser breaks there.
        yield "<br>" if text[place - 1 : place] == "\r" else ""
        yield element("span", class_="pc-line", data_line=str(number), aria_hidden="true")
        at = place
    yield escaped(text[at:end])


def one_line(text: str) -> str:
    """Return the text with each run of white space as one blank; for titles, never for quotations."""
    return re.sub(r"\s+", " ", text).strip()
