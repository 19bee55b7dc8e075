"""Turns document text into HTML that shows exactly that text, with spans of it marked."""

import heapq
import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from rag.answering.citation import LINE_END

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
    pairs = {name.strip("_").replace("_", "-"): value for name, value in values.items() if value is not None}
    return "".join(f' {name}="{escaped(value)}"' for name, value in pairs.items())


def element(tag: str, *content: str, **values: str | None) -> str:
    """Return an element; its content is HTML already, its attributes are text."""
    return f"<{tag}{attributes(**values)}>{''.join(content)}</{tag}>"


def field(**values: str | None) -> str:
    """Return an `<input>`, which holds nothing."""
    return f"<input{attributes(**values)}>"


def isolated(text: str) -> str:
    """Return text from a source as an inline element whose direction cannot reach the text beside it."""
    return element("bdi", escaped(text))


class LineNumbers:
    """The starts of the lines and pages of a text; an empty element at each shows its number and holds no text."""

    def __init__(
        self, text: str, pages: Sequence[int] = (), file_lines: Sequence[tuple[int, int]] = ()
    ) -> None:  # fmt: skip
        """Find every line of `text`; CRLF, LF and a lone CR end one, as in `Place.line_start`.

        `pages` are the offsets at which pages begin, the first for page 1. `file_lines` are `(start, number)` of the
        lines of the file, if these are known and differ from those of the text: their numbers are shown.
        """
        starts = [0, *(line_end.end() for line_end in LINE_END.finditer(text))]
        self._lines = list(enumerate(starts, start=1))
        if file_lines:
            # No line of the file is that of a blank line between two blocks.
            shown = (start for start in starts if text[start : start + 1] not in ("", "\r", "\n"))
            self._lines = [(number, start) for start in shown if (number := _number_at(file_lines, start))]
        # A lone CR ends a line but no browser breaks there.
        self._broken = {start for start in starts if text[max(0, start - 1) : start] == "\r"}
        self._pages = list(enumerate(pages, start=1))

    def within(self, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Yield place and element of each page and line that starts in `start:end`, the end left out."""
        pages, lines = _numbered(self._pages, start, end, "page"), _numbered(self._lines, start, end, "line")
        broken = ((place, f"<br>{sign}" if place in self._broken else sign) for place, sign in lines)
        yield from heapq.merge(pages, broken, key=itemgetter(0))


def _number_at(file_lines: Sequence[tuple[int, int]], start: int) -> int | None:
    """Return the line of the file that a citation of the text at `start` names."""
    count = bisect_right(file_lines, start, key=itemgetter(0))
    return file_lines[count - 1][1] if count else None


def _numbered(starts: Sequence[tuple[int, int]], start: int, end: int, unit: str) -> Iterator[tuple[int, str]]:
    """Yield place and element of each `(number, start)` within the range."""
    first = bisect_left(starts, start, key=itemgetter(1))
    for number, place in starts[first : bisect_left(starts, end, key=itemgetter(1))]:
        values = {"class_": f"pc-{unit}", f"data_{unit}": str(number), "aria_hidden": "true"}
        yield place, element("span", **values)


def marked(text: str, start: int, end: int, layers: Sequence[Sequence[Mark]], lines: LineNumbers | None = None) -> str:
    """Return `text[start:end]` as HTML with the marks of each layer around their places.

    The marks of one layer are in order; if two overlap, the later begins at the end of the earlier. An outer layer is
    never broken by an inner one: the inner mark is split at its edge.
    """
    return "".join(_marked(text, start, end, layers, lines))


def _marked(
    text: str, start: int, end: int, layers: Sequence[Sequence[Mark]], lines: LineNumbers | None
) -> Iterator[str]:
    if not layers:
        yield from _with_signs(text, start, end, lines)
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


def _with_signs(text: str, start: int, end: int, lines: LineNumbers | None) -> Iterable[str]:
    at = start
    for place, sign in lines.within(start, end) if lines else ():
        yield escaped(text[at:place])
        yield sign
        at = place
    yield escaped(text[at:end])


def one_line(text: str) -> str:
    """Return the text with each run of white space as one blank; for titles, never for quotations."""
    return re.sub(r"\s+", " ", text).strip()
