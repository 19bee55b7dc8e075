"""Recognises the layout of a line of text: cells, fields, options, terms, aligned columns. Ranges are offsets in it."""

import re
from collections.abc import Sequence

Range = tuple[int, int]

MAX_KEY_WORDS = 6
MAX_HEADER_WORDS = 7
"""Words of a column's name between commas; a heading of longer parts is a sentence."""
MIN_ALIGNED_SHARE = 0.8
"""Share of the lines of a table without marks that must have its columns."""

_RULE = re.compile(r"[\s|:+=_*~\-\u2500-\u257f]*$")
_ITEM = re.compile(r"(?:[-*+•‣▪◦·–]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
_OPTION = re.compile(r"-{1,2}[\w?@#]")
_LEADERS = re.compile(r"(?P<key>\S.{0,80}?)[ \t]*(?:\.{4,}|…{2,}|(?: \.){4,}|_{4,}|·{4,})[ \t.…]*(?P<value>\S.{0,80})$")
_COLON = re.compile(
    r"[*_`]{0,3}(?P<key>[^\s:=|*`][^:=|\n*`]{0,60}?)[*_`]{0,3}\s?"
    r"(?::[*_]{0,3}[ \t]+|[ \t]+[–—][ \t]+)(?P<value>\S[^\n]*)$"
)
_MARKED = re.compile(r":(?P<key>[^\s:][^:\n]{0,60}):[ \t]+(?P<value>\S[^\n]*)$")
"""A field of reStructuredText: `:Creator: R. Hill`."""
_EQUALS = re.compile(r"(?P<key>[\w.\-\[\]]{1,60})[ \t]*=[ \t]*(?P<value>[^\s=][^\n]*)$")
_GAP = re.compile(r"(?P<term>\S(?:\S| (?! )){0,40}?)(?P<gap> {2,}|\t+)(?P<rest>\S.*)$", re.DOTALL)
_COLUMN = re.compile(r"\S(?:\S| (?![ ]))*")
_COLUMN_GAP = re.compile(r"\S(?: {3,}|\t+)\S")
_WORD = re.compile(r"\S+")
_PICTURE = re.compile(
    r"\s*(?:\.\. (?:\|[^|\n]+\| )?image::\s*\S+(?:\s+:\w+:.*)*"
    r"|(?:\[?!\[[^\]\n]*\]\([^)\n]*\)(?:\]\([^)\n]*\))?\s*)+)\s*"
)
_LAST_FIGURE = re.compile(r" ([$€£¥+-]?\d[\d.,]*%?)$")


def is_picture(line: str) -> bool:
    """Tell whether a line only shows a picture, such as a badge.

    >>> [is_picture(text) for text in (".. |B| image:: https://b.io/x", "[![B](b.svg)](b.io)", "![x](y) is x")]
    [True, True, False]
    """
    return bool(_PICTURE.fullmatch(line))


def is_rule(line: str) -> bool:
    """Tell whether a line only draws a rule, as that below a table's header."""
    return bool(_RULE.match(line))


def is_option(line: str) -> bool:
    """Tell whether a line begins with an option of a command."""
    return bool(_OPTION.match(line))


def item_start(line: str) -> int:
    """Return the offset after the mark of a list item; 0 if it has none.

    >>> item_start("- Rope"), item_start("-v Verbose"), item_start("2) Tie")
    (2, 0, 3)
    """
    match = _ITEM.match(line)
    return match.end() if match else 0


def cells(row: str, delimiter: str) -> list[Range]:
    """Return the cells of a row without white space, quotes and escapes around them; empty ones are empty ranges.

    >>> row = "| Rope | 12.50 |"
    >>> [row[start:end] for start, end in cells(row, "|")]
    ['Rope', '12.50']
    """
    if delimiter == "|":
        row = row.rstrip()
        low = 1 if row.startswith("|") else 0
        high = len(row) - 1 if row.endswith("|") and not row.endswith("\\|") and len(row) > low else len(row)
        edges = [match.start() for match in re.finditer(r"(?<!\\)\|", row) if low <= match.start() < high]
    else:
        low, high = 0, len(row)
        edges = _unquoted(row, delimiter)
    starts, ends = [low, *(edge + 1 for edge in edges)], [*edges, high]
    return [_inner(row, start, end) for start, end in zip(starts, ends, strict=True)]


def _unquoted(row: str, delimiter: str) -> list[int]:
    quoted, edges, begins = False, [], True
    for position, character in enumerate(row):
        if character == '"' and (quoted or begins):
            quoted = not quoted
        elif character == delimiter and not quoted:
            edges.append(position)
        begins = character == delimiter
    return edges


def _inner(row: str, start: int, end: int) -> Range:
    while start < end and row[start].isspace():
        start += 1
    while start < end and row[end - 1].isspace():
        end -= 1
    for mark in ('"', "**", "`"):
        if end - start >= 2 * len(mark) and row.startswith(mark, start) and row.endswith(mark, start, end):
            start, end = start + len(mark), end - len(mark)
    return start, end


def column_names(header: str, rows: Sequence[str]) -> tuple[str, list[str]]:
    """Return the delimiter of a table and the names of its columns; empty ones if `header` heads no table of `rows`."""
    line = next((line for line in header.split("\n") if line.strip()), "")
    for delimiter in ("\t", "|", ";", ",", "~", "^"):
        if delimiter in line:
            names = [line[start:end] for start, end in cells(line, delimiter)]
            if delimiter in ";," and _is_prose(names):
                continue
            lines = [row for row in rows if not is_rule(row)]
            fitting = sum(1 < len(cells(row, delimiter)) <= len(names) for row in lines)
            if len(names) > 1 and fitting and (delimiter == "|" or 2 * fitting >= len(lines)):
                return delimiter, names
    return "", []


def _is_prose(names: Sequence[str]) -> bool:
    """Tell whether the parts of a line between commas are those of a sentence, not the names of columns."""
    return names[-1][-1:] in ("?", "!", ".", ":") or max(len(name.split()) for name in names) > MAX_HEADER_WORDS


def field_of(line: str) -> tuple[Range, Range] | None:
    """Return the key and the value of a line, None if it is no field.

    >>> field_of("Price: 12")
    ((0, 5), (7, 9))
    """
    for pattern in (_LEADERS, _MARKED, _COLON, _EQUALS):
        match = pattern.match(line)
        if match and 0 < len(match["key"].split()) <= MAX_KEY_WORDS:
            start = match.start("key")
            return (start, start + len(match["key"].rstrip(" .…_·"))), match.span("value")
    return None


def term_gap(line: str) -> Range | None:
    """Return the end of the term of `term   description` and the start of the description, None without such a gap."""
    match = _GAP.match(line)
    if match is None or not (is_option(line) or "\t" in match["gap"] or len(match["gap"]) > 2):
        return None
    if re.search(r"\S {3,}\S", match["rest"].split("\n")[0]):
        return None
    return match.end("term"), match.start("rest")


def has_gap(line: str) -> bool:
    """Tell whether space sets columns of a line apart."""
    return bool(_COLUMN_GAP.search(line))


def spaced_cells(line: str) -> list[str]:
    """Return the cells of a line whose columns stand at least two spaces apart.

    >>> spaced_cells("Min  Max   Mean SD")
    ['Min', 'Max', 'Mean SD']
    """
    return [match.group() for match in _COLUMN.finditer(line)]


def is_layout(text: str) -> bool:
    """Tell whether the lines of a text lay something out, so that they are no running text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    fields = sum(field_of(line[item_start(line) :]) is not None for line in lines)
    gaps = sum(term_gap(line) is not None for line in lines)
    return 2 * fields > len(lines) or gaps == len(lines) or bool(aligned_rows(lines))


def aligned_rows(lines: Sequence[str]) -> list[list[Range]]:
    """Return the cells of every line of a table whose columns are set apart by space only; empty if it is none."""
    return _boxed_rows(lines) or _spaced_rows(lines) or _worded_rows(lines)


def _boxed_rows(lines: Sequence[str]) -> list[list[Range]]:
    """Return the cells of lines in a box of `|` or `│`, rules being rows without cells."""
    rows = [[] if is_rule(line) else cells(line.replace("│", "|").replace("┃", "|"), "|") for line in lines]
    width = len(rows[0]) or (len(rows[1]) if len(rows) > 1 else 0)
    return rows if len(rows) > 1 and width > 1 and all(not row or len(row) == width for row in rows) else []


def _spaced_rows(lines: Sequence[str]) -> list[list[Range]]:
    """Return the cells of lines whose columns stand at least two spaces apart."""
    rows = [[match.span() for match in _COLUMN.finditer(line)] for line in lines]
    width = len(rows[0]) if rows else 0
    rows = [_with_figures_apart(line, row, width) for line, row in zip(lines, rows, strict=True)]
    if len(rows) < 3 or width < 2 or sum(len(row) == width for row in rows) < MIN_ALIGNED_SHARE * len(rows):
        return []
    return [row if len(row) <= width else [row[0], (row[1][0], row[-1][1])] for row in rows]


def _with_figures_apart(line: str, row: list[Range], width: int) -> list[Range]:
    """Return the cells of a row of at most `width`, parted before figures that a single space sets apart.

    >>> _with_figures_apart("Ash: 1.3  2.4", [(0, 8), (10, 13)], 3)
    [(0, 4), (5, 8), (10, 13)]
    """
    for i in range(len(row) - 1, -1, -1):
        start, end = row[i]
        while len(row) < width and (match := _LAST_FIGURE.search(line, start, end)):
            row = [*row[:i], (start, match.start()), match.span(1), *row[i + 1 :]]
            end = match.start()
    return row


def _worded_rows(lines: Sequence[str]) -> list[list[Range]]:
    """Return the cells of lines with a figure in each, whose header has a word for each column.

    A row of more words than columns is clear only if all its columns but the first hold figures.
    """
    words = [[match.span() for match in _WORD.finditer(line)] for line in lines]
    width = len(words[0]) if words else 0
    has_figure = [any(map(str.isdigit, line)) for line in lines]
    if len(lines) < 4 or not 1 < width < 8 or has_figure[0] or not all(has_figure[1:]):
        return []
    if any(len(row) < width for row in words) or max(map(len, words)) > width + 4:
        return []
    for line, row in zip(lines[1:], words[1:], strict=True):
        last = row[len(row) - width + 1 :] if len(row) > width else []
        if not all(any(map(str.isdigit, line[start:end])) for start, end in last):
            return []
    return [[(row[0][0], row[len(row) - width][1]), *row[len(row) - width + 1 :]] for row in words]
