"""Marks the words in which a quotation and another text differ."""

from collections.abc import Sequence

from rag.server.page.html.markup import Mark, escaped, marked

DIFFERS = Mark(0, 0, '<strong class="pc-differs">', "</strong>")


def with_differences(text: str, ranges: Sequence[tuple[int, int]]) -> str:
    """Return a text as HTML with the words of `ranges` marked.

    >>> with_differences("40 <euros>", [(0, 2)])
    '<strong class="pc-differs">40</strong> &lt;euros&gt;'
    """
    if not ranges:
        return escaped(text)
    marks = [Mark(start, end, DIFFERS.opening, DIFFERS.closing) for start, end in sorted(ranges)]
    return marked(text, 0, len(text), (marks,))
