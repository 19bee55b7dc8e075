"""Writes and reads JSON objects that hold the hash of their own content, so that damage is noticed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rag.core.files.safe_json import json_value


def content_sha256(content: Mapping[str, Any]) -> str:
    """Return the hash of the content of a JSON object, which the object stores as `sha256`."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def hashed_json(content: Mapping[str, Any], indent: int) -> bytes:
    """Return the JSON text of `content` and its hash."""
    return json.dumps({**content, "sha256": content_sha256(content)}, indent=indent).encode("ascii") + b"\n"


def hashed_content(text: str) -> dict[str, Any]:
    """Return the content of a `hashed_json`. Raises ValueError if it is none or its hash differs."""
    content = json_value(text)
    if not isinstance(content, dict) or "sha256" not in content:
        raise ValueError("it has no hash of its own")
    if content.pop("sha256") != content_sha256(content):
        raise ValueError("its own hash differs")
    return content
