"""Keeps what readers say of answers, on this machine only: one JSON object a line, in `feedback.jsonl` of the index.

{"schema": "pincite-feedback-1", "given_at": "2026-11-22T10:00:00+00:00", "verdict": "right", "question": "…",
 "response_id": "r_…", "rank": 1, "confidence": 0.83, "features": {"overlap": 1.2, …}, "quote": "…",
 "document_id": "…", "start": 1034, "end": 1050, "content_sha256": "…", "index_fingerprint": "sha256:…"}

`features` are the figures of `Calibration.features`, so a line whose rank is 1 is an example to fit the confidence on:
right where `verdict` is `right`, its group the document. A later line of the same response, rank and document replaces
an earlier one: a reader may think again.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.answering.explanation import features_of
from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import append_line
from rag.core.files.safe_json import json_value
from rag.core.response import Response
from rag.index.location import require_folder
from rag.index.storage.manifest import FEEDBACK

FEEDBACK_SCHEMA = "pincite-feedback-1"
VERDICTS = {
    "right": "Right",
    "wrong_place": "Wrong place",
    "not_an_answer": "Not an answer",
    "boilerplate": "Boilerplate",
    "outdated": "Outdated",
}
"""What a reader may say of an answer, with the words on the buttons."""


def feedback_record(response: Response, rank: int, verdict: str) -> dict[str, Any]:
    """Return the line for one verdict. Raises InvalidInput for a verdict or an answer that there is not."""
    answer = next((answer for answer in response.answers if answer.rank == rank), None)
    if verdict not in VERDICTS or answer is None:
        raise InvalidInput(f"There is no answer {rank} to call {verdict!r}.", f"Verdicts: {', '.join(VERDICTS)}.")
    citation = answer.citation
    return {
        "schema": FEEDBACK_SCHEMA,
        "given_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": verdict,
        "question": response.question,
        "response_id": response.response_id,
        "rank": rank,
        "confidence": answer.confidence,
        "features": dict(features_of(response, answer)),
        "quote": citation.quote,
        "document_id": citation.span.document_id,
        "start": citation.span.start,
        "end": citation.span.end,
        "content_sha256": citation.content_sha256,
        "index_fingerprint": response.index.fingerprint,
    }


def keep(index: Path, line: dict[str, Any]) -> None:
    """Append a line to the file in the folder of the index. Raises IndexWriteFailed, InvalidInput for an address."""
    index = require_folder(index, "Feedback")
    try:
        append_line(index / FEEDBACK, json.dumps(line, ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise IndexWriteFailed(f"The feedback could not be kept: {error}.", "See that the disk has room.") from None


def read_feedback(index: Path) -> list[dict[str, Any]]:
    """Return the lines that hold, the last of each response, rank and document; a line cut short is left out."""
    verdicts: dict[tuple[str, int, str], dict[str, Any]] = {}
    try:
        lines = (index / FEEDBACK).read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    for text in lines:
        try:
            line = json_value(text)
            key = line["response_id"], line["rank"], line["document_id"]
        except (ValueError, KeyError, TypeError):
            continue
        if line.get("schema") == FEEDBACK_SCHEMA:
            verdicts[key] = line
    return list(verdicts.values())
