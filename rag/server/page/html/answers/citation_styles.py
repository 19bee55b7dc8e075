"""Writes a quotation with its source as people cite it: APA, MLA, Chicago, BibTeX, Markdown.

Names of authors stay as the document has them: a name may be that of a group, which must not be turned round.
"""

from collections.abc import Callable

from rag.core.citations import Citation
from rag.core.presentation.export import DATE, quoted_lines, source_line, to_bibtex
from rag.core.response import Answer
from rag.server.page.html.labels import place_words, source_words, title_words
from rag.server.page.html.line_breaks import shown_sentence
from rag.server.page.html.markup import one_line

MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def cited(answer: Answer) -> str:
    """Return the sentence with title, author, date and place in one line."""
    return f"“{shown_sentence(answer)}” — {source_words(answer.citation)}"


def to_apa(answer: Answer) -> str:
    """Return the sentence as APA (7th edition) quotes it, and below it the reference."""
    citation, source = answer.citation, answer.citation.source
    year, day = _date(citation)
    author, title = _known(source.author), title_words(citation)
    in_text = ", ".join((author or title, year or "n.d.", _place(citation)))
    when = f"({', '.join(part for part in (year or 'n.d.', day) if part)})."
    parts = [_closed(author), when, _closed(title)] if author else [_closed(title), when]
    return _below(answer, f"({in_text})", [*parts, _closed(_known(source.publisher)), _known(source.uri)])


def to_mla(answer: Answer) -> str:
    """Return the sentence as MLA (9th edition) quotes it, and below it the work cited."""
    citation, source = answer.citation, answer.citation.source
    year, day = _date(citation)
    author, place = _known(source.author), _place(citation)
    month, _, number = day.partition(" ")
    short_month = month if len(month) <= 4 else f"{month[:3]}."
    when = " ".join(part for part in (number, short_month, year) if part)
    in_text = f"({author or title_words(citation)}{'' if place.startswith('p. ') else ','} {place.removeprefix('p. ')})"
    container = ", ".join(filter(None, (_known(source.publisher), when, place, _known(source.uri))))
    return _below(answer, in_text, [_closed(author), f"“{_closed(title_words(citation))}”", _closed(container)])


def to_chicago(answer: Answer) -> str:
    """Return the sentence and below it the note as Chicago (17th edition) writes it."""
    citation, source = answer.citation, answer.citation.source
    year, day = _date(citation)
    when = ", ".join(part for part in (day, year) if part)
    author = f"{_known(source.author)}, " if source.author else ""
    rest = filter(None, (_known(source.publisher), when, _place(citation).removeprefix("p. "), _known(source.uri)))
    return _below(answer, "", [f"{author}“{title_words(citation)},”", _closed(", ".join(rest))])


def to_bibtex_entry(answer: Answer) -> str:
    """Return the BibLaTeX entry of the quotation."""
    return to_bibtex({"answers": [{**answer.to_dict(), "also_in": []}], "no_answer": None})


def to_markdown_quote(answer: Answer) -> str:
    """Return the quotation as a Markdown block with its source."""
    written = answer.to_dict()
    return "\n".join((*quoted_lines(written), ">", f"> — {source_line(written['citation'])}"))


CITATION_STYLES: dict[str, Callable[[Answer], str]] = {
    "APA": to_apa,
    "MLA": to_mla,
    "Chicago": to_chicago,
    "BibTeX": to_bibtex_entry,
    "Markdown": to_markdown_quote,
}


def _below(answer: Answer, in_text: str, reference: list[str]) -> str:
    quoted = " ".join(part for part in (f"“{shown_sentence(answer)}”", in_text) if part)
    return f"{quoted}\n{' '.join(part for part in reference if part)}"


def _known(value: str | None) -> str:
    return one_line(value or "")


def _closed(text: str) -> str:
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def _place(citation: Citation) -> str:
    page = citation.place.page_label or citation.place.page_number
    return place_words(citation) if page is None else f"p. {page}"


def _date(citation: Citation) -> tuple[str, str]:
    """Return year and `month day` of a date, in words if it has no figures, empty if unknown."""
    text = _known(citation.source.published_at)
    match = DATE.match(text)
    if match is None:
        return text, ""
    year, month, day = match.groups()
    name = MONTH_NAMES[int(month) - 1] if month and 1 <= int(month) <= 12 else ""
    return year, " ".join(part for part in (name, str(int(day)) if name and day else "") if part)
