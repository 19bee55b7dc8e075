"""Measures the text of PDF files: sentences cut by a block's end, words that no page prints, pages of quotations.

    python tests/benchmarks/pdf_text.py FILE.pdf ... [--words /usr/share/dict/words] [--show] [--json FILE]

A sentence counts as cut if a paragraph ends without a full stop and the next one begins with a small letter, and
neither line looks like program code. A word is
unknown if no page prints it in one piece and the list of words lacks it. Pages and their labels are compared with what
pdfium gives of each page alone. The figures of twelve manuals and papers are in the documentation.
"""

import argparse
import json
import random
import re
import sys
import time
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from pypdfium2 import PdfDocument

from rag.chunking.blocks import blocks
from rag.chunking.sentences import sentences
from rag.core.types import Block, Document
from rag.loading.formats.paged.pdf_lines import LIGATURES
from rag.loading.isolation.process import load_apart
from rag.loading.sources import Source

QUOTATIONS = 50
MIN_PROSE_WORDS = 4
_ENDED = re.compile(r"[.!?:;\u2026][\"'\u201d\u2019)\]\u00bb]*(?:\s*[\d\u2217\u2020*]{1,3})?$")
_GOES_ON = re.compile(r"[a-z]{2,}[ ,]")
_CODE = re.compile(r"[\[\]{}=<>\\|$~@#]|--|\w[/_(]|::|;$|^\s*\w+: | {3}")
"""Signs of program code, tables and commands, which are set apart within a sentence."""
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass
class Figures:
    """What was counted in one file, and examples of what is wrong."""

    name: str
    pages: int
    seconds: float
    blocks: int
    breaks: int
    words: int
    unknown: int
    quotations: int
    wrong_pages: int
    wrong_labels: int
    examples: list[str]


def measure(path: Path, dictionary: frozenset[str]) -> Figures:
    """Return the figures of one file."""
    began = time.process_time()
    document = next(item for item in load_apart(Source(path, path.name)) if isinstance(item, Document))
    seconds = time.process_time() - began
    content = [block for block in blocks(document) if block.reason is None]
    breaks = list(_breaks(document, content))
    pages, labels = _printed(path)
    printed = {word for page in pages for word in _WORD.findall(page)}
    stored = [word for block in content for word in _WORD.findall(document.slice(block.span))]
    unknown = [word for word in stored if word not in printed and word.lower() not in dictionary]
    quotations = _quotations(document, content)
    wrong_pages = [words for words, number in quotations if not _holds(pages, number, words)]
    wrong_labels = [number for _, number in quotations if _label(document, number) != labels[number - 1]]
    return Figures(
        path.name, len(pages), round(seconds, 1), len(content), len(breaks), len(stored), len(unknown),
        len(quotations), len(wrong_pages), len(wrong_labels), [*breaks, *unknown, *wrong_pages],
    )  # fmt: skip


def _breaks(document: Document, content: list[Block]) -> Iterator[str]:
    """Yield the ends and beginnings of paragraphs between which a sentence goes on."""
    for block, following in pairwise(content):
        end, start = (document.slice(item.span) for item in (block, following))
        lines = end.rsplit("\n", 1)[-1], start.split("\n", 1)[0]
        is_prose = all(len(line.split()) >= MIN_PROSE_WORDS and not _CODE.search(line) for line in lines)
        kinds = {block.kind, following.kind}
        if kinds <= {"paragraph", "list_item"} and is_prose and not _ENDED.search(end) and _GOES_ON.match(start):
            yield f"{end[-60:]!r} / {start[:60]!r}"


def _printed(path: Path) -> tuple[list[str], list[str]]:
    """Return the text and the label of each page as pdfium gives them."""
    with PdfDocument(path) as pdf:
        texts = [page.get_textpage().get_text_range().replace("\ufffe", "") for page in pdf]
        return texts, [pdf.get_page_label(i) or str(i + 1) for i in range(len(pdf))]


def _quotations(document: Document, content: list[Block]) -> list[tuple[str, int]]:
    """Return sentences of the whole document with the numbers of the pages on which they begin by its layout."""
    candidates = [
        span for block in content if block.kind == "paragraph" for span in sentences(document, block) if len(span) > 40
    ]
    spans = random.Random(24).sample(candidates, min(QUOTATIONS, len(candidates)))
    return [(document.slice(span), bisect_right(document.layout.pages, span.start)) for span in spans]


def _holds(pages: list[str], number: int, words: str) -> bool:
    """Tell if a page prints the first letters of a quotation, at most a line, whatever ligatures and hyphens it has."""
    return _letters(words.split("\n")[0])[:30] in _letters(pages[number - 1])


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text.translate(LIGATURES)))


def _label(document: Document, number: int) -> str:
    labels = document.layout.page_labels
    return (labels[number - 1] if labels else "") or str(number)


def write(words: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{words}\n")


def main() -> None:
    """Print the figures of each file and of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--words", type=Path, default=Path("/usr/share/dict/words"))
    parser.add_argument("--show", action="store_true", help="print what is wrong")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    dictionary = frozenset(arguments.words.read_text(encoding="utf-8").lower().split())
    results = []
    for path in arguments.files:
        figures = measure(path, dictionary)
        results.append(figures)
        write(", ".join(f"{key} {value}" for key, value in asdict(figures).items() if key != "examples"))
        write("\n".join(f"    {example}" for example in figures.examples if arguments.show))
    breaks, unknown, words = (sum(getattr(item, key) for item in results) for key in ("breaks", "unknown", "words"))
    wrong = sum(item.wrong_pages for item in results), sum(item.wrong_labels for item in results)
    write(
        f"{len(results)} files: {breaks} cut sentences, {unknown} unknown words of {words}; wrong pages, labels {wrong}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
