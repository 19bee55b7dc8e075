"""Keeps the results of tools short enough for the context of a language model, and says how to go on."""

import json
from collections.abc import Callable
from typing import Any

from rag.server.problems import refused

MAX_RESULT_CHARACTERS = 10_000
"""Of the JSON of a result. `search`, `list_documents` and `get_document` give it in parts."""
MAX_PART_CHARACTERS = 8_000
"""Of a document at once; JSON may need more than one character for one of them."""
MAX_SHOWN_COPIES = 2
"""Of a statement that many documents hold, if the response is too long otherwise."""


def size(content: Any) -> int:
    """Return the characters of the JSON text of a result."""
    return len(json_text(content))


def json_text(content: Any) -> str:
    """Return the JSON text of a result."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def require_short(content: dict[str, Any], remedy: str) -> dict[str, Any]:
    """Return a result. Raises Refused if it is too long all the same."""
    if size(content) > MAX_RESULT_CHARACTERS:
        what = f"The result has {size(content):,} characters; at most {MAX_RESULT_CHARACTERS:,} are given at once."
        raise refused(413, what, remedy)
    return content


def paged(content: dict[str, Any], key: str, next_of: Callable[[Any, int], Any]) -> dict[str, Any]:
    """Return a result whose list `key` is cut to what fits, and `next`, how to ask for the rest.

    `next_of` gets the last part that is given and the number of parts given. Raises Refused if one part alone is too
    long, and says how to pass over it.
    """
    parts = content[key]
    if size(content) <= MAX_RESULT_CHARACTERS or not parts:
        return content
    shown = content
    for count in range(len(parts) - 1, 0, -1):
        shown = {**content, key: parts[:count], "next": next_of(parts[count - 1], count)}
        if size(shown) <= MAX_RESULT_CHARACTERS:
            return shown
    what = f"One of the {key} alone has more than the {MAX_RESULT_CHARACTERS:,} characters that are given at once."
    raise refused(413, what, f"Pass over it: go on with {next_of(parts[0], 1)!r}.")


def short_response(response: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a response as far as it fits, and what was cut off, nothing if it fits whole.

    Copies of a statement go first, then the ends of the lists of a no-answer, then answers from the end on.
    """
    cut = []
    if size(response) > MAX_RESULT_CHARACTERS and any(
        len(a["also_in"]) > MAX_SHOWN_COPIES for a in response["answers"]
    ):
        answers = [{**answer, "also_in": answer["also_in"][:MAX_SHOWN_COPIES]} for answer in response["answers"]]
        cut.append(f"at most {MAX_SHOWN_COPIES} copies of each statement are shown")
        response = {**response, "answers": answers}
    for key, shortened in (("closest", _with_closest), ("possible", _with_possible), ("answers", with_first_answers)):
        total = len((response if key == "answers" else response["no_answer"] or {}).get(key, ()))
        count = total
        shown = response
        while size(shown) > MAX_RESULT_CHARACTERS and count > (1 if key == "answers" else 0):
            count -= 1
            shown = shortened(response, count)
        if count < total:
            cut.append(f"{count} of {total} {key} are shown")
        response = shown
    return response, "; ".join(cut)


def with_first_answers(response: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a response with its first answers; agreement names those that stay."""
    answers = response["answers"][:count]
    ranks = {answer["rank"] for answer in answers}
    groups = [[rank for rank in group if rank in ranks] for group in response["agreement"]["groups"]]
    agreement = {**response["agreement"], "groups": [group for group in groups if group]}
    return {**response, "answers": answers, "agreement": agreement}


def short_text(text: dict[str, Any]) -> dict[str, Any]:
    """Return a range of a document as far as it fits."""
    shown = text
    while size(shown) > MAX_RESULT_CHARACTERS - 100 or shown["end"] - shown["start"] > MAX_PART_CHARACTERS:
        count = min(MAX_PART_CHARACTERS, (shown["end"] - shown["start"]) * 3 // 4)
        shown = {**text, "end": text["start"] + count, "text": text["text"][:count]}
    return shown


def _with_closest(response: dict[str, Any], count: int) -> dict[str, Any]:
    refusal = response["no_answer"]
    return {**response, "no_answer": {**refusal, "closest": refusal["closest"][:count]}}


def _with_possible(response: dict[str, Any], count: int) -> dict[str, Any]:
    refusal = response["no_answer"]
    return {**response, "no_answer": {**refusal, "possible": refusal["possible"][:count]}}
