"""Finds the quotations of a draft: words between quotation marks of several languages, and block quotes."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.core.types import Block, Document
from rag.proofreading.comparing.words import words

MAX_QUOTATION_CHARACTERS = 5_000
"""Characters between two quotation marks; more are taken for a mark that nobody closed."""
CLOSERS = {
    "“": "”", "„": "“”", "«": "»", "»": "«", "‹": "›", "›": "‹", "‘": "’", "‚": "‘’", '"': '"', "'": "'", "「": "」",
    "『": "』", "”": "”",
}  # fmt: skip
"""Closing marks by opening mark: English, German and Danish, French, Swedish, Japanese."""
_MARK = re.compile(f"[{''.join(CLOSERS)}’]")
_BEFORE_OPENING = re.compile(r"(?:^|[\s(\[{—–\-/“„«\"‘*_:])$")
_ELISION = re.compile(r"\d0s\b|(?:tis|twas|em|til|cause|n['’])\b", re.IGNORECASE)
_ALWAYS_OPENS = "“„‚‘「『"
_QUOTED_LINE = re.compile(r"[ \t]{0,3}>")
_LINE_MARK = re.compile(r"(?:[ \t]{0,3}>[ \t]?)+")
_ATTRIBUTION = re.compile(r"\s*(?:[—–―]|--|-)\s*\S")
_WRAPPED = re.compile(r"\s*[“„«»\"](?P<inner>.*?)[”“»«\"][.,]?\s*", re.DOTALL)


@dataclass(frozen=True, order=True)
class DraftQuotation:
    """The quoted words at `start:end` of a draft, without their marks; `is_block` tells a block quote."""

    start: int
    end: int
    is_block: bool = False


def quotations_of(
    draft: Document, blocks: Sequence[Block], block_quotes: Iterable[tuple[int, int]] = ()
) -> list[DraftQuotation]:
    """Return the quotations in order; none holds another. Code has none.

    `block_quotes` are ranges that the draft's format marks as quoted; those of Markdown are found here.
    """
    text = draft.text
    prose = [(block.span.start, block.span.end) for block in blocks if block.kind not in ("code", "metadata")]
    ranges = list(block_quotes)
    if draft.format == "markdown":
        ranges += [pair for start, end in prose for pair in _quoted_lines(text, start, end)]
    ranges = sorted(set(ranges))
    items = [DraftQuotation(*_inside_marks(text, start, end), is_block=True) for start, end in ranges]
    covered = [start for start, _ in ranges]
    for start, end, following in zip((s for s, _ in prose), (e for _, e in prose), _openings(text, prose), strict=True):
        for low, high in _marked(text, start, end, following):
            i = bisect_right(covered, low) - 1
            if (i < 0 or low >= ranges[i][1]) and words(text, low, high):
                items.append(DraftQuotation(low, high))
    return sorted(item for item in items if words(text, item.start, item.end))


def _openings(text: str, prose: Sequence[tuple[int, int]]) -> list[str]:
    """Return for each block the mark that the next one begins with: a quotation may go on there."""
    first = [text[start : start + 1] for start, _ in prose]
    return [*first[1:], ""] if first else []


def _marked(text: str, start: int, end: int, following: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges between the marks of a block; the next block begins with the mark `following`."""
    position = start
    while match := _MARK.search(text, position, end):
        position = match.end()
        mark = match.group()
        if not _opens(text, match.start(), start):
            continue
        close = _closing(text, position, min(end, position + MAX_QUOTATION_CHARACTERS), CLOSERS[mark], mark)
        if close is None and mark == following and mark in '“"„«':
            close = end  # each paragraph of a long quotation opens one, only the last closes it
        if close is not None:
            yield _stripped(text, position, close)
            position = close + 1


def _opens(text: str, at: int, block_start: int) -> bool:
    mark, after = text[at], text[at + 1 : at + 8]
    if mark not in CLOSERS or not after.strip():
        return False
    before = text[max(block_start, at - 1) : at]
    if mark in "'‘" and _ELISION.match(after):
        return False
    if mark == "«" or (mark in _ALWAYS_OPENS and mark != "“"):
        return True
    return bool(_BEFORE_OPENING.search(before)) and not after[0].isspace()


def _closing(text: str, start: int, end: int, closers: str, mark: str) -> int | None:
    """Return the place of the closing mark; marks of the same pair inside are counted."""
    depth = 0
    for match in re.finditer(f"[{re.escape(closers + mark)}]", text[start:end]):
        at, sign = start + match.start(), match.group()
        if sign == mark and sign not in closers:
            depth += 1
        elif _is_inside_word(text, at, end, mark):
            continue
        elif depth:
            depth -= 1
        else:
            return at
    return None


def _is_inside_word(text: str, at: int, end: int, mark: str) -> bool:
    """Tell whether a mark that could close is an apostrophe, or stands before a word."""
    sign, after, before = text[at], text[at + 1 : at + 2], text[at - 1 : at]
    if sign not in "'’\"":
        return False
    return after.isalnum() or before.isspace() or (mark == "‘" and _goes_on(text, at, end))


def _goes_on(text: str, at: int, end: int) -> bool:
    """Tell whether a ’ is the apostrophe of a plural: `the workers’ rights’` has another one that closes."""
    if text[at - 1] != "s" or text[at + 1 : at + 2] != " ":
        return False
    rest = text[at + 1 : min(end, at + 200)]
    following = re.search(r"[‘’](?!\w)", rest)
    return following is not None and following.group() == "’" and not re.search(r"‘", rest[: following.start()])


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())


def _quoted_lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the paragraphs of a block quote of Markdown, from its first word to its last."""
    first: int | None = None
    last = position = start
    for line in text[start:end].splitlines(keepends=True):
        mark = _LINE_MARK.match(line) if _QUOTED_LINE.match(line) else None
        content = line[mark.end() :].strip() if mark else ""
        if mark and content and not (first is not None and _ATTRIBUTION.match(content)):
            begin = position + line.index(content, mark.end())
            first, last = (begin if first is None else first), begin + len(content)
        elif first is not None and (mark or not line.strip()):
            yield first, last
            first = None
        elif first is not None:
            last = position + len(line.rstrip())  # a lazy continuation line
        position += len(line)
    if first is not None:
        yield first, last


def _inside_marks(text: str, start: int, end: int) -> tuple[int, int]:
    match = _WRAPPED.fullmatch(text, start, end)
    return match.span("inner") if match and not _MARK.search(match["inner"].replace("’", "")) else (start, end)
