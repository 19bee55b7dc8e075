import dataclasses
import json
from pathlib import Path

import pytest

from rag.answering.feedback import VERDICTS, feedback_record, keep, read_feedback
from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.core.response import Response
from rag.core.types import Document
from rag.index.storage.manifest import FEEDBACK
from tests.responses import answer, answered

DOCUMENT = Document("d.txt", "It rained.\u2028The bell rang.")
FEATURES = {"overlap": 1.5}


def response() -> Response:
    made = answered(answer(DOCUMENT, 11, 25, confidence=0.7), question="What rang?")
    found = {"chunk_id": "d.txt:0-25", "start": 11, "end": 25, "rank": 1, "score": 2.0, "features": FEATURES}
    return dataclasses.replace(made, explain={"read": [found], "threshold": 0.3})


def test_a_line_holds_all_that_a_fit_needs_and_what_proves_the_quotation() -> None:
    line = feedback_record(response(), 1, "wrong_place")
    assert (line["verdict"], line["features"], line["rank"]) == ("wrong_place", FEATURES, 1)
    assert DOCUMENT.text[line["start"] : line["end"]] == line["quote"] == "The bell rang."
    assert (line["document_id"], line["content_sha256"]) == (DOCUMENT.id, DOCUMENT.text_sha256)


def test_what_is_kept_is_read_again_one_object_a_line(tmp_path: Path) -> None:
    lines = [feedback_record(response(), 1, verdict) for verdict in VERDICTS]
    for number, line in enumerate(lines):
        keep(tmp_path, {**line, "response_id": str(number), "question": "\u2028\x85\n"})
    assert [line["verdict"] for line in read_feedback(tmp_path)] == list(VERDICTS)
    assert (tmp_path / FEEDBACK).read_bytes().count(b"\n") == len(VERDICTS)


def test_whoever_thinks_again_is_counted_once(tmp_path: Path) -> None:
    for verdict in ("right", "outdated"):
        keep(tmp_path, feedback_record(response(), 1, verdict))
    assert [line["verdict"] for line in read_feedback(tmp_path)] == ["outdated"]


def test_a_line_cut_short_costs_itself_alone(tmp_path: Path) -> None:
    keep(tmp_path, feedback_record(response(), 1, "right"))
    with (tmp_path / FEEDBACK).open("a", encoding="utf-8") as file:
        file.write('{"schema": "pincite-feedb')
    assert [line["verdict"] for line in read_feedback(tmp_path)] == ["right"]
    assert read_feedback(tmp_path / "elsewhere") == []
    keep(tmp_path, {**feedback_record(response(), 1, "outdated"), "response_id": "next"})
    assert [line["verdict"] for line in read_feedback(tmp_path)] == ["right", "outdated"], (
        "nor does it swallow the next line"
    )


@pytest.mark.parametrize(("rank", "verdict"), [(2, "right"), (1, "splendid")])
def test_what_there_is_not_cannot_be_judged(rank: int, verdict: str) -> None:
    with pytest.raises(InvalidInput, match="There is no answer"):
        feedback_record(response(), rank, verdict)


def test_a_disk_that_refuses_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / FEEDBACK).mkdir()
    with pytest.raises(IndexWriteFailed) as refusal:
        keep(tmp_path, json.loads("{}"))
    assert refusal.value.remedy == "See that the disk has room."
