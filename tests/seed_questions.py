"""The thirty questions over the seed articles with known answers, which stand beside a checkout and not in it."""

import json
from typing import Any

import pytest

from tests import ROOT

FILE = ROOT.parent / "shared" / "eval" / "seed_questions.jsonl"
needs_questions = pytest.mark.skipif(not FILE.exists(), reason=f"the question file {FILE} is not on this machine")


def rows() -> list[dict[str, Any]]:
    """Return each question with its `id`, its `answers` as places, and whether it is `answerable`."""
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def texts() -> list[str]:
    """Return the questions."""
    return [row["question"] for row in rows()]
