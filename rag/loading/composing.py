"""Composes the text of a document from the blocks of its file, and records the span of each block.

For formats whose files are not text: the composed text is stored, so its blocks, pages, parts and rows are known by
construction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rag.core.errors import EmptyDocument
from rag.core.types import BlockKind, Document, Layout, RecognizedRange
from rag.loading.metadata import gather
from rag.loading.sources import MAX_FILE_BYTES, Source, too_large

CELL_SEPARATOR = " | "
"""Separates the cells of a row."""
INDENTED = "\n    "
"""Separates a description from the term above it."""
LEFT_OUT_KEY = "left_out"
"""The metadata key that names the parts of a file that are not in the text."""
MAX_MERGED_CHARACTERS = 200
"""Characters of a merged cell whose text is repeated in every row and column that it spans."""
MAX_MERGED_COLUMNS = 20
"""Columns that one merged cell may span: more would let a small file become a large text."""
_CLOSE = ("list_item", "table_header", "table_row")


class Composer:
    """A text in the making. Blocks are separated by a blank line, rows of a table and items of a list by a line end."""

    def __init__(self, source: Source) -> None:
        """Begin with an empty text."""
        self._source = source
        self._pieces: list[str] = []
        self._length = 0
        self._blocks: list[tuple[int, int, BlockKind, int | None, str | None]] = []
        self._pages: list[int] = []
        self._parts: list[tuple[int, str]] = []
        self._rows: list[tuple[int, int]] = []
        self._lines: list[tuple[int, int]] = []
        self._recognized: list[RecognizedRange] = []
        self._left_out = Counter[str]()

    def add(
        self, text: str, kind: BlockKind = "paragraph", level: int | None = None, reason: str | None = None,
        row: int | None = None, page_start: int | None = None, is_description: bool = False,
        lines: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        """Add a block without the white space at its ends; a blank one is ignored.

        `row` is the number of a table row in the original; a page begins `page_start` characters behind the block's
        start. A description is indented below its term, as manuals set it. `lines` are `(offset, line)` of `text` for
        each place where a line of the file begins. Raises UnreadableSource if the text grows too long.
        """
        text = storable(text)
        margin = len(text) - len(text.lstrip())
        text = text.strip()
        if not text:
            return
        if self._blocks:
            is_close = kind in _CLOSE and self._blocks[-1][2] in _CLOSE
            self._append(INDENTED if is_description else "\n" if is_close else "\n\n")
        start = self._length
        self._append(text)
        if page_start is not None:
            self._pages.append(start + page_start)
        self._blocks.append((start, self._length, kind, level, reason))
        self._lines += [(start + max(offset - margin, 0), line) for offset, line in lines]
        if row is not None or (self._rows and self._rows[-1][1]):
            self._rows.append((start, row or 0))

    def recognize(self, words: Iterable[RecognizedRange]) -> None:
        """Record the words of the last block that were read from a picture; their offsets are those in the block."""
        for start, end, *rest in words:
            block_start = self._blocks[-1][0]
            self._recognized.append((block_start + start, block_start + end, *rest))  # type: ignore[arg-type]

    def leave_out(self, kind: str, count: int = 1) -> None:
        """Count parts of the file that are not in the text, such as `hidden texts`; the document says so."""
        self._left_out[kind] += count

    def page(self) -> None:
        """Begin a page."""
        self._pages.append(self._next_start())

    def part(self, name: str) -> None:
        """Begin a named part of the original."""
        self._parts.append((self._next_start(), storable(name)))

    def document(self, kind: str, sha256: str, title: str | None, properties: Mapping[str, object]) -> Document:
        """Return the document. Raises EmptyDocument if nothing was added.

        Without a `title`, the first block is the title if it is a heading.
        """
        if not self._blocks:
            raise EmptyDocument(f"{self._source.name} holds no text.", "Leave it out.")
        text, title = "".join(self._pieces), " ".join(storable(title or "").split())
        start, end, first, _, _ = self._blocks[0]
        return Document(
            id=self._source.document_id,
            text=text,
            title=title or (text[start:end] if first == "heading" and "\n" not in text[start:end] else None),
            format=kind,
            source_path=self._source.name,
            source_sha256=sha256,
            metadata=gather({**properties, **self.left_out}, _content(text, self._blocks)),
            layout=self.layout,
        )

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was added yet."""
        return not self._blocks

    @property
    def left_out(self) -> dict[str, str]:
        """Return the metadata that say which parts of the file are not in the text."""
        return left_out_note(self._left_out)

    @property
    def layout(self) -> Layout:
        """Return the spans of all blocks, pages, parts and rows."""
        # A part or page that begins behind the last block is empty.
        return Layout(
            tuple(self._blocks),
            tuple(min(start, self._length) for start in self._pages),
            tuple(item for item in self._parts if item[0] < self._length),
            tuple(self._rows),
            lines=tuple(self._lines),
            recognized=tuple(self._recognized),
        )

    def _next_start(self) -> int:
        return self._length + 1 if self._blocks else 0

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        if self._length > MAX_FILE_BYTES:
            raise too_large(self._source, "the text in it")


def left_out_note(counts: Mapping[str, int]) -> dict[str, str]:
    """Return the metadata that say which parts of a file are not in the text of its document.

    >>> left_out_note({"hidden texts": 2, "deleted rows": 1})
    {'left_out': 'hidden texts (2), deleted rows (1)'}
    """
    kinds = ", ".join(f"{kind} ({count})" for kind, count in counts.items() if count)
    return {LEFT_OUT_KEY: kinds} if kinds else {}


def row_text(cells: list[str]) -> str:
    """Return the cells of a row as one line; empty ones at the end are left out.

    >>> row_text(["Ulm", "", "4.5", ""])
    'Ulm |  | 4.5'
    """
    lines = [" ".join(cell.split()) for cell in cells]
    while lines and not lines[-1]:
        lines.pop()
    return CELL_SEPARATOR.join(lines)


def storable(text: str) -> str:
    """Return the text with U+FFFD for lone surrogates, because they are no characters."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _content(text: str, blocks: list[tuple[int, int, BlockKind, int | None, str | None]]) -> str:
    """Return the beginning of the content, because it tells the language."""
    return "\n".join(text[start:end] for start, end, _, _, reason in blocks[:200] if reason is None)
