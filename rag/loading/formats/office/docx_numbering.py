"""Works out the automatic numbers of lists and headings in Word documents, such as `2.`, `(b)` and `3.1`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rag.loading.formats.office.docx_text import WordStyles
from rag.loading.formats.office.ooxml import W
from rag.loading.list_numbers import list_number

_UNNUMBERED = ("bullet", "none")


@dataclass(frozen=True)
class _Level:
    start: int
    format: str
    pattern: str


@dataclass
class _List:
    """A list definition with the count of each level."""

    levels: dict[int, _Level]
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts the numbered paragraphs of a document in their order."""

    def __init__(self, roots: Iterable[Any], styles: WordStyles) -> None:
        """Read the definitions of `numbering.xml`, if the document has one."""
        self._styles = styles
        self._lists: dict[str, _List] = {}
        for root in roots:
            abstract = {item.get(W + "abstractNumId"): item for item in root.iterchildren(W + "abstractNum")}
            shared = {key: _List(_levels(item)) for key, item in abstract.items()}
            for number in root.iterchildren(W + "num"):
                reference = number.find(W + "abstractNumId")
                definition = shared.get(reference.get(W + "val")) if reference is not None else None
                if definition is not None:
                    starts = _start_overrides(number)
                    self._lists[number.get(W + "numId", "")] = _restarted(definition, starts) if starts else definition

    def next_label(self, paragraph: Any) -> str:
        """Return the number of the next paragraph, such as `2.`; empty if it has none or a bullet."""
        number_id, depth = self._reference(paragraph)
        definition = self._lists.get(number_id)
        level = definition.levels.get(depth) if definition is not None else None
        if definition is None or level is None:
            return ""
        counts = definition.counts
        counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        if level.format in _UNNUMBERED:
            return ""

        def number(match: re.Match[str]) -> str:
            other = int(match[1]) - 1
            shown = definition.levels.get(other, level)
            return list_number(counts.setdefault(other, shown.start), shown.format)

        return re.sub(r"%([1-9])", number, level.pattern).strip()

    def _reference(self, paragraph: Any) -> tuple[str, int]:
        """Return list and level of a paragraph, its own or those of its style."""
        properties = paragraph.find(W + "pPr")
        if properties is None:
            return "", 0
        holders = [properties]
        for style in self._styles.chain(properties.find(W + "pStyle")):
            holders += [style.element.find(W + "pPr")]
        number_id = level = None
        for holder in holders:
            numbering = holder.find(W + "numPr") if holder is not None else None
            if numbering is not None:
                number_id = number_id if number_id is not None else _value(numbering, "numId")
                level = level if level is not None else _value(numbering, "ilvl")
        return number_id or "", int(level) if level and level.isdecimal() and len(level) == 1 else 0


def _value(parent: Any, name: str) -> str | None:
    element = parent.find(W + name)
    return element.get(W + "val") if element is not None else None


def _levels(abstract: Any) -> dict[int, _Level]:
    levels: dict[int, _Level] = {}
    for level in abstract.iterchildren(W + "lvl"):
        depth = level.get(W + "ilvl", "")
        if depth.isdecimal() and len(depth) == 1:
            start, pattern = _value(level, "start"), _value(level, "lvlText")
            levels[int(depth)] = _Level(_number(start), _value(level, "numFmt") or "decimal", (pattern or "")[:40])
    return levels


def _start_overrides(number: Any) -> dict[int, int]:
    starts: dict[int, int] = {}
    for override in number.iterchildren(W + "lvlOverride"):
        depth, start = override.get(W + "ilvl", ""), _value(override, "startOverride")
        if depth.isdecimal() and len(depth) == 1 and start is not None:
            starts[int(depth)] = _number(start)
    return starts


def _restarted(definition: _List, starts: dict[int, int]) -> _List:
    levels = definition.levels.items()
    return _List({depth: _Level(starts.get(depth, own.start), own.format, own.pattern) for depth, own in levels})


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 6 else 1
