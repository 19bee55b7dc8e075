"""Writes a response for other programs and for people: Markdown, BibTeX."""

import re

from rag.response import Answer, Citation, Response

NOTICE = "Exact words of the sources."


def to_markdown(response: Response) -> str:
    """Return the quotations as Markdown, each with its source; a no-answer with its reason."""
    lines = [f"# {_inline(response.question)}", ""]
    if response.no_answer is not None:
        lines += [f"**Not answered.** {response.no_answer.message}", ""]
        if response.no_answer.missing_terms:
            lines += [f"In no document: {_inline(', '.join(response.no_answer.missing_terms))}", ""]
        return "\n".join(lines)
    lines += [f"{NOTICE} Index {response.index.fingerprint}, version {response.index.version}.", ""]
    for answer in response.answers:
        lines += _answer(answer)
    return "\n".join(lines)


def to_bibtex(response: Response) -> str:
    """Return one `@misc` entry for each answer, with the quote in its note."""
    return "\n\n".join(_entry(answer.citation) for answer in response.answers)


def _answer(answer: Answer) -> list[str]:
    quote = [f"> {_inline(line)}" for line in answer.answer.splitlines()]
    also = [f"   Also in {source_line(citation)}" for citation in answer.also_in]
    confidence = f"confidence {answer.confidence:.2f} ({answer.confidence_level.replace('_', ' ')})"
    return [*quote, "", f"{answer.rank}. {source_line(answer.citation)} — {confidence}", *also, ""]


def source_line(citation: Citation) -> str:
    """Return title, publisher, date and place of a citation in one line of Markdown."""
    source, place = citation.source, citation.place
    lines = (
        f"line {place.line_start}"
        if place.line_start == place.line_end
        else f"lines {place.line_start}-{place.line_end}"
    )
    known = [source.author, source.publisher, source.published_at, source.uri]
    where = [f"page {place.page_number}"] if place.page_number else []
    title = source.title or citation.span.document_id
    return ", ".join([f"*{_inline(title)}*", *(_inline(part) for part in known if part), *where, lines])


def _entry(citation: Citation) -> str:
    source = citation.source
    fields = {
        "title": source.title or citation.span.document_id,
        "author": source.author,
        "publisher": source.publisher,
        "date": source.published_at,
        "url": source.uri,
        "note": citation.quote,
        "pages": f"line {citation.place.line_start}",
    }
    body = ",\n".join(f"  {key} = {{{_bibtex(value)}}}" for key, value in fields.items() if value)
    key = re.sub(r"[^A-Za-z0-9]+", "-", citation.span.document_id).strip("-") or "document"
    return f"@misc{{{key}-{citation.number},\n{body}\n}}"


def _inline(text: str) -> str:
    # Document text is text: nothing in it may become a heading, a link, an image or HTML.
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def _bibtex(text: str) -> str:
    escaped = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special = {character: f"\\{character}" for character in "&%$#_"}
    return "".join({**escaped, **special}.get(character, character) for character in " ".join(text.split()))
