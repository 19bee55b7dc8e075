"""Tells which blocks of a web page are its main text, and reads its metadata, by trafilatura.

trafilatura gives back text without places. So a private copy of the page gets a mark in every block before, and the
blocks whose marks come back are the main text: nothing is found by searching for its words.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rag.loading.markup import markup_blocks

MARKS = "".join(chr(code) for code in range(0x4DC0, 0x4E00))
"""The 64 hexagram symbols: printable, so that they are kept, and in next to no page."""
_MARK = re.compile(f"[{MARKS}]{{4}}")
MAX_DEPTH = 400
"""Elements inside one another at most: copying deeper trees could overflow the stack of the C library."""


def main_blocks(root: Any, count: int) -> set[int] | None:
    """Return the numbers of the blocks of `root` that are main text, None if that cannot be told.

    `root` is changed. `count` is how many blocks it has. If no block is main text, that is no verdict.
    """
    from trafilatura import bare_extraction

    if root is None or _depth_exceeds(root, MAX_DEPTH):
        return None
    blocks = list(markup_blocks(root))
    if len(blocks) != count:
        return None
    _without_marks(root)
    for number, block in enumerate(blocks):
        place = "tail" if block.is_tail else "text"
        setattr(block.node, place, _marked(getattr(block.node, place), _mark(number)))
    with _quiet():
        extraction = bare_extraction(root, favor_recall=True, include_comments=False, include_tables=True)
    text = str(getattr(extraction, "text", None) or "")
    return {number for match in _MARK.finditer(text) if (number := _number(match.group())) < count} or None


def page_metadata(root: Any) -> dict[str, object]:
    """Return title, author, publisher, date, address, tags and language as the page names them."""
    from trafilatura.metadata import extract_metadata

    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")
    with _quiet():
        metadata = extract_metadata(root, extensive=False)
    address = metadata.url if metadata.url and metadata.url.startswith(("http://", "https://")) else None
    values = {
        "title": metadata.title,
        "author": metadata.author,
        "publisher": metadata.sitename,
        "published_at": metadata.date,
        "uri": address,
        "description": metadata.description,
        "tags": [*(metadata.tags or []), *(metadata.categories or [])],
        "language": language,
    }
    return {key: value for key, value in values.items() if value}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's warnings out of the caller's log while it is called."""
    import logging

    logger = logging.getLogger("trafilatura")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _mark(number: int) -> str:
    return "".join(MARKS[number >> shift & 63] for shift in (18, 12, 6, 0))


def _number(mark: str) -> int:
    value = 0
    for sign in mark:
        value = value * 64 + MARKS.index(sign)
    return value


def _marked(text: str, mark: str) -> str:
    """Return the text with the mark glued before its first word."""
    words = text.lstrip()
    return text[: len(text) - len(words)] + mark + words


def _without_marks(root: Any) -> None:
    for element in root.iter():
        for place in ("text", "tail"):
            text = getattr(element, place)
            if text and not text.isascii() and any(sign in text for sign in MARKS):
                setattr(element, place, re.sub(f"[{MARKS}]", "", text) or " ")


def _depth_exceeds(root: Any, deepest: int) -> bool:
    from lxml import etree

    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > deepest:
            return True
    return False
