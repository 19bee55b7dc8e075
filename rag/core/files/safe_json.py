"""Reads JSON from outside; whatever is wrong with it raises one error."""

import json
from typing import Any


def json_value(text: str | bytes) -> Any:
    """Return the value that a JSON text holds. Raises ValueError: no JSON, not UTF-8, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:  # of brackets without end; on its own it would pass by all who await a ValueError
        raise ValueError("nested too deeply") from None
