"""Loads web pages: their whole visible text; text outside the main text is marked and not dropped."""

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.decoding import decode
from rag.loading.sources import Source, read_source
from rag.loading.web_text.main_text import BesideMainText, main_blocks, page_metadata
from rag.loading.web_text.manual_pages import manual_text
from rag.loading.web_text.markup import MarkupBlock, markup_blocks, struck_count
from rag.loading.web_text.markup_lines import MAX_PARSER_LINE

MAX_JUDGED_BYTES = 5_000_000
"""Bytes of the largest page that is searched for its main text, because that takes some 20 times its size in memory."""
MAX_TAGS = 3_000_000
"""Beginnings and ends of elements in one page: each element takes some 300 bytes of memory."""
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_DECLARATION = re.compile(r"\s*+<\?xml[^>]*\?>")
MAX_ATTRIBUTES = 500
"""Attributes of one tag: the parser compares each of them with all others."""
_ATTRIBUTE = r"\s+[^\s=<>\"'/]++(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"']++))?"
_CROWDED_TAG = re.compile(rf"(<[A-Za-z][^\s<>/]*+)(?:{_ATTRIBUTE}){{{MAX_ATTRIBUTES},}}+")


def load_html(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a page. Raises LoadError."""
    data = read_source(source)
    yield page_document(source, data, hashlib.sha256(data).hexdigest(), {}, {}, has_lines=True)


def page_document(
    source: Source, data: bytes, sha256: str, facts: Mapping[str, object], left_out: Mapping[str, int],
    has_lines: bool = False,
) -> Document:  # fmt: skip
    """Return the document of the page `data` of a file, with more `facts` about it. Raises LoadError.

    `has_lines` says that the lines of the page are those of the file.
    """
    text, encoding = decode_html(data, source.name)
    properties: dict[str, object] = {} if encoding == "utf-8" else {"encoding": encoding}
    if text.count("<") > MAX_TAGS:
        raise UnreadableSource(f"{source.name} has more than {MAX_TAGS // 2} elements.", "Split the page.")
    small = len(data) <= MAX_JUDGED_BYTES
    root = parsed(text)
    if root is None:
        raise EmptyDocument(f"{source.name} holds no text.", "Leave it out.")
    title = " ".join(root.xpath("string(//title)").split())
    if small:
        properties = {**page_metadata(root), **properties, **facts}
    blocks = list(markup_blocks(root)) or _blocks_without_scripts(root)
    composer = Composer(source)
    for kind, count in left_out.items():
        composer.leave_out(kind, count)
    composer.leave_out("struck texts", struck_count(root))
    has_lines = has_lines and text.count("\n") < MAX_PARSER_LINE
    compose(composer, blocks, _main_text(root, text if small else None, blocks), has_lines)
    page_title = properties.pop("title", None)
    return composer.document("html", sha256, str(page_title or title), properties)


def _blocks_without_scripts(root: Any) -> list[MarkupBlock]:
    """Return the blocks of a page that says nothing unless its scripts run."""
    for element in list(root.iter("noscript")):
        element.tag = "div"
    return list(markup_blocks(root))


def _main_text(root: Any, text: str | None, blocks: list[MarkupBlock]) -> set[int] | None:
    """Return the numbers of the blocks that are main text, None if that cannot be told or `text` is None."""
    manual = manual_text(root, blocks)
    if manual is not None or text is None:
        return manual
    main = main_blocks(parsed(text), len(blocks))
    return None if main is None else _with_facts(blocks, main)


def _with_facts(blocks: list[MarkupBlock], main: set[int]) -> set[int]:
    """Return the blocks of the main text, the facts beside it, and the headings above both."""
    beside = BesideMainText()
    numbers = set[int]()
    below = False
    for number in reversed(range(len(blocks))):
        below = number in main or (below and blocks[number].kind == "heading") or beside.is_content(blocks[number])
        if below:
            numbers.add(number)
    return numbers


def compose(
    composer: Composer, blocks: list[MarkupBlock], main: set[int] | None = None, has_lines: bool = False
) -> None:
    """Add the blocks of a page. If `main` is not None, blocks whose number is not in it are marked as not main text.

    `has_lines` says that the lines of the blocks are those of the source file.
    """
    for number, block in enumerate(blocks):
        reason = "not_main_text" if main is not None and number not in main else None
        composer.add(
            block.text,
            block.kind,
            block.level,
            reason,
            is_description=block.is_description,
            lines=block.lines if has_lines else (),
        )


def decode_html(data: bytes, name: str) -> tuple[str, str]:
    """Return the text and its encoding: by byte order mark, else as the page declares, else the likeliest."""
    charset = _CHARSET.search(data[:4_096])
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if charset and not marked:
        try:
            encoding = codecs.lookup(charset[1].decode()).name
            # Every browser reads pages declared as ISO 8859-1 as Windows-1252.
            encoding = {"iso8859-1": "cp1252", "ascii": "cp1252"}.get(encoding, encoding)
            return data.decode(encoding), encoding
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data, name)


def parsed(text: str) -> Any:
    """Return the root of the tree of elements, None if the page is empty.

    Raises ValueError if the parser stops before the end, as it does below 2,000 elements inside one another.
    """
    from lxml import etree
    from lxml import html as lxml_html

    # NUL would end the text; a declaration would contradict the encoding passed here.
    declaration = _DECLARATION.match(text)
    begin = "\n" * declaration[0].count("\n") if declaration else ""
    markup = begin + _CROWDED_TAG.sub(r"\1", text[declaration.end() if declaration else 0 :])
    data = markup.replace("\0", "").encode("utf-8")
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(data, parser=parser)
    except etree.ParserError:
        return None
    for entry in parser.error_log:
        if entry.level == etree.ErrorLevels.FATAL:
            raise ValueError(f"line {entry.line}: {entry.message}")
    return root
