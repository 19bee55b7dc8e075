"""Writes the page of an evidence pack: it opens offline, runs no script, and fetches nothing.

Pictures are inside the page, and a Content-Security-Policy forbids everything else.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag.core.presentation.export import cited_place
from rag.evidence.passages import Passage, Picture

OFFLINE_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d1d1f; }
blockquote { margin: 1rem 0; padding: .5rem 1rem; border-left: .25rem solid #767676; white-space: pre-wrap; }
blockquote, dd { overflow-wrap: anywhere; }
mark { background: #ffe282; color: inherit; }
dt { font-weight: 600; }
dd { margin: 0 0 .25rem; }
img { max-width: 100%; border: 1px solid #767676; }
section { border-top: 1px solid #767676; }
"""
OFFLINE_POLICY = "default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
HOW_TO_CHECK = (
    "To check the pack without Pincite, run python verify.py PACK.zip with the script that lies beside this page, or"
    " with one that you trust more. It names the public key; compare it with the one that the signer gave you."
)
Json = Mapping[str, Any]


def offline_page(manifest: Json, answered: Sequence[tuple[Json, Sequence[Passage]]]) -> bytes:
    """Return the HTML page of responses and their passages; `manifest` has time, index and key."""
    digest = base64.b64encode(hashlib.sha256(OFFLINE_STYLE.encode()).digest()).decode()
    title = f"Evidence of {len(answered)} {'answer' if len(answered) == 1 else 'answers'}"
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_escaped(OFFLINE_POLICY.format(digest=digest))}">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title><style>{OFFLINE_STYLE}</style></head>",
        f"<body><main><h1>{title}</h1>",
        "<p>Each marked text stands word for word in its source.</p>",
        _facts(_pack_facts(manifest)),
        f"<p>{HOW_TO_CHECK}</p>",
        *(section_of(response, passages) for response, passages in answered),
        "</main></body></html>\n",
    ]
    return "\n".join(parts).encode("utf-8")


def _pack_facts(manifest: Json) -> dict[str, str]:
    index = manifest["index"]
    return {
        "Made at": manifest["made_at"],
        "Index": f"{index['fingerprint']}, version {index['version']}, {index['documents']:,} documents",
        "Public key": manifest["key"] or "none: this pack is not signed",
    }


def section_of(response: Json, passages: Sequence[Passage]) -> str:
    """Return the part of the page for one response."""
    return "\n".join(_section_lines(response, passages))


def _section_lines(response: Json, passages: Sequence[Passage]) -> Iterator[str]:
    yield f"<section><h2>{_isolated(response['question'])}</h2>"
    if response["no_answer"] is not None:
        yield f"<p>No answer: {_isolated(response['no_answer']['message'])}</p>"
    if response["agreement"].get("differ"):
        yield "<p>The sources differ.</p>"
    for passage in passages:
        yield from _passage(passage)
    yield "</section>"


def _passage(passage: Passage) -> Iterator[str]:
    answer, (start, end), text = passage.answer, passage.quote, passage.text
    unsure = "possible answer, unsure, " if answer.get("doubts") else ""
    yield f"<h3>[{answer['rank']}] {unsure}confidence {answer['confidence']:.2f}</h3>"
    quoted = f"{_escaped(text[:start])}<mark>{_escaped(text[start:end])}</mark>{_escaped(text[end:])}"
    yield f'<blockquote dir="auto">{quoted}</blockquote>'
    yield _facts(_passage_facts(passage))
    yield from (_figure(picture) for picture in passage.pictures)
    if passage.pages_note:
        yield f"<p>No picture of the page: {_isolated(passage.pages_note)}</p>"


def _passage_facts(passage: Passage) -> dict[str, str]:
    citation, document, offset = passage.citation, passage.document, passage.citation["document_offset"]
    facts = {
        "Source": citation["title"] or document.id,
        "By": ", ".join(filter(None, (citation.get(key) for key in ("author", "publisher", "published_at")))),
        "Address": citation["uri"],
        "Document": document.id,
        "Place": f"{cited_place(citation)}; characters {offset['start']:,} to {offset['end']:,}",
        "sha256 of the text": document.text_sha256,
        "sha256 of the file": document.source_sha256,
    }
    return {name: value for name, value in facts.items() if value}


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    note = "" if picture.boxed else "; the words could not be boxed"
    label = f"Page {picture.page_number:,} of the original{note}"
    return f'<figure><img alt="{label}" src="data:image/png;base64,{data}"><figcaption>{label}</figcaption></figure>'


def _facts(facts: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{_isolated(value)}</dd>' for name, value in facts.items())}</dl>"


def _isolated(text: str) -> str:
    return f"<bdi>{_escaped(text)}</bdi>"


def _escaped(text: str) -> str:
    # A browser reads a bare CR as LF, and HTML cannot hold the other control characters.
    return _UNSHOWN.sub("\ufffd", html.escape(text)).replace("\r", "&#13;")
