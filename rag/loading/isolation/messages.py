"""Frames the messages between the process of the index and the process that reads files.

A message is a JSON object with its length in front. Nothing else crosses: a file that takes over the reading process
can send texts, and no code.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rag.core.errors import EmptyDocument, LoadError, UnreadableSource, UnsupportedFormat
from rag.core.files.safe_json import json_value
from rag.core.types import Document, Layout, tuples
from rag.loading.sources import MAX_FILE_BYTES

MAX_MESSAGE_BYTES = 16 * MAX_FILE_BYTES
"""Bytes of one message: a text of the longest kind, and where its blocks stand."""
LENGTH_BYTES = 8
_ERRORS = {kind.__name__: kind for kind in (LoadError, UnsupportedFormat, UnreadableSource, EmptyDocument)}


def message_bytes(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message."""
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def message_of(data: bytes) -> dict[str, Any]:
    """Return the message. Raises ValueError if the bytes are no JSON object."""
    message = json_value(data.decode("utf-8", "surrogatepass"))
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message


def item_message(item: Document | LoadError) -> dict[str, Any]:
    """Return the message of a document or an error."""
    if isinstance(item, LoadError):
        kind = type(item).__name__ if type(item).__name__ in _ERRORS else LoadError.__name__
        return {"error": kind, "message": item.message, "remedy": item.remedy}
    fields = {name: getattr(item, name) for name in Document.__dataclass_fields__ if name != "layout"}
    return {"document": {**fields, "metadata": dict(item.metadata), "layout": asdict(item.layout)}}


def item_of(message: Mapping[str, Any]) -> Document | LoadError:
    """Return the document or the error of a message. Raises LookupError, TypeError or ValueError."""
    if "error" in message:
        return _ERRORS[message["error"]](str(message["message"]), str(message["remedy"]))
    fields = dict(message["document"])
    layout = Layout(**{name: tuples(value) for name, value in fields.pop("layout").items()})
    return Document(**fields, layout=layout)
