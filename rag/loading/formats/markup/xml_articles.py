"""Loads articles and books in XML (JATS, DocBook, TEI): each element becomes the HTML element with its meaning."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from html.entities import name2codepoint
from typing import Any

from rag.core.errors import LoadError, UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading.composing import Composer
from rag.loading.formats.markup.html import compose
from rag.loading.sources import Source, read_source
from rag.loading.web_text.markup import markup_blocks
from rag.loading.web_text.markup_lines import MAX_PARSER_LINE

_TAGS = {
    "p": "p para simpara ab l speaker bibl biblioentry bibliomixed disp-formula equation informalequation",
    "ul": "itemizedlist simplelist list listBibl ref-list",
    "ol": "orderedlist procedure substeps",
    "li": "listitem list-item item member step ref",
    "dt": "term",
    "pre": "programlisting screen literallayout synopsis preformat eg",
    "table": "table informaltable",
    "tr": "tr row",
    "td": "td entry cell",
    "th": "th",
    "br": "break lb",
}
_TAG_OF = {name: tag for tag, names in _TAGS.items() for name in names.split()}
_HEADINGS = frozenset(["title", "head", "bridgehead"])
_SECTIONS = frozenset(
    "abstract ack app appendix bibliography chapter div div1 div2 div3 div4 glossary part preface ref-list refsect1 "
    "refsect2 refsection sec sect1 sect2 sect3 sect4 sect5 section".split()
)
_CONTAINERS = _SECTIONS | frozenset(
    "article back body book boxed-text caption caution disp-quote example fig figure fn footnote formalpara front "
    "group important lg note sp stage table-wrap text tip varlistentry warning".split()
)
_METADATA = frozenset(
    "teiHeader info articleinfo bookinfo chapterinfo sectioninfo front article-meta book-meta indexterm "
    "tex-math".split()
)
_FRONT_MATTER = {
    "contrib-group": ("contrib", ", "),
    "aff": ("", " "),
    "kwd-group": ("kwd", ", "),
    "funding-statement": ("", " "),
    "corresp": ("", " "),
    "license-p": ("", " "),
}
"""Metadata of JATS that is shown behind the abstract: the parts of each that are listed, and the separator."""
_RECORDS = frozenset(
    "name string-name person-group element-citation nlm-citation contrib institution-wrap address aff author editor "
    "personname publisher biblioentry biblioset bibl biblStruct monogr analytic imprint".split()
)
"""Elements whose parts are fields: programs write them without blanks between."""
_LEFT_OUT = {"remark": "remarks", "del": "deleted texts"}
"""Elements that an editor's program does not print, and their names in the report."""
_ROOTS = {"TEI": "tei", "TEI.2": "tei"}
_DOCBOOK_ROOTS = frozenset("appendix article book chapter part preface refentry sect1 section set".split())
_ENTITY = re.compile(rb"<!\[CDATA\[(?:.*?\]\]>|.*)|&([A-Za-z]\w{1,30});", re.DOTALL)
"""An entity, or a section in which `&` stands for itself."""


def load_xml(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of an article or a book in XML. Raises LoadError."""
    data = read_source(source)
    root = _root(data, source)
    kind = _kind(root, source)
    head = next((item for item in root.iter() if _name(item) in _METADATA - {"front", "indexterm", "tex-math"}), None)
    title, properties = (None, dict[str, object]()) if head is None else _metadata(head)
    composer = Composer(source)
    _part_fields(root)
    front = list(_front_matter(root)) if kind == "jats" else []
    composer.add(title or "", "heading", 1)
    for part, count in _renamed(root).items():
        composer.leave_out(part, count)
    for text in front:
        composer.add(text)
    compose(composer, list(markup_blocks(root)), None, data.count(b"\n") < MAX_PARSER_LINE)
    yield composer.document(kind, hashlib.sha256(data).hexdigest(), title, properties)


def _root(data: bytes, source: Source) -> Any:
    """Return the root without comments. Entities of the file itself and of HTML are resolved, others are shown."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities="internal", no_network=True, remove_pis=True, remove_comments=True)
    try:
        root = etree.fromstring(_ENTITY.sub(_character, data), parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableSource(f"{source.name} is no sound XML: {error.msg}.", "Save or export it again.") from None
    for entity in list(root.iter(etree.Entity)):
        _replace_by_text(entity, entity.text)
    return root


def _character(entity: re.Match[bytes]) -> bytes:
    """Return a reference to the character of an entity of HTML: many files name them without their definition."""
    name = (entity[1] or b"").decode()
    is_own = name in ("amp", "lt", "gt", "quot", "apos") or name not in name2codepoint
    return entity[0] if is_own else b"&#%d;" % name2codepoint[name]


def _replace_by_text(node: Any, text: str) -> None:
    parent, before = node.getparent(), node.getprevious()
    text += node.tail or ""
    parent.remove(node)
    if before is None:
        parent.text = (parent.text or "") + text
    else:
        before.tail = (before.tail or "") + text


def _kind(root: Any, source: Source) -> str:
    name = _name(root)
    if name in _ROOTS:
        return _ROOTS[name]
    if name in ("article", "book") and {_name(child) for child in root} & {"front", "book-meta", "body"}:
        return "jats"
    if name in _DOCBOOK_ROOTS:
        return "docbook"
    what = f"{source.name}: no loader for XML whose root element is {name!r}."
    raise UnsupportedFormat(what, "JATS, DocBook and TEI are read.")


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _metadata(head: Any) -> tuple[str | None, dict[str, object]]:
    """Return the title of the whole, and author, date and publisher."""
    title = _first(head, "article-title", "book-title", "title")
    authors = [_person(item) for item in head.iter("{*}author", "{*}contrib")]
    date = next(head.iter("{*}pub-date", "{*}pubdate", "{*}date"), None)
    properties: dict[str, object] = {
        "author": [name for name in authors if name],
        "published_at": None if date is None else date.get("when") or _date(date),
        "publisher": _first(head, "publisher-name", "publishername", "publisher"),
    }
    return title, {key: value for key, value in properties.items() if value}


def _first(element: Any, *names: str) -> str | None:
    inner = next((item for name in names for item in element.iter(f"{{*}}{name}")), None)
    return None if inner is None else _text(inner) or None


def _person(element: Any) -> str:
    names = [_first(element, *several) for several in (("given-names", "firstname", "forename"), ("surname",))]
    return " ".join(name for name in names if name) or _text(element)


def _date(element: Any) -> str | None:
    parts = {_name(child): _text(child) for child in element}
    numbers = [parts[key].zfill(2) for key in ("year", "month", "day") if parts.get(key, "").isdecimal()]
    return "-".join(numbers) or _text(element) or None


def _text(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _part_fields(root: Any) -> None:
    """Put a blank behind each field of a record that stands close to the next one."""
    for field in root.iter():
        parent = field.getparent()
        if parent is not None and _name(parent) in _RECORDS:
            field.tail = field.tail or " "


def _front_matter(root: Any) -> Iterator[str]:
    """Yield authors, addresses, keywords, funding and licence of an article."""
    head = next(root.iter("{*}article-meta"), None)
    for item in head.iter() if head is not None else ():
        part, sign = _FRONT_MATTER.get(_name(item), (None, ""))
        if part:
            names = [_person(one) if part == "contrib" else _text(one) for one in item.iter(f"{{*}}{part}")]
            yield sign.join(names)
        elif part is not None:
            yield _text(item)


def _renamed(root: Any) -> Counter[str]:
    """Rename all elements to those of HTML, and hide metadata. Return the number of parts left out, by kind."""
    left_out, levels, names = Counter[str](), dict[Any, int](), dict[Any, str]()
    elements = list(root.iter())
    for element in elements:
        name, parent = _name(element), element.getparent()
        names[element], levels[element] = name, levels.get(parent, 1) + (name in _SECTIONS)
        left_out.update([_LEFT_OUT[name]] if name in _LEFT_OUT else [])
        is_second = names.get(parent) in ("choice", "alternatives") and parent[0] is not element
        if name in _METADATA or name in _LEFT_OUT or is_second:
            element.set("hidden", "")
    for element in elements:
        name, above = names[element], names.get(element.getparent(), "")
        element.tag = _html_tag(name, above, levels[element])
        if element.tag == "td" and names.get(element.getparent().getparent()) == "thead":
            element.tag = "th"
        if name in ("footnote", "fn") and above in ("p", "para", "simpara"):
            _move_behind(element)
    for number, abstract in enumerate([item for item in elements if names[item] == "abstract"]):
        root.insert(number, abstract)  # it stands among the metadata
    return left_out


def _html_tag(name: str, above: str, level: int) -> str:
    if name in _HEADINGS:
        return f"h{min(level, 6)}" if above in _SECTIONS | _DOCBOOK_ROOTS | {"body", "text", "back"} else "p"
    if name == "listitem" and above == "varlistentry":
        return "dd"
    return _TAG_OF.get(name) or ("div" if name in _CONTAINERS else "span")


def _move_behind(note: Any) -> None:
    """Move a footnote behind its paragraph, so that it does not cut a sentence."""
    paragraph, tail = note.getparent(), note.tail
    note.tail = None
    before = note.getprevious()
    if before is None:
        paragraph.text = (paragraph.text or "") + (tail or "")
    else:
        before.tail = (before.tail or "") + (tail or "")
    paragraph.addnext(note)
