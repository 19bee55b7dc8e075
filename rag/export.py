"""Writes a response for other programs and for people: Markdown, JSON evidence, BibTeX, CSL-JSON, Web Annotation.

Each holds the quotation, its place, the sha256 of the text it was read from, and the date it was read on, which is
today where none is given: what is saved as evidence says when it was looked at.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from rag.citation import place_words
from rag.errors import InvalidInput
from rag.response import Answer, Citation, Response

NOTICE = "Exact words of the sources."
DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


def export(response: Response, form: str, read_on: date | None = None) -> str:
    """Return a response in one of `FORMS`, read on a day. Raises InvalidInput for another form."""
    require_form(form)
    return FORMS[form](response, read_on or date.today())


def require_form(form: str | None) -> None:
    """Raise InvalidInput where `form` is given and none of `FORMS`."""
    if form is not None and form not in FORMS:
        raise InvalidInput(f"There is no form {form!r}.", f"Known: {', '.join(FORMS)}.")


def one_form(form: str | None, flags: dict[str, bool]) -> str | None:
    """Return the form asked for, None for none. Raises InvalidInput where two are."""
    asked = {f"--{name}": name for name, given in flags.items() if given}
    if form is not None:
        asked[f"--format {form}"] = form
    if len(set(asked.values())) > 1:
        raise InvalidInput(f"{' and '.join(asked)} are given.", "Give one of them.")
    return next(iter(asked.values()), None)


def to_markdown(response: Response, read_on: date | None = None) -> str:
    """Return the quotations as Markdown, each with its source; a no-answer with its reason."""
    lines = [f"# {_inline(response.question)}", ""]
    if response.no_answer is not None:
        lines += [f"**Not answered.** {response.no_answer.message}", ""]
        if response.no_answer.missing_terms:
            lines += [f"In no document: {_inline(', '.join(response.no_answer.missing_terms))}", ""]
        return "\n".join(lines)
    day = (read_on or date.today()).isoformat()
    lines += [f"{NOTICE} Index {response.index.fingerprint}, version {response.index.version}. Read on {day}.", ""]
    if response.agreement["differ"]:
        lines += [f"The sources differ: {_groups(response)}.", ""]
    if response.withheld_note:
        lines += [response.withheld_note, ""]
    for answer in response.answers:
        lines += _answer(answer)
    return "\n".join(lines)


def to_evidence(response: Response, read_on: date | None = None) -> str:
    """Return the JSON of the response with the day it was read; `rag verify` takes it as it takes the response."""
    content = {"read_on": (read_on or date.today()).isoformat(), "response": response.to_dict()}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2)


def to_bibtex(response: Response, read_on: date | None = None) -> str:
    """Return one BibLaTeX `@misc` entry for each quotation, copies too: it is the note, its sentence the abstract."""
    day = read_on or date.today()
    return "\n\n".join(_entry(key, answer, citation, day) for key, answer, citation in _cited(response))


def to_csl_json(response: Response, read_on: date | None = None) -> str:
    """Return a CSL-JSON list (csl-data.json 1.0) with an item for each quotation, copies too."""
    day = read_on or date.today()
    items = [_csl_item(key, answer, citation, day) for key, answer, citation in _cited(response)]
    return json.dumps(items, ensure_ascii=False, indent=2)


def to_web_annotation(response: Response, read_on: date | None = None) -> str:
    """Return a W3C Web Annotation page (https://www.w3.org/TR/annotation-model/), an annotation for each quotation.

    A source without an address is named by the hash of its text (RFC 6920). Positions count code points.
    """
    created = f"{(read_on or date.today()).isoformat()}T00:00:00Z"
    page = {
        "@context": [
            "http://www.w3.org/ns/anno.jsonld", {"sha256": "https://schema.org/sha256"},
        ],
        "id": _urn(response.response_id),
        "type": "AnnotationPage",
        "items": [_annotation(response, key, citation, created) for key, _, citation in _cited(response)],
    }  # fmt: skip
    return json.dumps(page, ensure_ascii=False, indent=2)


FORMS: dict[str, Callable[[Response, date], str]] = {
    "json": lambda response, _: response.to_json(),
    "markdown": to_markdown,
    "evidence": to_evidence,
    "bibtex": to_bibtex,
    "csl": to_csl_json,
    "annotation": to_web_annotation,
}
"""Forms that a response can be written in, by the names of the shell."""


def _cited(response: Response) -> Iterator[tuple[str, Answer, Citation]]:
    """Yield key, answer and citation of each quotation; keys are letters, figures and hyphens, and none comes twice."""
    for answer in response.answers:
        for place, citation in enumerate((answer.citation, *answer.also_in)):
            name = re.sub(r"[^A-Za-z0-9]+", "-", citation.span.document_id).strip("-") or "document"
            yield f"{name}-{answer.rank}" + (f"-{place}" if place else ""), answer, citation


def _groups(response: Response) -> str:
    return " against ".join(" and ".join(map(str, group)) for group in response.agreement["groups"])


def _answer(answer: Answer) -> list[str]:
    confidence = f"confidence {answer.confidence:.2f} ({answer.confidence_level.replace('_', ' ')})"
    lines = [
        *_quoted(answer),
        "",
        f"{answer.rank}. {source_line(answer.citation)} — {confidence}",
        _proof(answer.citation),
    ]
    for citation in answer.also_in:
        lines += [f"   Also in {source_line(citation)}", _proof(citation)]
    if answer.continues is not None:
        lines += ["", f"   The source goes on: {_inline(answer.continues[1])}"]
    return [*lines, ""]


def _quoted(answer: Answer) -> list[str]:
    """Return the quotation as a block, a few words strong inside their sentence."""
    if answer.answer_type != "span":
        return [f"> {_inline(line)}" for line in answer.answer.splitlines()]
    start, end = answer.context_offset
    before, after = _inline(answer.context[:start]), _inline(answer.context[end:])
    # A space at an edge is lost with the line's, and stands again where the source has white space.
    left = " " if answer.context[:start][-1:].isspace() else ""
    right = " " if answer.context[end:][:1].isspace() else ""
    return [f"> {before}{left}**{_inline(answer.answer)}**{right}{after}"]


def _proof(citation: Citation) -> str:
    return f"   {_inline(_where(citation))}"


def _where(citation: Citation) -> str:
    """Return place and hash of a citation, exact enough to find and to check it."""
    span = citation.span
    return f"{span.document_id}, characters {span.start}-{span.end}, text sha256 {citation.content_sha256}"


def source_line(citation: Citation) -> str:
    """Return title, publisher, date and place of a citation in one line of Markdown."""
    source = citation.source
    known = [source.author, source.publisher, source.published_at, source.uri, place_words(citation.place)]
    title = source.title or citation.span.document_id
    return ", ".join([f"*{_inline(title)}*", *(_inline(part) for part in known if part)])


def _sentence(answer: Answer, citation: Citation) -> str | None:
    """Return the sentence around a quotation of a few words, None for a copy, whose sentence is not known here."""
    return answer.context if answer.answer_type == "span" and citation is answer.citation else None


def _entry(key: str, answer: Answer, citation: Citation, day: date) -> str:
    source = citation.source
    fields = {
        "title": source.title or citation.span.document_id,
        "author": source.author,
        "publisher": source.publisher,
        "date": source.published_at,
        "url": source.uri,
        "urldate": day.isoformat(),
        "note": citation.quote,
        "abstract": _sentence(answer, citation),
        "pages": str(citation.place.page_number or "") or place_words(citation.place),
        "annotation": _where(citation),
    }
    body = ",\n".join(f"  {name} = {{{_bibtex(value)}}}" for name, value in fields.items() if value)
    return f"@misc{{{key},\n{body}\n}}"


def _csl_item(key: str, answer: Answer, citation: Citation, day: date) -> dict[str, Any]:
    source, span = citation.source, citation.span
    item = {
        "id": key,
        "type": "webpage" if source.uri else "document",
        "title": source.title or span.document_id,
        "author": [{"literal": source.author}] if source.author else None,
        "publisher": source.publisher,
        "issued": _csl_date(source.published_at) if source.published_at else None,
        "accessed": _csl_date(day.isoformat()),
        "URL": source.uri,
        "language": source.language,
        "page": str(citation.place.page_number) if citation.place.page_number else None,
        "note": citation.quote,
        "abstract": _sentence(answer, citation),
        "custom": {
            "document_id": span.document_id, "start": span.start, "end": span.end, "place": place_words(citation.place),
            "content_sha256": citation.content_sha256,
        },
    }  # fmt: skip
    return {name: value for name, value in item.items() if value is not None}


def _csl_date(text: str) -> dict[str, Any]:
    match = DATE.match(text)
    return {"date-parts": [[int(part) for part in match.groups() if part]]} if match else {"literal": text}


def _annotation(response: Response, key: str, citation: Citation, created: str) -> dict[str, Any]:
    source = {
        "id": citation.source.uri or _hash_name(citation.content_sha256),
        "type": "Text",
        "language": citation.source.language,
        "sha256": citation.content_sha256,
    }
    return {
        "id": _urn(f"{response.response_id}/{key}"),
        "type": "Annotation",
        "motivation": "highlighting",
        "created": created,
        "body": {"type": "TextualBody", "value": response.question, "format": "text/plain", "purpose": "describing"},
        "target": {
            "type": "SpecificResource",
            "source": {name: value for name, value in source.items() if value is not None},
            "selector": citation.to_dict()["selector"],
        },
    }


def _urn(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


def _hash_name(sha256: str) -> str:
    """Return the name that RFC 6920 gives to what has this hash."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _inline(text: str) -> str:
    # Document text is text: nothing in it may become a heading, a link, an image or HTML.
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def _bibtex(text: str) -> str:
    escaped = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special = {character: f"\\{character}" for character in "&%$#_"}
    return "".join({**escaped, **special}.get(character, character) for character in " ".join(text.split()))
