"""Tells the text of a manual from the links around it, by the marks of the tool that made the pages.

Sphinx, DocBook, AsciiDoc, Doxygen, MkDocs and Texinfo name the containers of text and of navigation. These names are
surer than a guess: a box beside the text has the class `sidebar` in DocBook, and a list of names is the whole text of
many sections.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag.loading.web_text.markup import MarkupBlock

_TEXT_TAGS = frozenset(["main", "article"])
_NAVIGATION_TAGS = ("nav", "form", "button")
_NAVIGATION_ROLES = ("navigation", "search", "contentinfo")


@dataclass(frozen=True)
class _Toolchain:
    """The tool's name, the ids and classes of all its pages, and those around text and around navigation inside it.

    Names of text and navigation may be tags, as `<body>`, and roles too.
    """

    generator: re.Pattern[str]
    text: frozenset[str]
    navigation: frozenset[str]
    marks: frozenset[str] = frozenset()


_TOOLCHAINS = (
    _Toolchain(
        re.compile(r"docutils|sphinx", re.IGNORECASE),
        frozenset("main article body document".split()),
        frozenset("related sphinxsidebar footer contents hd ft nav global-nav rst-versions".split()),
        frozenset(["sphinxsidebar"]),
    ),
    _Toolchain(
        re.compile(r"doxygen", re.IGNORECASE),
        frozenset("contents headertitle".split()),
        frozenset("navpath nav-path ingroups summary toc ttc footer".split()),
    ),
    _Toolchain(
        re.compile(r"docbook|publican", re.IGNORECASE),
        frozenset(
            "appendix article bibliography book chapter colophon dedication glossary index part preface reference "
            "refentry sect1 section set simplesect".split()
        ),
        frozenset("navheader navfooter docnav toc list-of-figures list-of-tables list-of-examples".split()),
    ),
    _Toolchain(
        re.compile(r"asciidoc", re.IGNORECASE),
        frozenset("header preamble content footnotes".split()),
        frozenset("toc toc2 footer".split()),
    ),
    _Toolchain(
        re.compile(r"mkdocs", re.IGNORECASE),
        frozenset("main article".split()),
        frozenset("md-sidebar md-source-file md-footer bs-sidebar modal rst-versions toc".split()),
        frozenset("mkdocs_search_modal mkdocs-search-query md-content wy-nav-content".split()),
    ),
    _Toolchain(
        re.compile(r"makeinfo|texinfo|texi2", re.IGNORECASE),
        frozenset(["<body>"]),
        frozenset("header nav-panel node menu contents shortcontents summarycontents".split()),
    ),
)
_GENERATOR = "//meta[translate(@name, 'GENRATO', 'genrato')='generator']/@content"


def manual_text(root: Any, blocks: Sequence[MarkupBlock]) -> set[int] | None:
    """Return the numbers of the blocks that are text of a manual, None if no known tool made the page.

    `blocks` are those of `root`. If none of them is text, that is no verdict.
    """
    toolchain = _toolchain(root)
    if toolchain is None:
        return None
    verdicts: dict[Any, bool | None] = {None: False}
    return {
        number
        for number, block in enumerate(blocks)
        if _is_text(block.node.getparent() if block.is_tail else block.node, toolchain, verdicts)
    } or None


def _toolchain(root: Any) -> _Toolchain | None:
    generators = " ".join(root.xpath(_GENERATOR))
    by_name = next((chain for chain in _TOOLCHAINS if chain.generator.search(generators)), None)
    if by_name is not None:
        return by_name
    names = {name for text in root.xpath("//@id | //@class") for name in text.split()}
    return next((chain for chain in _TOOLCHAINS if chain.marks & names), None)


def _is_text(element: Any, toolchain: _Toolchain, verdicts: dict[Any, bool | None]) -> bool:
    """Tell if an element is inside text and not inside navigation; None in `verdicts` stands for the latter."""
    unjudged = []
    while element not in verdicts:
        unjudged.append(element)
        element = element.getparent()
    verdict = verdicts[element]
    for inner in reversed(unjudged):
        if verdict is not None:
            tag, role = inner.tag if isinstance(inner.tag, str) else "", inner.get("role") or ""
            classes = (inner.get("class") or "").split()
            # The id of a section is made of the words of its heading: one named "Contents" holds all chapters.
            own_id = None if tag == "section" or "section" in classes else inner.get("id")
            names = {role, own_id, *classes}
            names |= {f"<{tag}>", *({tag} & _TEXT_TAGS)}
            is_navigation = tag in _NAVIGATION_TAGS or role in _NAVIGATION_ROLES or toolchain.navigation & names
            verdict = None if is_navigation else verdict or bool(toolchain.text & names)
        verdicts[inner] = verdict
    return bool(verdict)
