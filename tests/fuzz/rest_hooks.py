"""Lets schemathesis read what a batch answers: a JSON value on each line."""

import json
from typing import Any

import schemathesis

from rag.server.api.rest.routes import JSONL


@schemathesis.deserializer(JSONL)
def lines(context: Any, response: Any) -> list[Any]:
    return [json.loads(line) for line in response.text.split("\n") if line]
