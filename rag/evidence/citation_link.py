"""Makes links to quotations that find them again after a document has changed, and tells what became of each.

A link holds the words, the words beside them, their place and the first digits of the text's hash. It needs no saved
response.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from rag.answering.citation import cite
from rag.answering.recheck import Recheck, recheck
from rag.core.citations import Citation
from rag.core.errors import InvalidInput
from rag.core.types import Chunk, Document, Span
from rag.evidence.word_differences import Ranges, word_differences

if TYPE_CHECKING:
    from rag.answering.assistant import Assistant

MAX_LINKED_CHARACTERS = 1_000
"""Characters of a quotation that a link holds; of a longer one, the first."""
MAX_BESIDE_CHARACTERS = 100
LINKED_HASH_DIGITS = 16
MAX_LINKED_ID_CHARACTERS = 1_000
COPY_PASSAGES = 5
"""Passages whose documents are looked into if the document of a link is gone."""
LINK_REMEDY = "Copy the link again, from an answer of this page."


@dataclass(frozen=True)
class CitationLink:
    """A quotation at `start` of a document's text, and the words before and after it.

    `sha256` has the first digits of the hash of the text at that time; empty if it is not known.
    """

    document: str
    start: int
    quote: str
    prefix: str = ""
    suffix: str = ""
    sha256: str = ""

    def query(self) -> str:
        """Return the link as the query of an address.

        >>> CitationLink("a b.txt", 4, "It rained.", sha256="00").query()
        'document=a+b.txt&start=4&quote=It+rained.&sha256=00'
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in values.items() if value != ""})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def link_to(citation: Citation) -> CitationLink:
    """Return the link to a citation."""
    whole, cut = citation.quote[:MAX_LINKED_CHARACTERS], citation.quote[MAX_LINKED_CHARACTERS:]
    suffix = (cut + citation.suffix)[: len(citation.suffix)]
    span = citation.span
    return CitationLink(
        span.document_id, span.start, whole, citation.prefix, suffix, citation.content_sha256[:LINKED_HASH_DIGITS]
    )


def link_of(values: Mapping[str, str]) -> CitationLink:
    """Return the link that the parts of an address name. Raises InvalidInput if they name none."""
    document, quote, start = values.get("document", ""), values.get("quote", ""), values.get("start", "0")
    is_number = start.isascii() and start.isdigit() and len(start) < 16
    if not 0 < len(document) <= MAX_LINKED_ID_CHARACTERS or not 0 < len(quote) <= MAX_LINKED_CHARACTERS:
        given = f"a document of {len(document):,} characters and a quotation of {len(quote):,}"
        expected = f"1 to {MAX_LINKED_ID_CHARACTERS:,} and 1 to {MAX_LINKED_CHARACTERS:,}"
        raise InvalidInput(f"The link names {given}; expected are {expected}.", LINK_REMEDY)
    if not is_number:
        raise InvalidInput(f"The link has {start[:40]!r} for a place; a whole number is expected.", LINK_REMEDY)
    prefix, suffix = values.get("prefix", "")[-MAX_BESIDE_CHARACTERS:], values.get("suffix", "")[:MAX_BESIDE_CHARACTERS]
    return CitationLink(document, int(start), quote, prefix, suffix, values.get("sha256", "")[:64].lower())


def link_of_query(query: str) -> CitationLink:
    """Return the link of the query of an address. Raises InvalidInput.

    >>> link_of_query("document=a+b.txt&start=4&quote=It+rained.").document
    'a b.txt'
    """
    try:
        return link_of(dict(parse_qsl(query, max_num_fields=20)))
    except ValueError:
        raise InvalidInput("The link cannot be read.", LINK_REMEDY) from None


@dataclass(frozen=True)
class LinkFate:
    """What became of the quotation of a link; `now` cites the present words, None if they are gone.

    `removed` are ranges of the link's quotation, and `added` ranges of the present one, that differ.
    """

    link: CitationLink
    fate: Recheck
    document: Document | None = None
    now: Citation | None = None
    removed: Ranges = ()
    added: Ranges = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "status": self.fate.status,
            "then": self.link.to_dict(),
            "now": None if self.now is None else self.now.to_dict(),
            "removed": [{"start": start, "end": end} for start, end in self.removed],
            "added": [{"start": start, "end": end} for start, end in self.added],
            "diff": self.fate.diff,
        }


def follow(assistant: "Assistant", link: CitationLink) -> LinkFate:
    """Return what became of the quotation of a link in the documents as they are now.

    If its document is gone, the documents of the passages about its words are looked into.
    """
    document = assistant.index.document(link.document)
    fate = recheck(_saved(link, document), document)
    if fate.status == "gone":
        document, fate = next(_copies(assistant, link), (document, fate))
    if document is None or fate.span is None:
        return LinkFate(link, fate)
    now = _cited(assistant, document, fate.span)
    if fate.status != "changed":
        return LinkFate(link, fate, document, now)
    return LinkFate(link, fate, document, now, *_differences(link, now.quote))


def _saved(link: CitationLink, document: Document | None) -> dict[str, Any]:
    """Return a link as `recheck` takes a citation; the hash counts if its first digits are those of the text."""
    is_same = document is not None and bool(link.sha256) and document.text_sha256.startswith(link.sha256)
    return {
        "document_id": link.document,
        "document_offset": {"start": link.start},
        "selector": [{"exact": link.quote, "prefix": link.prefix, "suffix": link.suffix}],
        "content_sha256": document.text_sha256 if is_same and document is not None else None,
    }


def _copies(assistant: "Assistant", link: CitationLink) -> Iterator[tuple[Document, Recheck]]:
    """Yield other documents that hold the quotation word for word, best passage first."""
    passages = assistant.search(" ".join(link.quote.split()), COPY_PASSAGES)
    for document_id in dict.fromkeys(passage.citation.span.document_id for passage in passages):
        document = assistant.index.document(document_id)
        fate = recheck({**_saved(link, None), "document_id": document_id}, document)
        if document is not None and fate.status in ("exact", "moved"):
            yield document, Recheck("moved", document_id, fate.quote, fate.span, fate.line, place=fate.place)


def _cited(assistant: "Assistant", document: Document, span: Span) -> Citation:
    """Return the citation of a span, proven against the document."""
    chunks = assistant.index.chunks(document.id)
    chunk = next((chunk for chunk in chunks if chunk.span.overlaps(span)), None)
    return cite(document, chunk or Chunk(span, document.slice(span), document.title), span, 1)


def _differences(link: CitationLink, now: str) -> tuple[Ranges, Ranges]:
    """Return the words of the quotation that are gone, and those of the present words that are new.

    The words beside the quotation are compared too, because the present words are a whole sentence.
    """
    old, offset = link.prefix + link.quote + link.suffix, len(link.prefix)
    removed, added = word_differences(old, now)
    end = offset + len(link.quote)
    inside = ((max(low, offset) - offset, min(high, end) - offset) for low, high in removed)
    return tuple((low, high) for low, high in inside if low < high), added
