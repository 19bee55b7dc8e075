"""Loads Markdown files: the text as it is, the title and the values of the front matter."""

import re
from collections.abc import Iterator

from rag.core.errors import LoadError
from rag.core.types import Document, Layout
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import JSON, gather, json_safe
from rag.loading.sources import Source

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ATX_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")

_BREAK = r"(?:\r\n?+|\n)"
_FRONT_MATTER = re.compile(
    rf"---[ \t]*{_BREAK}"
    rf"(?:[ \t]*+(?:#[^\r\n]*+)?+{_BREAK})*+"  # comments and blank lines
    r"(?=[\w\"'][^\r\n]*:|---|\.\.\.)"
    r"(?P<yaml>.*?)(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?=\r|\n|\Z)",
    re.DOTALL,
)
_MAX_FRONT_MATTER_CHARACTERS = 64_000
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")


def load_markdown(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a Markdown file. Raises LoadError."""
    text, sha256, encoding = read_text(source)
    matter = front_matter(text)
    title = matter.pop("title", None)
    title = str(title).strip() if title is not None else ""
    yield Document(
        id=source.document_id,
        text=text,
        title=title or first_heading(text),
        format="markdown",
        source_path=source.name,
        source_sha256=sha256,
        metadata=gather({**matter, **encoding}, text[front_matter_end(text) :]),
        layout=Layout(own_lines=not source.depth),
    )


def front_matter_end(text: str) -> int:
    """Return the offset after the closing line of the YAML front matter, 0 if there is none."""
    match = _FRONT_MATTER.match(text, 0, _MAX_FRONT_MATTER_CHARACTERS)
    return match.end() if match else 0


def front_matter(text: str) -> dict[str, JSON]:
    """Return the YAML front matter as JSON values; empty if there is none or it is broken."""
    match = _FRONT_MATTER.match(text, 0, _MAX_FRONT_MATTER_CHARACTERS)
    if not match:
        return {}
    import yaml

    try:
        values = json_safe(yaml.safe_load(match["yaml"]))
        return values if isinstance(values, dict) else {}
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError):
        return {}


def first_heading(text: str) -> str | None:
    """Return the first heading of level 1 outside code, without its marks."""
    fence, previous = "", ""
    for line in text[front_matter_end(text) :].splitlines():
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence:
            heading = _heading(line, previous)
            if heading:
                return heading
        previous = "" if fence else line
    return None


def plain_heading(line: str) -> str:
    """Return the words of a heading line without number signs, emphasis and link targets."""
    words = re.sub(r"[ \t]+#+[ \t]*$", "", ATX_HEADING.sub("", line, count=1))
    return re.sub(r"\*\*|__|`", "", _LINK.sub(r"\1", words)).strip().strip("*")


def _heading(line: str, previous: str) -> str | None:
    atx = ATX_HEADING.match(line)
    if atx and len(atx[1]) == 1:
        return plain_heading(line) or None
    underline = SETEXT_UNDERLINE.match(line)
    if underline and underline[1][0] == "=" and previous.strip() and not ATX_HEADING.match(previous):
        return plain_heading(previous) or None
    return None
