"""Tells on which lines of the file the text of a web page stands.

The parser gives the line of each start tag. The lines in between are counted in the text from tag to tag.
"""

from collections.abc import Iterable
from typing import Any

MAX_PARSER_LINE = 65_535
"""The parser counts no further."""


class LineCursor:
    """The line of the file at the place that a walk through the tree has reached."""

    def __init__(self) -> None:
        """Begin at the first line."""
        self._line = 1

    def start(self, element: Any) -> None:
        """Go to the end of a start tag."""
        self._line = element.sourceline or self._line

    def skip(self, element: Any) -> None:
        """Go behind an element whose text is not read."""
        self.start(element)
        self._line += sum(text.count("\n") for text in element.itertext(with_tail=False))

    def text(self, text: str) -> int:
        """Go behind a text, and return the line on which it begins."""
        line = self._line
        self._line += text.count("\n")
        return line


def line_marks(pieces: Iterable[tuple[str, int]], text: str) -> list[tuple[int, int]]:
    r"""Return `(offset, line)` for each place in `text` where a line of the file begins.

    `pieces` are the text as it stands in the file, each with its first line. `text` has the same letters, but other
    white space. So both are counted in letters.

    >>> line_marks([("A ferry\n  sails", 7), (" at nine", 9)], "A ferry sails at nine")
    [(0, 7), (8, 8), (14, 9)]
    """
    marks, letters = list[tuple[int, int]](), 0
    for piece, first_line in pieces:
        for i, part in enumerate(piece.split("\n")):
            count = sum(len(word) for word in part.replace("\0", " ").split())
            if count and (not marks or marks[-1][1] != first_line + i):
                marks.append((letters, first_line + i))
            letters += count
    if len(marks) < 2:
        return [(0, line) for _, line in marks]
    offset_of = [offset for offset, character in enumerate(text) if not character.isspace()]
    return [(offset_of[letter], line) for letter, line in marks if letter < len(offset_of)]
