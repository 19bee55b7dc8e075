"""Drafts are proofread over REST: a short text at once, a long one or a file by a job, with files to fetch."""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import rag
from rag import Assistant, proofread
from rag.core.errors import UnreadableSource
from rag.loading.isolation.calls import call_apart
from tests.server.conftest import Serving

if TYPE_CHECKING:
    from rag.index.index import Index

PACKAGE = Path(rag.__file__).parent
SCHEMA = json.loads((PACKAGE / "proof.schema.json").read_text(encoding="utf-8"))
WRONG = "Israel buys 14 percent of its oil from Azerbaijan."
RIGHT = "He said “Never did we experience any anti-Semitism”."


def test_the_schema_has_the_citations_of_responses() -> None:
    response = json.loads((PACKAGE / "response.schema.json").read_text(encoding="utf-8"))
    for name in ("citation", "offset"):
        assert SCHEMA["$defs"][name] == response["$defs"][name]
    assert SCHEMA["properties"]["index"] == response["properties"]["index"]


def test_a_text_gets_the_report_of_python_at_once(client: TestClient, seeds_index: "Index") -> None:
    report = client.post("/v1/proof", json={"text": f"{WRONG} {RIGHT}", "name": "draft"}).json()
    assert report == proofread(Assistant(seeds_index), f"{WRONG} {RIGHT}").to_dict()
    Draft202012Validator(SCHEMA).validate(report)
    assert report["counts"]["contradicted"] == 1 and report["counts"]["exact"] == 1


def done(client: TestClient, answer: Any) -> dict[str, Any]:
    """Return a job once it has ended."""
    assert answer.status_code == 202, answer.text
    while (job := client.get(answer.headers["location"]).json())["status"] in ("waiting", "running"):
        continue
    return dict(job)


def test_a_word_file_becomes_a_job_with_a_web_page_and_comments(client: TestClient) -> None:
    from docx import Document as open_docx

    word, content = open_docx(), io.BytesIO()
    word.add_paragraph(WRONG)
    word.add_paragraph("Never did we experience any anti-Semitism", style="Quote")
    word.save(content)
    files = {"files": ("Mein Entwurf.docx", content.getvalue())}
    job = done(client, client.post("/v1/proof", files=files))
    assert (job["status"], job["name"], job["problem"]) == ("done", "Mein Entwurf.docx", None)
    findings = job["report"]["findings"]
    assert [finding["status"] for finding in findings if finding["kind"] == "quotation"] == ["exact"]
    address = f"/v1/proof/{job['id']}"
    page = client.get(f"{address}/html")
    assert page.headers["content-type"].startswith("text/html") and "14 percent" in page.text
    comments = client.get(f"{address}/comments")
    assert "Mein%20Entwurf.checked.docx" in comments.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(comments.content)) as archive:
        assert "CONTRADICTED" in archive.read("word/comments.xml").decode()
    assert client.get(f"{address}/footnotes").status_code == 422
    assert client.get(f"{address}/json").json() == job["report"]
    assert client.get("/v1/proof/none").status_code == 404


def test_a_long_text_becomes_a_job_and_footnotes_are_written_into_it(client: TestClient) -> None:
    text = f"{RIGHT}\n\n" + "It rained on the roof again and nobody went out to look at the garden.\n\n" * 300
    job = done(client, client.post("/v1/proof", json={"text": text, "format": "text"}))
    assert job["status"] == "done" and job["progress"]["done"] == job["progress"]["total"]
    cited = client.get(f"/v1/proof/{job['id']}/footnotes")
    assert cited.text.startswith("He said “Never did we experience any anti-Semitism”.[^1]")


@pytest.mark.parametrize(
    ("options", "status"),
    [({"json": {"text": " "}}, 422), ({"json": {"text": "x" * 200_001}}, 422), ({"json": {"draft": "x"}}, 422),
     ({"content": b"{", "headers": {"content-type": "application/json"}}, 422),
     ({"files": [("files", ("a.md", b"x")), ("files", ("b.md", b"y"))]}, 422)],
)  # fmt: skip
def test_what_is_no_draft_is_refused(client: TestClient, options: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/proof", **options)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_file_that_cannot_be_read_fails_its_job_with_a_remedy(client: TestClient) -> None:
    job = done(client, client.post("/v1/proof", files={"files": ("a.docx", b"PK\x03\x04 no archive")}))
    assert job["status"] == "failed" and job["report"] is None and job["problem"]["remedy"]


def test_a_link_is_followed_over_rest(client: TestClient) -> None:
    answer = client.post("/v1/ask", json={"question": "When did the Soviet Union collapse?", "top_k": 1}).json()
    citation = answer["answers"][0]["citation"]
    selector = citation["selector"][0]
    named = {"document": citation["document_id"], "quote": selector["exact"], "prefix": selector["prefix"],
             "suffix": selector["suffix"]}  # fmt: skip
    found = client.get("/v1/citation", params={**named, "start": citation["document_offset"]["start"]}).json()
    assert (found["status"], found["now"]["document_offset"]) == ("exact", citation["document_offset"])
    assert client.get(f"/v1/citation{found['link']}").json() == found
    assert client.get("/v1/citation", params=named).json()["status"] == "moved"
    assert client.get("/v1/citation", params={"document": "x"}).status_code == 422


def test_a_service_for_reading_only_proofreads(serving: Serving) -> None:
    answer = serving(readonly=True).post("/v1/proof", json={"text": WRONG})
    assert answer.status_code == 200 and answer.json()["counts"]["contradicted"] == 1


def test_work_on_a_file_that_ends_the_other_process_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match=r"draft\.docx"):
        call_apart(
            "rag.proofreading.drafts:quoted_paragraphs", tmp_path / "draft.docx", {"path": "none", "kind": "docx"}
        )
