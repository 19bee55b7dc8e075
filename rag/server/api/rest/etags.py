"""Answers conditional requests: a client that has a document, a text or a page already gets 304 instead of it."""

import hashlib

from fastapi import Request
from fastapi.responses import Response

REVALIDATE = "private, no-cache"
"""A client may keep what it got, and asks each time whether it is still so: a write may have changed it."""


def entity_tag(content: bytes) -> str:
    """Return the strong entity tag of a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_current(request: Request, tag: str) -> bool:
    """Tell whether the client has the content with this tag.

    RFC 9110 compares weakly here, so the W/ that a compressing proxy puts before a tag is passed over.
    """
    tags = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    return tag in tags or tags == ["*"]


def conditional(request: Request, content: bytes, media_type: str = "application/json") -> Response:
    """Return the content with its entity tag, or 304 if the client has it."""
    tag = entity_tag(content)
    return not_modified(tag) if is_current(request, tag) else tagged(content, media_type, tag)


def tagged(content: bytes, media_type: str, tag: str) -> Response:
    """Return the content with an entity tag."""
    return Response(content, media_type=media_type, headers=_headers(tag))


def not_modified(tag: str) -> Response:
    """Return the answer that says that the client has the content."""
    return Response(status_code=304, headers=_headers(tag))


def _headers(tag: str) -> dict[str, str]:
    return {"etag": tag, "cache-control": REVALIDATE}
