"""Describes the results of the service as JSON Schema: the published one of responses, and those of the rest."""

import json
from functools import cache
from pathlib import Path
from typing import Any

RESPONSE_SCHEMA = Path(__file__).parents[2] / "response.schema.json"
TEXT: dict[str, Any] = {"type": "string"}
MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
SHA256: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def record_schema(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object of these parts and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(of: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


@cache
def published() -> dict[str, Any]:
    """Return the published schema of a response."""
    content: dict[str, Any] = json.loads(RESPONSE_SCHEMA.read_text(encoding="utf-8"))
    return content


SUMMARY = record_schema(
    {"id": TEXT, "title": MAYBE_TEXT, "source_path": MAYBE_TEXT, "length": COUNT, "chunks": COUNT,
     "text_sha256": SHA256, "masked": {"type": "object", "additionalProperties": COUNT}, "left_out": MAYBE_TEXT}
)  # fmt: skip
DOCUMENTS = record_schema({"documents": array(SUMMARY), "total": COUNT, "next": MAYBE_TEXT})
DOCUMENT = record_schema(
    {
        "id": TEXT, "title": MAYBE_TEXT, "format": TEXT, "source_path": MAYBE_TEXT, "length": COUNT,
        "text_sha256": SHA256, "metadata": {"type": "object"},
        "masks": array(record_schema({"start": COUNT, "end": COUNT, "reason": TEXT})),
    }
)  # fmt: skip
SLICE = record_schema({"document_id": TEXT, "start": COUNT, "end": COUNT, "text": TEXT, "content_sha256": SHA256})
SHARE = {"type": "number"}
BOXES = record_schema(
    {
        "document_id": TEXT, "start": COUNT, "end": COUNT, "page_count": COUNT,
        "pages": array(
            record_schema(
                {
                    "page_number": COUNT, "page_label": MAYBE_TEXT, "width": SHARE, "height": SHARE,
                    "boxes": {
                        "type": ["array", "null"],
                        "items": record_schema({"left": SHARE, "top": SHARE, "width": SHARE, "height": SHARE}),
                    },
                }
            )
        ),
        "source_sha256": SHA256,
    }
)  # fmt: skip
REPORT = record_schema(
    {
        **dict.fromkeys(("added", "updated", "unchanged", "removed"), TEXTS),
        "duplicates": array(record_schema({"id": TEXT, "equals": TEXTS})),
        "near_duplicates": array(record_schema({"id": TEXT, "alike": TEXTS})),
        "failed": array(record_schema({"source": TEXT, "reason": TEXT})),
    }
)
OFFSET = record_schema({"start": COUNT, "end": COUNT})
RECHECKED = record_schema(
    {
        "status": {"enum": ["exact", "moved", "changed", "gone"]}, "document_id": TEXT, "quote": TEXT,
        "document_offset": {"oneOf": [OFFSET, {"type": "null"}]}, "line_start": {"type": ["integer", "null"]},
        "nearest": MAYBE_TEXT, "diff": MAYBE_TEXT, "source_file": {"type": "null"},
    }
)  # fmt: skip
VERIFIED = record_schema({"citations": array(RECHECKED), "sound": {"type": "boolean"}})
QUOTE = record_schema(
    {
        "document_id": TEXT, "quote": TEXT, "verbatim": {"type": "boolean"},
        "places": array(record_schema({"start": COUNT, "end": COUNT, "line_start": COUNT, "line_end": COUNT})),
        "content_sha256": SHA256, "nearest": MAYBE_TEXT, "diff": MAYBE_TEXT,
    }
)  # fmt: skip
STATE = record_schema({"status": {"enum": ["alive", "ready"]}})
FACETS = record_schema(
    {"facets": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": COUNT}}}
)
FEEDBACK = record_schema(
    {
        "schema": TEXT, "given_at": TEXT, "verdict": TEXT, "question": TEXT, "response_id": TEXT, "rank": COUNT,
        "confidence": {"type": "number"}, "features": {"type": "object"}, "quote": TEXT, "document_id": TEXT,
        "start": COUNT, "end": COUNT, "content_sha256": SHA256, "index_fingerprint": TEXT,
    }
)  # fmt: skip
_CITED = {
    "type": "object",
    "properties": {
        "document_id": TEXT,
        "document_offset": {"type": "object", "properties": {"start": COUNT}, "required": ["start"]},
        "selector": {
            "type": "array", "minItems": 1,
            "prefixItems": [
                {
                    "type": "object", "required": ["exact", "prefix", "suffix"],
                    "properties": {"exact": {"type": "string", "minLength": 1}, "prefix": TEXT, "suffix": TEXT},
                }
            ],
        },
    },
    "required": ["document_id", "document_offset", "selector"],
}  # fmt: skip
_ANSWERS = array(
    {"type": "object", "properties": {"citation": _CITED, "also_in": array(_CITED)}, "required": ["citation"]}
)
_RESPONSE = {"type": "object", "properties": {"answers": _ANSWERS}, "required": ["answers"]}
_EVIDENCE = {
    "type": "object", "properties": {"read_on": TEXT, "response": _RESPONSE}, "required": ["read_on", "response"],
}  # fmt: skip
SAVED = {"anyOf": [_RESPONSE, _EVIDENCE]}
"""What is needed of a saved response to verify it; anything else in it is left alone."""
PROBLEM = record_schema(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "error": TEXT, "detail": TEXT, "remedy": TEXT}
)

LINES = array({"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Response", "Problem")]})
"""The lines of a batch, in order."""


def index_info() -> dict[str, Any]:
    """Return the schema of the index part of a response."""
    schema: dict[str, Any] = published()["properties"]["index"]
    return schema


def stats() -> dict[str, Any]:
    """Return the schema of `/v1/stats`."""
    return record_schema(
        {"package": TEXT, "index": index_info(), "settings": {"type": "object"}, "threshold": {"type": "number"}}
    )


def passages(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the result of a search; `answer` is that of an answer."""
    return record_schema({"query": TEXT, "passages": array(answer), "index": index_info()})


def with_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that stands alone: with the definitions that the published one refers to."""
    return {**schema, "$defs": published()["$defs"]}


def components() -> dict[str, Any]:
    """Return all of them by name for OpenAPI, where definitions stand in another place."""
    response = {name: part for name, part in published().items() if name not in ("$schema", "$defs")}
    schemas = {
        "Response": response, **published()["$defs"], "Lines": LINES, "Passages": passages({"$ref": "#/$defs/answer"}),
        "Documents": DOCUMENTS, "Document": DOCUMENT, "Slice": SLICE, "Boxes": BOXES, "Report": REPORT,
        "Verified": VERIFIED, "Feedback": FEEDBACK, "State": STATE, "Figures": TEXT, "Facets": FACETS, "Stats": stats(),
        "Problem": PROBLEM,
    }  # fmt: skip
    text = json.dumps(schemas).replace('"#/$defs/', '"#/components/schemas/')
    moved: dict[str, Any] = json.loads(text)
    return moved
