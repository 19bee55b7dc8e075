"""Says things of citations and figures in the words of the page."""

from rag.core.citations import Citation
from rag.core.response import ConfidenceLevel, Polarity
from rag.server.page.html.markup import one_line

LEVEL_WORDS: dict[ConfidenceLevel, str] = {
    "very_high": "Very high confidence",
    "high": "High confidence",
    "medium": "Medium confidence",
    "low": "Low confidence",
}

POLARITY_LABELS: dict[Polarity, str] = {
    "affirms": "",
    "denies": "This sentence denies it",
    "conditional": "This sentence makes it conditional",
}
"""How a sentence stands to the question; nothing is said of one that affirms it."""


def source_words(citation: Citation) -> str:
    """Return title, author, publisher, date, place and address of a citation as plain text in one line."""
    source = citation.source
    parts = [source.author, source.publisher, source.published_at, place_words(citation), source.uri]
    return ", ".join([title_words(citation), *(one_line(part) for part in parts if part)])


def title_words(citation: Citation) -> str:
    """Return the title of the document cited, its id if it has none."""
    return one_line(citation.source.title or "") or citation.span.document_id


def place_words(citation: Citation) -> str:
    """Return where a citation stands, counted from 1: `line 17`, `lines 17–19`, `page 3`, `Sales, row 4`."""
    return one_line(citation.place.label())


def percent(share: float) -> str:
    """Return a fraction as a whole percentage.

    >>> percent(0.831)
    '83%'
    """
    return f"{share * 100:.0f}%"


def count(number: int, noun: str) -> str:
    """Return a number with its noun in the right form.

    >>> count(1, "answer"), count(2_000, "answer")
    ('1 answer', '2,000 answers')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
