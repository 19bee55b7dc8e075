"""Writes a response for other programs and for people: Markdown, JSON evidence, BibTeX, CSL-JSON, Web Annotation.

Each form is written from the published JSON (`response.to_dict()`), so a saved response can be exported too. Each holds
the quotation, its place, the sha256 of its text, and the day when it was read. If no day is given, it is today.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from rag.core.errors import InvalidInput

NOTICE = "Exact words of the sources."
POSSIBLE = "Possible answer (unsure)"
POLARITY_WORDS = {"denies": "denies what is asked", "conditional": "holds under a condition"}
"""Remarks on the sentence around an answer, if it does not simply affirm."""
Json = Mapping[str, Any]
"""An object of the published JSON: a response, an answer or a citation."""
DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


def export(response: Json, form: str, read_on: date | None = None) -> str:
    """Return a response in one of `EXPORT_FORMS`, read on a day. Raises InvalidInput if there is no such form."""
    require_form(form)
    return EXPORT_FORMS[form](response, read_on or date.today())


def require_form(form: str | None) -> None:
    """Raise InvalidInput if `form` is not None and not one of `EXPORT_FORMS`."""
    if form is not None and form not in EXPORT_FORMS:
        raise InvalidInput(f"There is no form {form!r}.", f"Known: {', '.join(EXPORT_FORMS)}.")


def one_form(form: str | None, flags: dict[str, bool]) -> str | None:
    """Return the one form that is set, None if none is. Raises InvalidInput if two differ."""
    options = {f"--{name}": name for name, is_set in flags.items() if is_set}
    if form is not None:
        options[f"--format {form}"] = form
    if len(set(options.values())) > 1:
        raise InvalidInput(f"{' and '.join(options)} are given.", "Give one of them.")
    return next(iter(options.values()), None)


def to_markdown(response: Json, read_on: date | None = None) -> str:
    """Return the quotations as Markdown, each with its source; a no-answer with its reason."""
    lines = [f"# {_inline(response['question'])}", ""]
    if (no_answer := response["no_answer"]) is not None:
        lines += [f"**Not answered.** {no_answer['message']}", ""]
        if no_answer["missing_terms"]:
            lines += [f"In no document: {_inline(', '.join(no_answer['missing_terms']))}", ""]
        if skipped_terms := no_answer.get("skipped_terms"):
            lines += [f"Only in text that was skipped: {_inline(', '.join(skipped_terms))}", ""]
        for answer in no_answer.get("possible", ()):
            lines += [f"## {POSSIBLE}", "", *_answer(answer)]
        return "\n".join(lines)
    day = (read_on or date.today()).isoformat()
    index = response["index"]
    lines += [f"{NOTICE} Index {index['fingerprint']}, version {index['version']}. Read on {day}.", ""]
    if response["agreement"]["differ"]:
        lines += [f"The sources differ: {_groups(response)}.", ""]
    if withheld := withheld_note(response["agreement"]):
        lines += [withheld, ""]
    for answer in response["answers"]:
        lines += _answer(answer)
    return "\n".join(lines)


def to_evidence(response: Json, read_on: date | None = None) -> str:
    """Return the JSON of the response with the day it was read; `rag verify` takes it as it takes the response."""
    content = {"read_on": (read_on or date.today()).isoformat(), "response": dict(response)}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2)


def to_bibtex(response: Json, read_on: date | None = None) -> str:
    """Return one BibLaTeX `@misc` entry for each quotation, copies too: it is the note, its sentence the abstract."""
    day = read_on or date.today()
    return "\n\n".join(_entry(key, answer, citation, day) for key, answer, citation in _cited(response))


def to_csl_json(response: Json, read_on: date | None = None) -> str:
    """Return a CSL-JSON list (csl-data.json 1.0) with an item for each quotation, copies too."""
    day = read_on or date.today()
    items = [_csl_item(key, answer, citation, day) for key, answer, citation in _cited(response)]
    return json.dumps(items, ensure_ascii=False, indent=2)


def to_web_annotation(response: Json, read_on: date | None = None) -> str:
    """Return a W3C Web Annotation page (https://www.w3.org/TR/annotation-model/), an annotation for each quotation.

    A source without an address is named by the hash of its text (RFC 6920). Positions count code points.
    """
    created = f"{(read_on or date.today()).isoformat()}T00:00:00Z"
    page = {
        "@context": [
            "http://www.w3.org/ns/anno.jsonld", {"sha256": "https://schema.org/sha256"},
        ],
        "id": _urn(response["response_id"]),
        "type": "AnnotationPage",
        "items": [_annotation(response, key, citation, created) for key, _, citation in _cited(response)],
    }  # fmt: skip
    return json.dumps(page, ensure_ascii=False, indent=2)


EXPORT_FORMS: dict[str, Callable[[Json, date], str]] = {
    "json": lambda response, _: json.dumps(response, ensure_ascii=False, allow_nan=False, indent=2),
    "markdown": to_markdown,
    "evidence": to_evidence,
    "bibtex": to_bibtex,
    "csl": to_csl_json,
    "annotation": to_web_annotation,
}
"""Forms that a response can be written in, by the names of the shell."""


def place_label(
    page_number: int | None, part: str | None, row: int | None, line_start: int, line_end: int,
    page_label: str | None = None,
) -> str:  # fmt: skip
    """Return the place of a citation: page or slide, sheet or chapter, and row; its lines if none of these is known.

    Lines are those of the stored text. Nobody can look them up in a PDF or a sheet, so they come last. `page_label` is
    the number printed on the page if it differs from the number that a PDF reader counts.

    >>> place_label(None, None, None, 17, 19), place_label(3, None, None, 17, 19)
    ('lines 17–19', 'page 3')
    >>> place_label(8, None, None, 17, 19, "2")
    'p. 2 (PDF page 8)'
    """
    parts = [
        _page_words(page_number, page_label),
        " ".join((part or "").split()),
        f"row {row:,}" if row is not None else "",
    ]
    if any(parts):
        return ", ".join(part for part in parts if part)
    if line_end > line_start:
        return f"lines {line_start:,}–{line_end:,}"
    return f"line {line_start:,}"


def _page_words(number: int | None, label: str | None) -> str:
    if number is None:
        return ""
    return f"p. {' '.join(label.split())} (PDF page {number:,})" if label else f"page {number:,}"


def recognition_note(confidence: float | None) -> str:
    """Return the words behind the place of a quotation that was read from a picture, empty for any other.

    >>> recognition_note(0.98)
    ', read from a picture (98% sure)'
    """
    return "" if confidence is None else f", read from a picture ({confidence:.0%} sure)"


def withheld_note(agreement: Json) -> str:
    """Return in words how many answers that differ are not shown, empty if there are none."""
    withheld = agreement.get("withheld_differ", 0)
    verbs = ("answer that differs is", "answers that differ are")[withheld != 1]
    return f"{withheld} {verbs} not shown: ask for more." if withheld else ""


def _cited(response: Json) -> Iterator[tuple[str, Json, Json]]:
    """Yield key, answer and citation of each quotation; keys are letters, figures and hyphens, and none comes twice."""
    possible = (response["no_answer"] or {}).get("possible", ())
    for answer in (*response["answers"], *possible):
        for i, citation in enumerate((answer["citation"], *answer["also_in"])):
            name = re.sub(r"[^A-Za-z0-9]+", "-", citation["document_id"]).strip("-") or "document"
            yield f"{name}-{answer['rank']}" + (f"-{i}" if i else ""), answer, citation


def _groups(response: Json) -> str:
    return " against ".join(" and ".join(map(str, group)) for group in response["agreement"]["groups"])


def _answer(answer: Json) -> list[str]:
    confidence = f"confidence {answer['confidence']:.2f} ({answer['confidence_level'].replace('_', ' ')})"
    lines = [
        *quoted_lines(answer),
        "",
        f"{answer['rank']}. {source_line(answer['citation'])} — {confidence}",
        _proof(answer["citation"]),
    ]
    for citation in answer["also_in"]:
        lines += [f"   Also in {source_line(citation)}", _proof(citation)]
    if (polarity := answer.get("polarity", "affirms")) != "affirms":
        lines += ["", f"   This sentence {POLARITY_WORDS[polarity]}."]
    lines += [f"   - Against it: {_inline(doubt['text'])}" for doubt in answer.get("doubts", ())]
    if answer["continues"] is not None:
        lines += ["", f"   The source goes on: {_inline(answer['continues']['text'])}"]
    return [*lines, ""]


def quoted_lines(answer: Json) -> list[str]:
    """Return the quotation as a block, a few words strong inside their sentence."""
    if answer["answer_type"] != "span":
        return [f"> {_inline(line)}" for line in answer["answer"].splitlines()]
    context, start, end = answer["context"], answer["context_offset"]["start"], answer["context_offset"]["end"]
    before, after = _inline(context[:start]), _inline(context[end:])
    # `_inline` strips the spaces at the edges, so put one back if the source has white space there.
    space_before = " " if context[:start][-1:].isspace() else ""
    space_after = " " if context[end:][:1].isspace() else ""
    return [f"> {before}{space_before}**{_inline(answer['answer'])}**{space_after}{after}"]


def _proof(citation: Json) -> str:
    return f"   {_inline(_where(citation))}"


def _where(citation: Json) -> str:
    """Return place and hash of a citation, exact enough to find and to check it."""
    offsets, sha256 = citation["document_offset"], citation["content_sha256"]
    return f"{citation['document_id']}, characters {offsets['start']}-{offsets['end']}, text sha256 {sha256}"


def source_line(citation: Json) -> str:
    """Return title, publisher, date and place of a citation in one line of Markdown."""
    parts = [*(citation[key] for key in ("author", "publisher", "published_at", "uri")), cited_place(citation)]
    return ", ".join([f"*{_inline(_title(citation))}*", *(_inline(part) for part in parts if part)])


def _title(citation: Json) -> str:
    return str(citation["title"] or citation["document_id"])


def cited_place(citation: Json) -> str:
    """Return the place of a citation in words, and how sure the words are if they were read from a picture."""
    # A response that an earlier version saved has no label, and nothing that was read from a picture.
    keys = ("page_number", "part", "row", "line_start", "line_end", "page_label")
    values: list[Any] = [citation.get(key) for key in keys]
    return place_label(*values) + recognition_note(citation.get("recognition_confidence"))


def _page(citation: Json) -> str:
    """Return the page as it is cited: the number printed on it, else the number in the file, empty if unknown."""
    return str(citation.get("page_label") or citation["page_number"] or "")


def _quote(citation: Json) -> str:
    return str(citation["selector"][0]["exact"])


def _sentence(answer: Json, citation: Json) -> str | None:
    """Return the sentence around a quotation of a few words, None for a copy, whose sentence is not known here."""
    return answer["context"] if answer["answer_type"] == "span" and citation is answer["citation"] else None


def _entry(key: str, answer: Json, citation: Json, day: date) -> str:
    fields = {
        "title": _title(citation),
        "author": citation["author"],
        "publisher": citation["publisher"],
        "date": citation["published_at"],
        "url": citation["uri"],
        "urldate": day.isoformat(),
        "note": _quote(citation),
        "abstract": _sentence(answer, citation),
        "pages": _page(citation) or cited_place(citation),
        "annotation": _where(citation),
    }
    body = ",\n".join(f"  {name} = {{{_bibtex(value)}}}" for name, value in fields.items() if value)
    return f"@misc{{{key},\n{body}\n}}"


def _csl_item(key: str, answer: Json, citation: Json, day: date) -> dict[str, Any]:
    item = {
        "id": key,
        "type": "webpage" if citation["uri"] else "document",
        "title": _title(citation),
        "author": [{"literal": citation["author"]}] if citation["author"] else None,
        "publisher": citation["publisher"],
        "issued": _csl_date(citation["published_at"]) if citation["published_at"] else None,
        "accessed": _csl_date(day.isoformat()),
        "URL": citation["uri"],
        "language": citation["language"],
        "page": _page(citation) or None,
        "note": _quote(citation),
        "abstract": _sentence(answer, citation),
        "custom": {
            "document_id": citation["document_id"],
            **citation["document_offset"],
            "place": cited_place(citation),
            "content_sha256": citation["content_sha256"],
        },
    }
    return {name: value for name, value in item.items() if value is not None}


def _csl_date(text: str) -> dict[str, Any]:
    match = DATE.match(text)
    return {"date-parts": [[int(part) for part in match.groups() if part]]} if match else {"literal": text}


def _annotation(response: Json, key: str, citation: Json, created: str) -> dict[str, Any]:
    source = {
        "id": citation["uri"] or _hash_name(citation["content_sha256"]),
        "type": "Text",
        "language": citation["language"],
        "sha256": citation["content_sha256"],
    }
    return {
        "id": _urn(f"{response['response_id']}/{key}"),
        "type": "Annotation",
        "motivation": "highlighting",
        "created": created,
        "body": {"type": "TextualBody", "value": response["question"], "format": "text/plain", "purpose": "describing"},
        "target": {
            "type": "SpecificResource",
            "source": {name: value for name, value in source.items() if value is not None},
            "selector": citation["selector"],
        },
    }


def _urn(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


def _hash_name(sha256: str) -> str:
    """Return the RFC 6920 name of a text with this hash."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _inline(text: str) -> str:
    # Document text is text: nothing in it may become a heading, a link, an image or HTML.
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))


def _bibtex(text: str) -> str:
    escaped = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special = {character: f"\\{character}" for character in "&%$#_"}
    return "".join({**escaped, **special}.get(character, character) for character in " ".join(text.split()))
