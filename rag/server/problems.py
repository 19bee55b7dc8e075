"""Says what went wrong as RFC 9457 problem+json, with the names, messages and remedies of `rag.core.errors`.

{"type": "urn:pincite:error:InvalidQuestion", "title": "The question is not text that can be asked.", "status": 422,
 "error": "InvalidQuestion", "detail": "The question has 3,000 characters, …", "remedy": "Ask in fewer words, …"}

What is wrong with a request as such has the phrase of its HTTP status for a name: `NotFound`, `ContentTooLarge`.
"""

import inspect
import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from rag.core.errors import (
    EvaluationError,
    IndexProblem,
    InvalidFilter,
    InvalidInput,
    LoadError,
    ModelNotAvailable,
    RagError,
)

MEDIA_TYPE = "application/problem+json"
STATUS: tuple[tuple[type[RagError], int], ...] = (
    (InvalidFilter, 409),
    (EvaluationError, 409),
    (InvalidInput, 422),
    (LoadError, 422),
    (IndexProblem, 503),
    (ModelNotAvailable, 503),
    (RagError, 500),
)
"""HTTP status of each error; the first kind that fits counts.

409 is for a well-formed request that does not fit the index as it is: a key that no document has, a precision that its
calibration never reached. Another index, or this one after a write, may take the same request.
"""
PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Which newer versions of Python have, and older ones call otherwise."""
AGAIN_AFTER_SECONDS = 5
"""When a client may try again what failed for a reason that passes."""


@dataclass(frozen=True)
class Problem:
    """What was wrong with one request, and what to do about it."""

    status: int
    error: str
    detail: str
    remedy: str
    title: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "type": f"urn:pincite:error:{self.error}",
            "title": self.title or phrase_of(self.status),
            "status": self.status,
            "error": self.error,
            "detail": self.detail,
            "remedy": self.remedy,
        }

    def to_bytes(self) -> bytes:
        """Return the JSON text in ASCII: it repeats the text of a client, even if no encoding can hold that."""
        return json.dumps(self.to_dict()).encode()


class Refused(Exception):
    """A request that is not carried out; holds the problem to answer with."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.detail)
        self.problem = problem


def refused(status: int, detail: str, remedy: str, headers: Mapping[str, str] | None = None) -> Refused:
    """Return the refusal of a request as such, named after its HTTP status."""
    return Refused(Problem(status, name_of(status), detail, remedy, "", headers or {}))


def name_of(status: int) -> str:
    """Return the name of an HTTP status as an error: `NotFound` for 404."""
    return "".join(word.capitalize() for word in phrase_of(status).replace("-", " ").split())


def phrase_of(status: int) -> str:
    """Return what RFC 9110 calls an HTTP status."""
    return PHRASES.get(status) or HTTPStatus(status).phrase


def problem_of(error: RagError) -> Problem:
    """Return the problem that stands for an error of the package."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    title = (inspect.getdoc(type(error)) or "").partition("\n")[0]
    headers = {"retry-after": str(AGAIN_AFTER_SECONDS)} if status == 503 else {}
    return Problem(status, type(error).__name__, error.message, error.remedy, title, headers)


OPENAPI_REMEDY = "See /v1/openapi.json for what is expected."


def invalid_request(errors: Sequence[Mapping[str, Any]], remedy: str = OPENAPI_REMEDY) -> Problem:
    """Return the problem of a request that does not match its description; it does not repeat the client's values."""
    details = "; ".join(f"{'.'.join(map(str, error.get('loc', ())))}: {error.get('msg', '')}" for error in errors[:5])
    return Problem(422, "InvalidInput", f"The request cannot be used: {details}.", remedy, InvalidInput.__doc__ or "")


def unexpected() -> Problem:
    """Return the problem of an error of the program itself; the reason is in the log, not in the answer."""
    remedy = "Report this as a bug, with the request id."
    return Problem(500, name_of(500), "The program failed; the reason is in its log.", remedy)


def places_of(error: Exception) -> str:
    """Return kind and places of an error for the log, without its words: they could be a visitor's."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
