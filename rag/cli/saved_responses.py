"""Reads saved responses: the output of `rag ask --json`, a list of it, or one a line."""

from pathlib import Path
from typing import Any

from rag.core.configuration import require_file
from rag.core.errors import InvalidInput
from rag.core.files.safe_json import json_value


def saved_responses(file: Path) -> list[dict[str, Any]]:
    """Return the responses in a file: one, a list, or one a line, also wrapped as evidence. Raises InvalidInput."""
    require_file(file, "Give a file that holds the output of rag ask --json.")
    try:
        text = file.read_text(encoding="utf-8-sig")
        try:
            content = json_value(text)
        except ValueError:
            content = [json_value(line) for line in text.splitlines() if line.strip()]
        responses = [_unwrapped(item) for item in (content if isinstance(content, list) else [content])]
        if not responses or not all(map(_is_response, responses)):
            raise ValueError("it holds no responses")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"Cannot read saved responses from {file}: {error}.", "Give the output of rag ask --json."
        ) from None
    return responses


def _unwrapped(item: Any) -> Any:
    """Return the response in a piece of evidence, anything else as it is."""
    return item["response"] if isinstance(item, dict) and "read_on" in item and "response" in item else item


def _is_response(item: object) -> bool:
    answers = item.get("answers") if isinstance(item, dict) else None
    return isinstance(answers, list) and all(
        isinstance(answer, dict)
        and isinstance(answer.get("also_in", []), list)
        and all(map(_is_citation, (answer.get("citation"), *answer.get("also_in", []))))
        for answer in answers
    )


def _is_citation(item: object) -> bool:
    offset = item.get("document_offset") if isinstance(item, dict) else None
    return (
        isinstance(item, dict)
        and isinstance(item.get("document_id"), str)
        and isinstance(offset, dict)
        and all(type(offset.get(key)) is int for key in ("start", "end"))
    )
