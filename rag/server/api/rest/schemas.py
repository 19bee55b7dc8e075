"""Describes the results of the service as JSON Schema: the published one of responses, and those of the rest."""

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

from rag.server.api.rest.file_form import MAX_FILES_OF_REQUEST
from rag.server.api.rest.requests import FILTER_PARTS
from rag.standing.records import EventKind

RESPONSE_SCHEMA = Path(__file__).parents[3] / "response.schema.json"
PROOF_SCHEMA = RESPONSE_SCHEMA.with_name("proof.schema.json")
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
JOB_STATES = ["waiting", "running", "done", "failed"]
JOB_FILE = record_schema(
    {
        "name": TEXT, "bytes": COUNT, "outcome": {"enum": [*JOB_STATES, "added", "updated", "unchanged"]},
        "stored_as": MAYBE_TEXT, "documents": COUNT, "document_ids": TEXTS,
        "problems": array(record_schema({"source": TEXT, "reason": TEXT})),
    }
)  # fmt: skip
JOB_PROGRESS = record_schema(
    {"name": TEXT, "done": COUNT, "total": COUNT, "documents": COUNT, "seconds": {"type": "number"},
     "seconds_left": {"type": ["number", "null"]}}
)  # fmt: skip
JOB = record_schema(
    {
        "id": TEXT, "status": {"enum": JOB_STATES}, "created_at": TEXT, "finished_at": MAYBE_TEXT,
        "files": array({"$ref": "#/$defs/JobFile"}),
        "progress": {"anyOf": [{"$ref": "#/$defs/JobProgress"}, {"type": "null"}]},
        "report": {"anyOf": [{"$ref": "#/$defs/Report"}, {"type": "null"}]},
        "problem": {"anyOf": [{"$ref": "#/$defs/Problem"}, {"type": "null"}]},
    }
)  # fmt: skip
FILES_FORM = record_schema(
    {
        "files": {
            "type": "array", "minItems": 1, "maxItems": MAX_FILES_OF_REQUEST,
            "items": {"type": "string", "format": "binary"},
            "description": "PDF, DOCX and all other formats that `rag index` reads.",
        }
    }
)  # fmt: skip
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
SAVED_PARTS: dict[str, dict[str, Any]] = {
    "SavedQuote": {
        "type": "object", "required": ["exact", "prefix", "suffix"],
        "properties": {"exact": {"type": "string", "minLength": 1}, "prefix": TEXT, "suffix": TEXT},
    },
    "SavedPosition": {"type": "object", "properties": {"start": COUNT, "end": COUNT}},
    "SavedCitation": {
        "type": "object", "required": ["document_id", "document_offset", "selector"],
        "properties": {
            "document_id": TEXT,
            "document_offset": {"type": "object", "properties": {"start": COUNT}, "required": ["start"]},
            "selector": {
                "type": "array", "minItems": 1,
                "prefixItems": [{"$ref": "#/$defs/SavedQuote"}, {"$ref": "#/$defs/SavedPosition"}],
            },
        },
    },
    "SavedAnswer": {
        "type": "object", "required": ["citation"],
        "properties": {
            "citation": {"$ref": "#/$defs/SavedCitation"}, "also_in": array({"$ref": "#/$defs/SavedCitation"}),
        },
    },
    "SavedResponse": {
        "type": "object", "required": ["answers"], "properties": {"answers": array({"$ref": "#/$defs/SavedAnswer"})},
    },
    "SavedEvidence": {
        "type": "object", "required": ["read_on", "response"],
        "properties": {"read_on": TEXT, "response": {"$ref": "#/$defs/SavedResponse"}},
    },
}  # fmt: skip
SAVED = {"anyOf": [{"$ref": "#/components/schemas/SavedResponse"}, {"$ref": "#/components/schemas/SavedEvidence"}]}
"""What is needed of a saved response to verify it; anything else in it is left alone."""
_QUOTATION = {"$ref": "#/$defs/StandingQuotation"}
_EVENT = {
    "at": TEXT, "kind": {"enum": list(get_args(EventKind))}, "before": {"anyOf": [_QUOTATION, {"type": "null"}]},
    "after": {"anyOf": [_QUOTATION, {"type": "null"}]}, "index_version": COUNT, "index_fingerprint": TEXT,
}  # fmt: skip
STANDING_PARTS: dict[str, dict[str, Any]] = {
    "StandingQuotation": record_schema(
        {
            "document_id": TEXT, "title": MAYBE_TEXT, "published_at": MAYBE_TEXT, "text_sha256": SHA256,
            "sentence": TEXT, "start": COUNT, "answer_start": COUNT, "answer_end": COUNT, "prefix": TEXT,
            "suffix": TEXT,
        }
    ),
    "StandingEvent": record_schema(_EVENT),
    "StandingQuestion": record_schema(
        {
            "id": TEXT, "text": TEXT, "filters": {"type": ["object", "null"]}, "added_at": TEXT, "confirmed_at": TEXT,
            "answers": array(_QUOTATION), "read": TEXTS, "history": array({"$ref": "#/$defs/StandingEvent"}),
        }
    ),
    "StandingList": record_schema({"questions": array({"$ref": "#/$defs/StandingQuestion"}), "checked_at": MAYBE_TEXT}),
    "StandingReportEvent": record_schema({"question_id": TEXT, "question": TEXT, **_EVENT}),
    "StandingReport": record_schema(
        {
            "questions": COUNT, "asked": COUNT, "alarms": COUNT, "not_told": TEXTS,
            "events": array({"$ref": "#/$defs/StandingReportEvent"}),
        }
    ),
    "StandingFeed": TEXT,
    "EvidencePack": {"type": "string", "format": "binary"},
}  # fmt: skip
"""The parts of standing questions and evidence by name, so that client generators make one type of each."""


@cache
def proof_schema() -> dict[str, Any]:
    """Return the published schema of a proof."""
    content: dict[str, Any] = json.loads(PROOF_SCHEMA.read_text(encoding="utf-8"))
    return content


def proof_parts() -> dict[str, dict[str, Any]]:
    """Return the parts of proofs by name; citations and offsets are those of responses."""
    schema = proof_schema()
    report = {name: part for name, part in schema.items() if name not in ("$schema", "$defs", "title")}
    own = {name: schema["$defs"][name] for name in ("proof_finding", "proof_source")}
    return {"ProofReport": report, **own, **PROOF_PARTS}


PROOF_PARTS: dict[str, dict[str, Any]] = {
    "ProofJob": record_schema(
        {
            "id": TEXT, "name": TEXT, "status": {"enum": JOB_STATES}, "created_at": TEXT, "finished_at": MAYBE_TEXT,
            "progress": record_schema({"done": COUNT, "total": COUNT}),
            "report": {"anyOf": [{"$ref": "#/$defs/ProofReport"}, {"type": "null"}]},
            "problem": {"anyOf": [{"$ref": "#/$defs/Problem"}, {"type": "null"}]},
        }
    ),
    "ProofForm": record_schema(
        {
            "files": {
                "type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string", "format": "binary"},
                "description": "One draft: Markdown, text, HTML, DOCX or another format that `rag index` reads.",
            }
        }
    ),
    "ProofFile": {"type": "string", "format": "binary"},
}  # fmt: skip
CITATION_FATE = record_schema(
    {
        "status": {"enum": ["exact", "moved", "changed", "gone"]},
        "then": record_schema(
            {"document": TEXT, "start": COUNT, "quote": TEXT, "prefix": TEXT, "suffix": TEXT, "sha256": TEXT}
        ),
        "now": {"anyOf": [{"$ref": "#/$defs/citation"}, {"type": "null"}]},
        "removed": array({"$ref": "#/$defs/offset"}), "added": array({"$ref": "#/$defs/offset"}), "diff": MAYBE_TEXT,
        "link": TEXT,
    }
)  # fmt: skip
PROBLEM = record_schema(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "error": TEXT, "detail": TEXT, "remedy": TEXT}
)

LINES = array({"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("AskResponse", "Problem")]})
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
    """Return all of them by name for OpenAPI, where definitions stand in another place.

    The published schema says by `oneOf` that a response has either answers or a no-answer. Client generators would make
    two types of that, so it is left out here. The name `Response` would collide with one of their own.
    """
    response = {name: part for name, part in published().items() if name not in ("$schema", "$defs", "title", "oneOf")}
    schemas = {
        "AskResponse": response, **published()["$defs"], **SAVED_PARTS, **FILTER_PARTS, "FilesForm": FILES_FORM,
        "Lines": LINES, "Passages": passages({"$ref": "#/$defs/answer"}), "Documents": DOCUMENTS, "Document": DOCUMENT,
        "Slice": SLICE, "Boxes": BOXES, "Report": REPORT, "Job": JOB, "JobFile": JOB_FILE,
        "JobProgress": JOB_PROGRESS, "Verified": VERIFIED, "Feedback": FEEDBACK, "State": STATE, "Figures": TEXT,
        "Facets": FACETS, "Stats": stats(), "Problem": PROBLEM, **STANDING_PARTS, **proof_parts(),
        "CitationFate": CITATION_FATE,
    }  # fmt: skip
    text = json.dumps(schemas).replace('"#/$defs/', '"#/components/schemas/')
    moved: dict[str, Any] = json.loads(text)
    return moved
