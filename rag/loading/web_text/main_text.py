"""Tells which blocks of a web page are its main text, and reads its metadata, by trafilatura.

trafilatura gives back text without places. So a private copy of the page gets a mark in every block before, and the
blocks whose marks come back are the main text: nothing is found by searching for its words.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rag.loading.web_text.markup import MarkupBlock, markup_blocks

MARKS = "".join(chr(code) for code in range(0x4DC0, 0x4E00))
"""The 64 hexagram symbols: printable, so that they are kept, and in next to no page."""
_MARK = re.compile(f"[{MARKS}]{{4}}")
MAX_DEPTH = 400
"""Elements inside one another at most: copying deeper trees could overflow the stack of the C library."""
_KEEPS_ID = ("div", "nav", "aside", "header", "footer", "form", "ul", "table")
"""Elements whose id may tell a menu from text; the ids of others are mostly made from the words of a heading."""
_SECTION_CLASS = re.compile(r"(?:^|\s)(?:section|sect\d|chapter|refsect\d|document|body)(?:\s|$)")
_NO_CONTENT = ("nav", "form", "button", "menu", "a")
_CONTENT_ROLES = ("main", "article")
_BESIDE_TEXT = re.compile(
    r"respond|related|share|social|newsletter|subscribe|cookie|promo|advert"
    r"|nav(?:bar|header|footer|igation)|breadcrumb|pagination",
    re.IGNORECASE,
)
_BY_READERS = re.compile(r"(?:^|[\s_-])comments?(?:$|[\s_-])", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:\S+\s+){4,}\S+[.!?][\"')\]\u201d]*$")
_FACT = re.compile(r"[^:\n]{2,40}:\s+(?=\S)(?=[^\n]*\d)|(?:\w+\s+){1,4}[A-Z]*\d[\w./-]*$")


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
    _without_section_ids(root)
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


@dataclass(frozen=True)
class _Surroundings:
    """The verdict on an element and all around it: it is no content, or it is inside an article or its comments."""

    is_barred: bool = False
    is_inside: bool = False


class BesideMainText:
    """Judges the blocks outside the main text of one page; each element is judged once."""

    def __init__(self) -> None:
        """Begin with no verdicts."""
        self._verdicts: dict[Any, _Surroundings] = {}

    def is_content(self, block: MarkupBlock) -> bool:
        """Tell if a block is content: a fact of a footer or an infobox, a note inside an article.

        So are the comments of readers below it. Links, forms and lists of related pages are not.
        """
        around = self._surroundings(block.node.getparent() if block.is_tail else block.node)
        if around.is_barred:
            return False
        if block.kind == "table_row":
            return " | " in block.text
        return bool(_FACT.match(block.text) or (around.is_inside and _SENTENCE.match(block.text)))

    def _surroundings(self, element: Any) -> _Surroundings:
        unjudged = []
        while element is not None and element not in self._verdicts:
            unjudged.append(element)
            element = element.getparent()
        around = _Surroundings() if element is None else self._verdicts[element]
        for inner in reversed(unjudged):
            around = self._verdicts[inner] = _inside(inner, around)
        return around


def _inside(element: Any, around: _Surroundings) -> _Surroundings:
    tag = element.tag if isinstance(element.tag, str) else ""
    roles = (tag, element.get("role") or "")
    names = f"{element.get('id') or ''} {element.get('class') or ''}"
    is_barred = tag in _NO_CONTENT or "navigation" in roles or bool(_BESIDE_TEXT.search(names))
    is_inside = any(role in _CONTENT_ROLES for role in roles) or bool(_BY_READERS.search(names))
    return _Surroundings(around.is_barred or is_barred, around.is_inside or is_inside)


def _without_section_ids(root: Any) -> None:
    """Drop the ids that are made from the words of a heading: `menus` above a chapter is no sign of a menu."""
    for element in root.iter():
        is_section = isinstance(element.tag, str) and (
            element.tag not in _KEEPS_ID or _SECTION_CLASS.search(element.get("class") or "")
        )
        if is_section and element.get("id"):
            del element.attrib["id"]


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
