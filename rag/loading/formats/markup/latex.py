"""Loads LaTeX sources: the text stays as it is, and comments and commands are marked as no content."""

import re
from collections.abc import Iterator

from rag.core.errors import LoadError
from rag.core.types import BlockKind, Document, Layout
from rag.loading.formats.plain.text import read_text
from rag.loading.metadata import gather
from rag.loading.sources import Source

_MARKUP = "markup"
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_HEADING = re.compile(rf"[ \t]*\\({'|'.join(_LEVELS)})\*?(?:\[[^\[\]\n]*\])?\{{")
_COMMAND_LINE = re.compile(
    r"[ \t]*(?:\\(?:begin|end|label|usepackage|documentclass|maketitle|tableofcontents|centering|includegraphics|input"
    r"|include|bibliography|bibliographystyle|newpage|clearpage|hline|toprule|midrule|bottomrule|noindent|appendix|vspace"
    r"|hspace|pagestyle|thispagestyle|newcommand|renewcommand|setlength|setcounter)\*?(?:\[[^\[\]\n]*\]|\{[^{}\n]*\})*\s*)+$"
)
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*%")
_VERBATIM = re.compile(r"[ \t]*\\begin\{(verbatim|Verbatim|lstlisting|minted|comment)\*?\}")
_ROW_END = ("\\\\", "\\hline")
_PROPERTIES = {"title": "title", "author": "author", "date": "published_at"}
_LABEL = re.compile(r"[ \t]*\\label\{[^{}\n]*\}")
_Block = tuple[int, int, BlockKind, int | None, str | None]


def load_latex(source: Source) -> Iterator[Document | LoadError]:
    """Yield the document of a LaTeX source. Raises LoadError."""
    text, sha256, properties = read_text(source)
    facts: dict[str, object] = {name: value for key, name in _PROPERTIES.items() if (value := _argument(text, key))}
    title = facts.pop("title", None)
    if not re.match(r"\d{4}", str(facts.get("published_at", ""))):
        facts.pop("published_at", None)
    yield Document(
        id=source.document_id,
        text=text,
        title=str(title) if title else None,
        format="latex",
        source_path=source.name,
        source_sha256=sha256,
        metadata=gather({**properties, **facts}, text),
        layout=Layout(tuple(_blocks(text)), own_lines=not source.depth),
    )


def _argument(text: str, command: str) -> str:
    match = re.search(rf"^[ \t]*\\{command}\{{([^{{}}]{{1,500}})\}}", text, re.MULTILINE)
    return " ".join(re.sub(r"\\\\|\\[a-z]+", " ", match[1]).split()) if match else ""


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the blocks; a paragraph ends at a blank line, a comment, a command on its own line, or an item."""
    body = re.search(r"\\begin\{document\}", text)
    first, last = (body.start() if body else 0), text.find("\\end{document}")
    paragraph = _Paragraph()
    environment, is_dropped, offset = "", False, 0
    for line in text.splitlines(keepends=True):
        start, offset = offset, offset + len(line)
        words = line.strip()
        is_dropped = is_dropped or words.startswith("\\iffalse")
        is_outside = is_dropped or offset <= first or 0 <= last <= start
        is_dropped = is_dropped and not words.startswith("\\fi")
        begins = None if environment or is_outside else _VERBATIM.match(line)
        ends = bool(environment) and words.startswith(f"\\end{{{environment}")
        if is_outside or begins or ends or (not environment and _COMMAND_LINE.match(line)):
            yield from paragraph.flush()
            yield from _block(text, start, offset, "paragraph", None, _MARKUP)
            environment = begins[1] if begins else "" if ends else environment
        elif environment:
            yield from _block(text, start, offset, "code", None, _MARKUP if environment == "comment" else None)
        elif not words:
            yield from paragraph.flush()
        else:
            yield from paragraph.line(text, start, offset)
    yield from paragraph.flush()


class _Paragraph:
    """The lines since the last block."""

    def __init__(self) -> None:
        self._open: tuple[str, int, int, BlockKind] | None = None

    def flush(self) -> Iterator[_Block]:
        if self._open is not None:
            text, start, end, kind = self._open
            self._open = None
            yield from _block(text, start, end, kind, None, None)

    def line(self, text: str, start: int, end: int) -> Iterator[_Block]:
        """Take a line that is not blank: a heading, a row, an item, or the next line of a paragraph."""
        comment = _COMMENT.search(text, start, end)
        stop = comment.end() - 1 if comment else end
        heading = _HEADING.match(text, start, stop)
        close = _closing_brace(text, heading.end(), stop) if heading else -1
        if heading and close >= 0:
            yield from self.flush()
            yield from _block(text, start, heading.end(), "paragraph", None, _MARKUP)
            yield from _block(text, heading.end(), close, "heading", _LEVELS[heading[1]], None)
            yield from _block(text, close, close + 1, "paragraph", None, _MARKUP)
            start = close + 1
            label = _LABEL.match(text, start, stop)
            if label:
                yield from _block(text, start, label.end(), "paragraph", None, _MARKUP)
                start = label.end()
        words = text[start:stop]
        if words.strip():
            kind: BlockKind = "table_row" if "&" in words and words.rstrip().endswith(_ROW_END) else "paragraph"
            kind = "list_item" if words.lstrip().startswith("\\item") else kind
            if kind != "paragraph" or (self._open is not None and self._open[3] == "table_row"):
                yield from self.flush()
            self._open = (text, self._open[1], stop, self._open[3]) if self._open else (text, start, stop, kind)
        if comment:
            yield from self.flush()
            yield from _block(text, stop, end, "paragraph", None, _MARKUP)


def _closing_brace(text: str, start: int, stop: int) -> int:
    """Return the position of the brace that closes the one before `start`, -1 if the line has none."""
    depth = 1
    for brace in re.compile(r"\\.|[{}]").finditer(text, start, stop):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if not depth:
            return brace.start()
    return -1


def _block(text: str, start: int, end: int, kind: BlockKind, level: int | None, reason: str | None) -> Iterator[_Block]:
    """Yield a block without the white space at its ends, none if it is blank."""
    words = text[start:end]
    start, end = start + len(words) - len(words.lstrip()), start + len(words.rstrip())
    if start < end:
        yield start, end, kind, level, reason
