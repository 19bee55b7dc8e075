"""Puts the layout of a passage into words, in a private copy for the reader model.

A table row becomes `Item: Rope; Price: 12.50.`, a definition or an option `term: description.`, a line `Key value` or
`Key ..... value` becomes `Key: value.`, a heading `Heading.` before its text. Running text stays as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from rag.core.types import Chunk
from rag.reading.layout_lines import (
    aligned_rows,
    cells,
    column_names,
    field_of,
    has_gap,
    is_layout,
    is_option,
    is_rule,
    item_start,
    spaced_cells,
    term_gap,
)
from rag.reading.reading_copy import CopyBuilder, ReadableUnit, ReadingCopy, plain_copy

MAX_CELL_WORDS = 12
"""Words up to which a cell or a value is taken whole; in a longer one the reader looks for a span."""
MAX_WHOLE_ITEM_WORDS = 5
"""Words up to which a list item is taken whole."""
MAX_TERM_WORDS = 8
MAX_LEAD_WORDS = 30
MAX_LIST_CHARACTERS = 600
"""Characters of a lead-in and its items up to which they are one statement."""
MAX_NAME_WORDS = 8
"""Words of a column's name that are read before its cell."""
MAX_HEADINGS = 3
"""Innermost headings of the path that are read before a passage that does not show them."""
CACHED_COPIES = 4_000

_ENDED = re.compile(r"[.!?:;,…。！？]['\"”’)\]]*$")
_SENTENCE_END = re.compile(r"[.!?。！？]['\"”’)\]]*(?:\s|$)")
_FIGURE = re.compile(r"\d")
_VALUE = re.compile(r"(?![12]\d{3}\Z)[$€£¥]?\d[\d.,]*\S{0,3}\Z")
"""A figure that is no year."""
_BLANK_LINE_BEFORE = re.compile(r"\n[ \t\r]*\n[ \t]*\Z")


class _Line(NamedTuple):
    """A heading line, a sentence or a line of one: its stored range and its sentence's number, None for a heading."""

    start: int
    end: int
    sentence: int | None


def reading_copy(chunk: Chunk) -> ReadingCopy:
    """Return the copy of a passage that the reader model reads."""
    return _copied(chunk.text, chunk.title or "", chunk.headings, chunk.sentences)


@lru_cache(maxsize=CACHED_COPIES)
def _copied(
    text: str, title: str, headings: tuple[str, ...], sentences: tuple[tuple[int, int], ...]
) -> ReadingCopy:  # fmt: skip
    shows_no_layout = "\n" not in text.strip() and sentences and not text[: sentences[0][0]].strip()
    if not headings and shows_no_layout and len(sentences) > 1:
        return plain_copy(text, sentences)
    return _Recorder(text, title, headings, sentences).copy()


def _is_description(words: str) -> bool:
    return not item_start(words) and not is_rule(words) and not is_layout(words)


def _are_values(cells: Sequence[str]) -> bool:
    """Tell whether cells hold figures that are no years, so that their row heads no table."""
    return bool(cells) and all(map(_VALUE.match, cells))


class _Recorder:
    """Writes the copy of one passage, line by line."""

    def __init__(
        self, text: str, title: str, headings: Sequence[str], sentences: Sequence[tuple[int, int]]
    ) -> None:  # fmt: skip
        self._text, self._title = text, title
        self._build = CopyBuilder(text)
        self._lead = self._term = ""
        self._described: tuple[int, int] | None = None
        """The stored range of the term that the paragraph describes."""
        self._list: int | None = None
        """The number of the statement of the lead-in whose items follow."""
        self._lines = list(self._parted(sentences))
        rows = [text[start:end] for start, end in sentences]
        self._delimiter, self._names = column_names(headings[-1], rows) if headings else ("", [])
        self._header = headings[-1] if self._delimiter else ""
        self._path = headings[:-1] if self._delimiter else headings

    def copy(self) -> ReadingCopy:
        """Return the copy."""
        self._add_path()
        number = 0
        while number < len(self._lines):
            number += self._add(number)
        return self._build.finish()

    def _parted(self, sentences: Sequence[tuple[int, int]]) -> Iterator[_Line]:
        """Yield the lines between the sentences, the sentences, and the lines of sentences that are a layout."""
        position = 0
        for number, (start, end) in enumerate(sentences):
            yield from self._split(position, start, None)
            words = self._text[start:end]
            if "\n" in words and is_layout(words):
                yield from self._split(start, end, number)
            elif words.strip():
                yield _Line(start, end, number)
            position = end
        yield from self._split(position, len(self._text), None)

    def _split(self, start: int, end: int, sentence: int | None) -> Iterator[_Line]:
        for match in re.finditer(r"[^\r\n]*[^\s][^\r\n]*", self._text[start:end]):
            words = match.group()
            first = start + match.start() + len(words) - len(words.lstrip())
            yield _Line(first, first + len(words.strip()), sentence)

    def _add_path(self) -> None:
        """Insert the headings above the passage that it does not show itself."""
        visible = {self._words(line).strip("#=- ¶") for line in self._lines if line.sentence is None}
        path = [" ".join(heading.split()).strip("¶ ") for heading in self._path]
        hidden = [heading for heading in path if heading and heading not in visible and heading != self._title]
        for heading in hidden[-MAX_HEADINGS:]:
            self._build.insert(heading + ("" if _ENDED.search(heading) else "."), 0)
            self._build.insert(" ", 0)

    def _add(self, number: int) -> int:
        """Add a line, perhaps with those that belong to it; return how many."""
        line = self._lines[number]
        words = self._words(line)
        boxed = self._add_aligned(number) if self._opens_table(number) else 0
        if boxed:
            return boxed
        if is_rule(words) or (line.sentence is None and self._is_header(words)):
            return 1
        row = cells(words, self._delimiter or "|") if self._delimiter or words.count("|") > 1 else []
        if len(row) > 1 and (len(row) <= len(self._names) or not self._names):
            self._add_row(line, row, self._names)
            return 1
        return self._add_line(number)

    def _add_line(self, number: int) -> int:
        line = self._lines[number]
        if line.sentence is None:
            self._add_heading(line)
            return 1
        return self._add_definition(number) or self._add_field(line) or self._add_sentence(line)

    def _opens_table(self, number: int) -> bool:
        """Tell whether a line is the first of several that one sentence was parted into."""
        before = self._lines[number - 1].sentence if number else None
        return self._lines[number].sentence is not None and self._lines[number].sentence != before

    def _is_header(self, words: str) -> bool:
        """Tell whether a line is the header of the table below; one that holds values is read as a row."""
        return bool(self._delimiter) and words in self._header and not _FIGURE.search(words)

    def _add_heading(self, line: _Line) -> None:
        words = self._words(line)
        start = line.start + len(words) - len(words.lstrip("#=-* "))
        end = line.end - (len(words) - len(words.rstrip("#=-* ¶")))
        if start < end:
            self._keep(start, end)
            self._state(start, end, ())
            self._stop(end)
        self._lead = self._term = ""
        self._list = self._described = None

    def _add_row(self, line: _Line, row: Sequence[tuple[int, int]], names: Sequence[str]) -> None:
        """Add a row as `Name: cell; Name: cell.`; without names as `cell: cell; cell.`."""
        filled = [(start + line.start, end + line.start, j) for j, (start, end) in enumerate(row) if start < end]
        words = []
        for position, (start, end, j) in enumerate(filled):
            name = " ".join(names[j].split()[:MAX_NAME_WORDS]).rstrip(":") if j < len(names) else ""
            mark = "" if not position else ": " if not names and position == 1 else "; "
            self._build.insert(mark, start)
            self._build.insert(f"{name}: " if name else "", start)
            self._build.keep(start, end, self._is_short(start, end, MAX_CELL_WORDS), name)
            words.append(f"{name} {self._text[start:end]}")
        self._state(line.start, line.end, (line.sentence,), " ".join(words))
        self._stop(line.end)

    def _add_aligned(self, number: int) -> int:
        """Add a table whose columns are set apart by space only, with its first line as header; return its lines."""
        run = self._table_lines(number)
        if len(run) < 3:
            return 0
        rows = aligned_rows([self._words(line) for line in run])
        filled = [(line, row) for line, row in zip(run, rows, strict=False) if row]
        if not filled:
            return 0
        names = [self._words(filled[0][0])[start:end] for start, end in filled[0][1]]
        if _are_values(names[1:]):
            names = self._names_above(len(names))
        else:
            filled = filled[1:]
        for line, row in filled:
            self._add_row(line, row, names)
        return len(run)

    def _names_above(self, width: int) -> list[str]:
        """Return the names of the columns if the last heading is the head of the table; the first may have none."""
        names = spaced_cells(self._path[-1].split("\n")[-1]) if self._path else []
        return names if len(names) == width else ["", *names] if 1 < len(names) == width - 1 else []

    def _table_lines(self, number: int) -> list[_Line]:
        """Return the lines that one sentence was parted into, else those with gaps that follow one another."""
        first = self._lines[number]
        if first.sentence is None or self._delimiter:
            return []
        run = [line for line in self._lines[number:] if line.sentence == first.sentence]
        if len(run) > 1:
            return run
        for line in self._lines[number + 1 :]:
            last = run[-1]
            is_next = line.sentence is not None and self._text[last.end : line.start].count("\n") == 1
            if not is_next or "\n" in self._words(line) or not (has_gap(self._words(last)) and self._is_alone(line)):
                break
            run.append(line)
        return run if has_gap(self._words(run[-1])) else run[:-1]

    def _add_definition(self, number: int) -> int:
        """Add a term or an option with the first sentence that describes it; return the number of lines."""
        terms = [self._lines[number]] if self._is_term(number) else []
        while terms and number + len(terms) < len(self._lines) and self._goes_with(terms[-1], number + len(terms)):
            terms.append(self._lines[number + len(terms)])
        if not terms or number + len(terms) == len(self._lines):
            return self._add_term_gap(self._lines[number])
        described = self._lines[number + len(terms)]
        if not self._describes(terms[-1], described, number + len(terms)):
            return self._add_term_gap(self._lines[number])
        for position, term in enumerate(terms):
            self._build.insert(", " if position else "", term.start)
            words = self._words(term)
            start = item_start(words)
            self._keep(term.start + start, term.start + len(words.rstrip(":=")), not position, is_cell=True)
        self._build.insert(": ", described.start)
        self._term = ", ".join(map(self._words, terms))
        self._lead = ""
        whole = self._is_short(described.start, described.end, MAX_CELL_WORDS) and self._is_alone(described)
        self._build.keep(described.start, described.end, whole)
        members = [line.sentence for line in (*terms, described)]
        self._described = self._named(terms[0].start, terms[-1].end)
        self._state(terms[0].start, described.end, members, self._text[terms[0].start : described.end], self._described)
        self._stop(described.end)
        return len(terms) + 1

    def _add_term_gap(self, line: _Line) -> int:
        """Add a line `term   description`; return 0 if it is none."""
        words = self._words(line)
        gap = term_gap(words) if self._is_alone(line) else None
        if gap is None:
            return 0
        self._term, self._lead = words[: gap[0]], ""
        self._add_pair(line, (item_start(words), gap[0]), (gap[1], len(words)))
        return 1

    def _add_field(self, line: _Line) -> int:
        """Add a line `Key: value`, `key=value` or `Key ..... value`; return 0 if it is none."""
        words = self._words(line)
        start = item_start(words)
        pair = field_of(words[start:]) if self._is_alone(line) else None
        if pair is None:
            return 0
        key, value = ((low + start, high + start) for low, high in pair)
        self._add_pair(line, key, value)
        return 1

    def _add_pair(self, line: _Line, key: tuple[int, int], value: tuple[int, int]) -> None:
        at = line.start
        self._keep(at + key[0], at + key[1], is_cell=True)
        self._build.insert(": ", at + value[0])
        self._build.keep(at + value[0], at + value[1], self._is_short(at + value[0], at + value[1], MAX_CELL_WORDS))
        self._described = self._named(at + key[0], at + key[1])
        self._state(line.start, line.end, (line.sentence,), self._lead, self._described)
        self._stop(line.end)

    def _named(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of a term without the mark of its item and the colon behind it."""
        words = self._text[start:end]
        return start + item_start(words), start + len(words.rstrip(":=` "))

    def _add_sentence(self, line: _Line) -> int:
        words = self._words(line)
        start = line.start + item_start(words)
        is_item = start > line.start
        self._keep(start, line.end, is_cell=is_item and self._is_short(start, line.end, MAX_WHOLE_ITEM_WORDS))
        if is_item or _BLANK_LINE_BEFORE.search(self._text[: line.start]):
            self._described = None
        self._state(line.start, line.end, (line.sentence,), self._lead if is_item else self._term, self._described)
        if self._is_alone(line):
            self._stop(line.end)
        if is_item:
            self._add_to_list(line)
        elif words.endswith(":") and len(words.split()) <= MAX_LEAD_WORDS:
            self._lead, self._list = words, len(self._build.statements) - 1
        elif self._begins_paragraph(line):
            self._lead, self._list = "", None
        return 1

    def _add_to_list(self, line: _Line) -> None:
        """Let the statement of the lead-in reach to this item, so that a list can be an answer as a whole."""
        lead = self._build.statements[self._list] if self._list is not None else None
        if lead is not None and line.end - lead.start <= MAX_LIST_CHARACTERS:
            numbers = lead.sentences if line.sentence is None else (*lead.sentences, line.sentence)
            self._build.statements[self._list or 0] = replace(lead, end=line.end, sentences=numbers, is_list=True)
        else:
            self._list = None

    def _is_term(self, number: int) -> bool:
        line = self._lines[number]
        words = self._words(line)
        short = "\n" not in words and len(words.split()) <= MAX_TERM_WORDS
        is_name = is_option(words) or not (_ENDED.search(words.rstrip(":=")) or field_of(words))
        return line.sentence is not None and short and is_name and self._is_alone(line)

    def _goes_with(self, term: _Line, number: int) -> bool:
        """Tell whether the line `number` is another name of the same thing, as `-f` and `--force`."""
        words = self._words(self._lines[number])
        return is_option(words) and is_option(self._words(term)) and self._is_term(number)

    def _describes(self, term: _Line, described: _Line, number: int) -> bool:
        if described.sentence is None or not _is_description(self._words(described)) or self._heads(number):
            return False
        gap = self._text[term.end : described.start]
        if is_option(self._words(term)):
            return True
        deeper = self._indent(described) > max(self._indent(term), 0)
        words = self._words(described)
        if gap.count("\n") > 1:
            return deeper and len(words) > len(self._words(term))
        if deeper:
            return True
        ends = number + 1 == len(self._lines) or "\n\n" in self._text[described.end : self._lines[number + 1].start]
        return not words[:1].islower() and (bool(_ENDED.search(words)) or ends) and not term_gap(words)

    def _heads(self, number: int) -> bool:
        """Tell whether a line is itself a term with a deeper line below, so that it describes nothing."""
        follows = number + 1 < len(self._lines)
        return (
            follows
            and self._is_term(number)
            and self._indent(self._lines[number + 1]) > self._indent(self._lines[number])
        )

    def _indent(self, line: _Line) -> int:
        """Return the columns before a line; -1 if the passage begins with it."""
        before = self._text.rfind("\n", 0, line.start)
        return -1 if before < 0 else line.start - before - 1

    def _is_alone(self, line: _Line) -> bool:
        """Tell whether nothing else stands on the line or lines of a sentence."""
        return self._begins_line(line) and self._text[line.end :].lstrip(" \t*_`¶")[:1] in ("", "\n", "\r")

    def _begins_line(self, line: _Line) -> bool:
        return not self._text[self._text.rfind("\n", 0, line.start) + 1 : line.start].strip()

    def _begins_paragraph(self, line: _Line) -> bool:
        before = self._text[: line.start].rstrip(" \t")
        return not before or before.endswith("\n")

    def _is_short(self, start: int, end: int, words: int) -> bool:
        text = self._text[start:end]
        return len(text.split()) <= words and not _SENTENCE_END.search(text[:-2])

    def _keep(self, start: int, end: int, apart: bool = True, is_cell: bool = False) -> None:
        if apart:
            self._build.insert(" ", start)
        self._build.keep(start, end, is_cell)

    def _state(
        self,
        start: int,
        end: int,
        sentences: Sequence[int | None],
        context: str = "",
        term: tuple[int, int] | None = None,
    ) -> None:
        numbers = tuple(dict.fromkeys(number for number in sentences if number is not None))
        self._build.statements.append(ReadableUnit(start, end, numbers, context, term=term))

    def _stop(self, at: int) -> None:
        """End a record with a full stop unless it ends with a mark; a space sets it off."""
        self._build.insert(" " if _ENDED.search(self._text[max(0, at - 3) : at]) else ". ", at)

    def _words(self, line: _Line) -> str:
        return self._text[line.start : line.end]
