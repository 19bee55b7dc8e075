"""Looks for input whose reading takes more than its share of time.

Run it with `python -m tests.fuzz.growth [--seconds N] [SUFFIX...]`. A repetition is a beginning, a unit many times, and
an end. Its time for four times as many units is compared with the first. Units are drawn from the marks of each
format, alone and in pairs.
"""

import argparse
import gc
import io
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.chunking.blocks import blocks
from rag.chunking.boilerplate import masks
from rag.chunking.chunks import chunk
from rag.core.settings import Settings
from rag.core.types import Document
from rag.loading import Source, load

MAX_RATIO = 6.0
"""Time for four times as much, at most, over the time for once as much."""
IGNORED_SECONDS = 0.15
"""Shorter times are noise."""
MARKS = {
    ".html": """<?xml | |<p>|</p>|<div>|<a b=|<!--|&amp;|<br>|<li>|<ul>|<table>|<tr>|<td rowspan=9>x|<h1>|a |<pre>|¶
                <script>|<meta charset=|<title>|<b>x</b>|<p hidden>|<ul><li>a</ul>|<p style='display |<aside>|<footer>
                |="|'""",
    ".txt": " |a|a |©|A |Photo: |. |(|[|Share / |<!--|<a |- a|1. a|x-|Read more",
    ".md": "#|# a|- |`|```|[|[a](|a b|a-b|---|***|![|<!--|> |* |a: b",
    ".rst": "=|a\n=|.. a::|:a: b|- a|+-+|= =|::|* | ",
    ".rtf": "\\info |{|\\par |a|\\'e4|{\\*\\x |\\u8364?|{\\v a}|\\v |}|\\info{\\title |f0f1| |\\deleted ",
    ".csv": ',|a,b|"|"a",|;|a|""|a,"|\t',
    ".json": '[|{"a":|1,|{"text":"a"},| ',
    ".jsonl": '{"_id":"a","text":"b"}|[| |{',
    ".srt": "1\n|00:00:01,000 --> 00:00:02,000\n|a\n|\n|--> | |0:|00:00:01.0  |WEBVTT",
    ".mbox": "From |From a 2025|2025|A: b|>From |a|: ",
    ".xml": "<a>|</a>|<para>|</para>|<footnote>a</footnote>|<row><entry>a</row>|&mdash;|&x;|<!--a-->|a |<title>",
    ".tex": "\\section{|}|%|a|\\item |&|\\\\|\\begin{comment}|\\end{comment}|\\iffalse|[|{",
    ".py": "# a|a|def a():|    |'|(",
    ".mht": "A: b|--x|<p>|a|Content-Type: text/html",
    ".eml": 'A: b|a|--x|=?utf-8?q?a?= |>From |<a@b>, |(|"|;|Content-Type: a/b',
}
FRAMES = {
    ".html": ["{}", "<p>a{}b</p>", "<body {}>x", "<p {}>x</p><p>y</p>", "<table><tr><td>{}</table>", "<p style='{}'>a"],
    ".rtf": ["{\\rtf1 {} b}"],
    ".xml": ["<article>{}</article>", "<article><para>{}</para></article>"],
    ".mht": ["{}", "Content-Type: text/html\n\n{}"],
    ".eml": ["{}", "Subject: a\n\n{}", "From: {}\n\nb", "Content-Type: multipart/mixed; boundary=x\n\n{}",
             "Content-Type: text/plain; {}\n\nb"],
    ".md": ["{}", "---\n{}\n---\na"],
    ".txt": ["{}", "a{}b"],
    ".csv": ["{}", 'text\n"{}"'],
}  # fmt: skip


@dataclass(frozen=True)
class Repetition:
    """A made input: what stands before and after, and what is repeated between."""

    suffix: str
    frame: str
    unit: str

    def data(self, size: int) -> bytes:
        """Return about so many bytes."""
        before, _, after = self.frame.partition("{}")
        return (before + self.unit * max(1, size // len(self.unit)) + after).encode()


def repetitions(suffix: str, seed: int) -> Iterator[Repetition]:
    """Yield every mark in every frame, then pairs and triples of marks, drawn by chance, without end."""
    marks = [mark.strip("\n") for mark in MARKS[suffix].split("|")]
    frames = FRAMES.get(suffix, ["{}"])
    for frame, mark, end in itertools.product(frames, marks, ("", "\n")):
        if mark + end:
            yield Repetition(suffix, frame, mark + end)
    random_ = random.Random(seed)
    while True:
        unit = "".join(random_.choices([*marks, "\n", " ", "\n\n"], k=random_.choice((2, 3))))
        yield Repetition(suffix, random_.choice(frames), unit or " ")


def seconds(suffix: str, data: bytes, cut: bool = False) -> float:
    """Return the processor time of reading a file, finding its blocks and masking what is not content.

    With `cut` it is cut into passages too, which takes longest and so hides what else grows.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"grown{suffix}"
        path.write_bytes(data)
        gc.disable()  # its share of the time depends on all that the process holds, as timeit says too
        try:
            start = time.process_time()
            for item in load(Source(path, path.name)):
                if isinstance(item, Document):
                    item_blocks = blocks(item)
                    item_masks = masks(item, item_blocks)
                    if cut:
                        chunk(
                            item, item_blocks, item_masks, Settings().chunk_size, 10**9, lambda texts: [1] * len(texts)
                        )
            return time.process_time() - start
        finally:
            gc.enable()


def ratio(suffix: str, small: bytes, large: bytes, cut: bool = False) -> float:
    """Return how many times as long the large input takes, by the best of three tries; 0 for next to no time."""
    before = after = float("inf")
    for _ in range(3):
        before, after = min(before, seconds(suffix, small, cut)), min(after, seconds(suffix, large, cut))
        times = 0.0 if after < IGNORED_SECONDS else after / max(before, IGNORED_SECONDS / MAX_RATIO)
        if times <= MAX_RATIO:
            break
    return times


def growth(suffix: str, data: Callable[[int], bytes], size: int, cut: bool = False) -> float:
    """Return the ratio for four times `size`; if it is too high, the lower of this and the ratio one step further.

    A busy machine, or a cache that is too small from here on, can make one step look steep. Time that really grows too
    fast grows so at the next step too.
    """
    first = ratio(suffix, data(size), data(4 * size), cut)
    return first if first <= MAX_RATIO else min(first, ratio(suffix, data(4 * size), data(16 * size), cut))


def wide_sheet(rows: int) -> bytes:
    """Return a workbook with so many empty rows above its only text."""
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    book.active.cell(rows + 1, 1, "The tug is called Marlin.")
    book.save(file)
    return file.getvalue()


def long_word_pdf(letters: int) -> bytes:
    """Return a PDF with one long word."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.drawString(72, 700, "a" * letters)
    canvas.save()
    return file.getvalue()


def main() -> None:
    """Search each format for so many seconds; end with status 1 if something grows too fast."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("suffixes", nargs="*")
    options = parser.parse_args()
    faults = 0
    for suffix in options.suffixes or MARKS:
        until = time.process_time() + options.seconds
        for count, item in enumerate(repetitions(suffix, options.seed), start=1):
            steepest = growth(suffix, item.data, options.size, cut=count % 2 == 0)
            if steepest > MAX_RATIO:
                faults += 1
                print(f"{item!r}: {steepest:.1f}", flush=True)  # noqa: T201
            if time.process_time() > until:
                print(f"{suffix}: {count} repetitions", flush=True)  # noqa: T201
                break
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
