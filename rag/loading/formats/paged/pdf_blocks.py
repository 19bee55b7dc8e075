"""Cuts the lines of a PDF page into paragraphs, and tells footnotes and sentences that go on elsewhere."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag.loading.formats.paged.pdf_lines import PdfLine

MIN_HEADING_RATIO = 1.12
"""Letters of a heading, at least, over those of the text."""
MIN_PARAGRAPH_STEP = 1.3
"""Distance between the lines of two paragraphs, at least, over the usual one of lines with such letters."""
MIN_SIZE_STEPS = 2
"""Distances between lines with letters of one size that tell the usual one; with fewer, that of the page counts."""
MIN_PROSE_WORDS = 4
"""Words of a line that may go on behind the end of its column."""
MAX_SAME_SIZE_SHARE = 0.12
"""Share by which the letters of two lines of one paragraph may differ in size."""
MAX_SCRIPT_RATIO = 0.85
"""Size of raised and lowered letters, at most, over that of the letters beside them."""
MAX_SCRIPT_CHARACTERS = 6
"""Characters of a line of raised or lowered letters that pdfium gives apart from its row."""
MAX_NOTE_RATIO = 0.95
"""Size of the letters of footnotes, at most, over that of the text."""
BULLET = re.compile(r"[•◦▪●‣–*-]\s+\S|\(?\d{1,3}[.)]\s+\S")
_NOTE_MARK = re.compile(r"(?:\d{1,3}|[*\u2217†‡§¶])(?![.)\d])\s*(?=[^\W\d_]|[\"'(/\\\u201c<])")
_SENTENCE_END = re.compile(r"[.!?:;\u3002\uff01\uff1f][\"')\]\u201d\u2019\u00bb]*$")

PdfBlock = list[PdfLine]
"""The lines of a paragraph, a heading or an item."""
UsualSteps = dict[int, float]
"""Distances between the lines of a paragraph, in points, by the size of their letters."""


@dataclass(frozen=True)
class PageBlocks:
    """The blocks of a page in the order of the file, its footnotes apart: these may cut a sentence in two."""

    text: list[PdfBlock]
    notes: list[PdfBlock]


def page_blocks(lines: Sequence[PdfLine], body_size: float, usual: UsualSteps) -> PageBlocks:
    """Return the blocks of the lines of a page of a file, whose usual steps and size of most letters are given."""
    text, notes = list[PdfBlock](), list[PdfBlock]()
    steps = _page_steps(lines, usual)
    for column in _columns(lines):
        blocks = list(_line_blocks(column, steps))
        first_note = _first_note(blocks, body_size)
        body = blocks[:first_note]
        if text and body and goes_on(text[-1], body[0], body_size):
            text[-1] = text[-1] + body.pop(0)
        text += body
        notes += blocks[first_note:]
    return PageBlocks(text, notes)


def usual_steps(pages: Sequence[Sequence[PdfLine]]) -> UsualSteps:
    """Return the most frequent distance between lines of a file, by the size of their letters."""
    counts = dict[int, Counter[float]]()
    for size, step in (item for lines in pages for item in _steps(lines)):
        counts.setdefault(size, Counter())[round(2 * step) / 2] += 1
    return {size: steps.most_common(1)[0][0] for size, steps in counts.items() if size}


def is_unfinished(block: PdfBlock, body_size: float) -> bool:
    """Tell if a block stops within a sentence, so that it may go on in the next column or page."""
    words = block[-1].words
    is_prose = len(words.split()) >= MIN_PROSE_WORDS and block[0].size <= MIN_HEADING_RATIO * body_size
    return is_prose and not _SENTENCE_END.search(words)


def goes_on(block: PdfBlock, other: PdfBlock, body_size: float) -> bool:
    """Tell if the first block of a column or a page goes on with a sentence that the one before left unfinished."""
    words = other[0].words
    # An item often ends without a full stop.
    is_item = BULLET.match(block[0].words) is not None
    is_prose = words[:1].islower() or (not is_item and len(words.split()) >= MIN_PROSE_WORDS)
    is_like = is_prose and _is_same_size(block[-1], other[0]) and not BULLET.match(words)
    return is_like and is_unfinished(block, body_size)


def _is_same_size(line: PdfLine, other: PdfLine) -> bool:
    return abs(other.size - line.size) <= MAX_SAME_SIZE_SHARE * line.size


def _columns(lines: Sequence[PdfLine]) -> Iterator[list[PdfLine]]:
    """Yield the lines between two steps up the page; such a step leads to another column, or to another cell."""
    column: list[PdfLine] = []
    for line in lines:
        if column and line.bottom > column[-1].end_bottom + line.size and not _is_script(line, column[-1]):
            yield column
            column = []
        column.append(line)
    if column:
        yield column


def _steps(lines: Sequence[PdfLine]) -> Iterator[tuple[int, float]]:
    """Yield the distance between lines one below the other, with the size of their letters; 0 for other letters."""
    for above, line in pairwise(lines):
        step = above.end_bottom - line.bottom
        if step > 0:
            yield round(line.size) if round(above.size) == round(line.size) else 0, step


def _page_steps(lines: Sequence[PdfLine], usual: UsualSteps) -> UsualSteps:
    """Return the usual distances of a page, for size 0 that of all its lines.

    That of the file counts if the page has it. Most blocks of a page may be single lines, with more space between.
    """
    by_size: dict[int, list[float]] = {0: []}
    for size, step in _steps(lines):
        by_size[0].append(step)
        if size:
            by_size.setdefault(size, []).append(step)
    of_page = median(by_size[0] or [0.0])
    steps = {size: median(several) if len(several) >= MIN_SIZE_STEPS else of_page for size, several in by_size.items()}
    for size, several in by_size.items():
        if size in usual and any(abs(step - usual[size]) <= 1 for step in several):
            steps[size] = min(steps[size], usual[size])
    return steps


def _line_blocks(lines: Sequence[PdfLine], steps: UsualSteps) -> Iterator[PdfBlock]:
    """Yield the lines of each block: a new one begins with other letters, more distance or a bullet."""
    block: PdfBlock = []
    above: PdfLine | None = None
    for line in lines:
        is_script = above is not None and _is_script(line, above)
        if above is not None and not is_script and _begins_block(block, above, line, steps):
            yield block
            block = []
        block.append(line)
        above = above if is_script else line
    if block:
        yield block


def _begins_block(block: PdfBlock, above: PdfLine, line: PdfLine, steps: UsualSteps) -> bool:
    step = above.end_bottom - line.bottom
    usual = steps.get(round(line.size), steps[0])
    apart = step > MIN_PARAGRAPH_STEP * usual or (step < 0 and not line.words[:1].islower())
    return not _is_same_size(above, line) or apart or _begins_item(block, above, line)


def _begins_item(block: PdfBlock, above: PdfLine, line: PdfLine) -> bool:
    """Tell if a line begins an item. A figure in front may also belong to the sentence: `see Refs. 1 and 2. By`."""
    if not BULLET.match(line.words):
        return False
    is_first = not line.words[:1].isdecimal() or re.match(r"1\D", line.words) is not None
    is_apart = BULLET.match(block[0].words) is not None or abs(line.left - above.left) > 1
    return is_first or is_apart or _SENTENCE_END.search(above.words) is not None


def _is_script(line: PdfLine, above: PdfLine) -> bool:
    """Tell if a line is a few raised or lowered letters of the row above or of the next one."""
    is_small = len(line.words) <= MAX_SCRIPT_CHARACTERS and line.size <= MAX_SCRIPT_RATIO * above.size
    return is_small and abs(above.end_bottom - line.bottom) < 1.5 * above.size


def _first_note(blocks: Sequence[PdfBlock], body_size: float) -> int:
    """Return the position of the first footnote of a column: small letters to its end, with a mark in front."""
    position = len(blocks)
    while position and all(line.size <= MAX_NOTE_RATIO * body_size for line in blocks[position - 1]):
        position -= 1
    while 0 < position < len(blocks) and not _NOTE_MARK.match(blocks[position][0].words):
        position += 1
    return position or len(blocks)
