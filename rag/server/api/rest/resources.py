"""Shows documents and their ranges as resources of MCP, at addresses such as `pincite://documents/a.txt?start=4&end=9`.

An address may hold the words of a quotation too: it then finds them again after the document has changed.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import mcp_types as types

from rag.core.errors import InvalidInput
from rag.evidence.citation_link import LINKED_HASH_DIGITS, MAX_LINKED_CHARACTERS, CitationLink, link_of
from rag.server.api.mcp.tool_results import MAX_PART_CHARACTERS, short_text
from rag.server.api.rest.handlers import Handlers
from rag.server.problems import refused

RESOURCE_SCHEME, RESOURCE_HOST = "pincite", "documents"
MAX_LISTED_RESOURCES = 100
TEMPLATE = "pincite://documents/{document_id}{?start,end,quote,prefix,suffix,sha256}"
QUOTED_PARTS = ("quote", "prefix", "suffix", "sha256")
RESOURCE_REMEDY = (
    "Use an address of resources/list, or pincite://documents/ID?start=0&end=500 with the id percent-encoded."
)


@dataclass(frozen=True)
class DocumentRange:
    """A document, or a range of its text in code points; `link` has the words that stood there."""

    document_id: str
    start: int = 0
    end: int | None = None
    link: CitationLink | None = None

    @property
    def uri(self) -> str:
        """Return the address.

        >>> DocumentRange("a b/c.txt", 4, 9).uri
        'pincite://documents/a%20b%2Fc.txt?start=4&end=9'
        """
        address = f"{RESOURCE_SCHEME}://{RESOURCE_HOST}/{quote(self.document_id, safe='')}"
        if self.end is None:
            return address
        words = {name: getattr(self.link, name) for name in QUOTED_PARTS} if self.link else {}
        named = {name: value for name, value in words.items() if value}
        return f"{address}?{urlencode({'start': self.start, 'end': self.end, **named})}"


def range_of(uri: str) -> DocumentRange:
    """Return what an address names. Raises InvalidInput.

    >>> range_of("pincite://documents/a%20b%2Fc.txt?start=4&end=9")
    DocumentRange(document_id='a b/c.txt', start=4, end=9, link=None)
    """
    try:
        parts = urlsplit(uri)
        texts = {key: found[0] for key, found in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        values = {key: int(text) for key, text in texts.items() if key not in QUOTED_PARTS}
    except ValueError:
        raise InvalidInput("The address cannot be read.", RESOURCE_REMEDY) from None
    document_id = unquote(parts.path.removeprefix("/"))
    offsets = values.get("start", 0), values.get("end", 0)
    if (parts.scheme, parts.netloc) != (RESOURCE_SCHEME, RESOURCE_HOST) or not document_id or min(offsets) < 0:
        raise InvalidInput("The address is none of a document.", RESOURCE_REMEDY)
    named = {"document": document_id, "start": str(offsets[0]), **texts}
    return DocumentRange(document_id, offsets[0], values.get("end"), link_of(named) if "quote" in texts else None)


def listed_resources(handlers: Handlers, after: str) -> types.ListResourcesResult:
    """Return the documents from the first one after `after` on, as resources."""
    page = handlers.documents(after, MAX_LISTED_RESOURCES)
    resources = [
        types.Resource(
            uri=DocumentRange(item["id"]).uri,
            name=item["id"],
            title=item["title"],
            mime_type="text/plain",
        )
        for item in page["documents"]
    ]
    return types.ListResourcesResult(resources=resources, next_cursor=page["next"])


def resource_templates() -> types.ListResourceTemplatesResult:
    """Return the form of addresses of ranges."""
    template = types.ResourceTemplate(
        uri_template=TEMPLATE,
        name="document",
        description="The stored text of a document, or a range of it; offsets are half-open, in code points.",
        mime_type="text/plain",
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


def read_resource(handlers: Handlers, uri: str) -> types.ReadResourceResult:
    """Return the text at an address; `next` in its metadata is the address to go on from, if it is longer than allowed.

    Raises InvalidInput for an address of another kind, Refused if there is no such document or range.
    """
    asked = range_of(uri)
    if asked.link is not None:
        return _followed(handlers, uri, asked.link)
    part = text_part(handlers, asked.document_id, asked.start, asked.end)
    following = (
        None if part["next"] is None else DocumentRange(asked.document_id, part["next"], asked.end or part["length"])
    )
    meta = None if following is None else {"next": following.uri}
    contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text=part["text"], _meta=meta)
    return types.ReadResourceResult(contents=[contents])


def _followed(handlers: Handlers, uri: str, link: CitationLink) -> types.ReadResourceResult:
    """Return the words of a quotation as they are now; its metadata says if they moved or changed, and from what.

    Raises Refused if they are gone.
    """
    fate = handlers.located(link)
    now = fate["now"]
    if now is None:
        raise refused(404, "The quotation is no longer in the documents.", "Search for its words.")
    offset = now["document_offset"]
    meta = {"status": fate["status"], "then": link.quote, "document_id": now["document_id"], "start": offset["start"]}
    text = now["selector"][0]["exact"]
    contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text=text, _meta=meta)
    return types.ReadResourceResult(contents=[contents])


def text_part(handlers: Handlers, document_id: str, start: int, end: int | None) -> dict[str, Any]:
    """Return a range of a document as far as it fits into a result, and `next`, the offset to go on from.

    Raises Refused if there is no such document or range.
    """
    length = handlers.document(document_id)["length"]
    until = length if end is None else end
    part = short_text(handlers.text(document_id, start, max(start, min(until, start + MAX_PART_CHARACTERS))))
    return {**part, "length": length, "next": part["end"] if part["end"] < until else None}


def answer_links(content: dict[str, Any], page: str | None) -> list[types.ResourceLink]:
    """Return a link to each quotation of a response or a search; `page` is the address that opens it on the page."""
    answers = content.get("answers") or content.get("passages") or []
    return [_link(answer["citation"], answer["rank"], page) for answer in answers]


def _link(citation: dict[str, Any], rank: int, page: str | None) -> types.ResourceLink:
    offset = citation["document_offset"]
    lines = f"lines {citation['line_start']}-{citation['line_end']}"
    opened = f"; on the page: {page}&show=answers/{rank}/0" if page else ""
    return types.ResourceLink(
        type="resource_link",
        uri=DocumentRange(citation["document_id"], offset["start"], offset["end"], _words_of(citation)).uri,
        name=f"Quotation {rank}",
        description=f"{citation['document_id']}, {lines}{opened}",
        mime_type="text/plain",
    )


def _words_of(citation: dict[str, Any]) -> CitationLink | None:
    """Return the words of a citation, None if they are too many for an address."""
    quoted = citation["selector"][0]
    if len(quoted["exact"]) > MAX_LINKED_CHARACTERS:
        return None
    start, sha256 = citation["document_offset"]["start"], citation["content_sha256"][:LINKED_HASH_DIGITS]
    return CitationLink(citation["document_id"], start, quoted["exact"], quoted["prefix"], quoted["suffix"], sha256)
