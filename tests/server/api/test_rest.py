"""REST gives what Python gives, in the shapes that its OpenAPI document describes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from reportlab.pdfgen.canvas import Canvas
from starlette.testclient import TestClient

from rag.answering.assistant import Assistant
from rag.answering.feedback import read_feedback
from rag.evidence.check_pack import check
from rag.index.index import Index
from tests.server.conftest import Serving
from tests.server.running_service import ABSURD, COLLAPSE, RECALL

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

FERRY = {"id": "a/ferry", "text": "The ferry of Marrowick leaves at noon on each Sunday.", "title": "Times"}


def as_python(response: dict[str, Any], assistant: Assistant, **options: Any) -> dict[str, Any]:
    """Return what Python gives for the same question, with the times of `response`, which are of its own run."""
    return {**assistant.ask(response["question"], **options).to_dict(), "timings_ms": response["timings_ms"]}


def problem(client: TestClient, method: str, path: str, **options: Any) -> dict[str, Any]:
    answer = client.request(method, path, **options)
    assert answer.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = answer.json()
    assert content["status"] == answer.status_code
    assert list(content) == ["type", "title", "status", "error", "detail", "remedy"]
    return content


@pytest.mark.parametrize("question", [COLLAPSE, RECALL, ABSURD, "", "And when was that?"])
def test_a_question_gets_the_response_of_python(client: TestClient, assistant: Assistant, question: str) -> None:
    found = client.post("/v1/ask", json={"question": question, "top_k": 3}).json()
    assert found == as_python(found, assistant, top_k=3)


def test_explain_and_the_threshold_are_those_of_python(client: TestClient, assistant: Assistant) -> None:
    asked = {"question": RECALL, "min_confidence": 1.0, "explain": True}
    found = client.post("/v1/ask", json=asked).json()
    assert found["status"] == "no_answer" and found["explain"]["threshold"] == 1.0
    assert found["answers"] == as_python(found, assistant, min_confidence=1.0)["answers"]


def test_a_batch_gives_a_line_for_each_question_in_order(client: TestClient, assistant: Assistant) -> None:
    questions = [COLLAPSE, "x" * 5_000, RECALL]
    answer = client.post("/v1/ask:batch", json={"questions": questions, "top_k": 1})
    assert answer.headers["content-type"] == "application/jsonl"
    first, second, third = map(json.loads, answer.text.splitlines())
    assert (first, third) == (as_python(first, assistant, top_k=1), as_python(third, assistant, top_k=1))
    assert (first["question"], second["error"], third["question"]) == (COLLAPSE, "InvalidQuestion", RECALL)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"filters": {"": "x"}}, 409),
        ({"min_precision": 1.0}, 409),
        ({"min_precision": 0.6, "min_confidence": 0.5}, 422),
    ],
)
def test_a_batch_that_no_question_can_be_asked_with_is_refused_whole(
    client: TestClient, options: dict[str, Any], status: int
) -> None:
    asked = {"questions": [COLLAPSE], **options}
    assert problem(client, "POST", "/v1/ask:batch", json=asked)["status"] == status


def test_a_search_gives_the_passages_of_python(client: TestClient, assistant: Assistant) -> None:
    found = client.post("/v1/search", json={"query": "drones", "top_k": 2}).json()
    assert found["passages"] == [answer.to_dict() for answer in assistant.search("drones", 2)]
    assert len(found["passages"]) == 2


def test_a_saved_response_is_verified_and_a_changed_one_is_found_out(client: TestClient) -> None:
    saved = client.post("/v1/ask", json={"question": COLLAPSE, "top_k": 1}).json()
    checked = client.post("/v1/verify", json=saved).json()
    assert (checked["sound"], [item["status"] for item in checked["citations"]]) == (True, ["exact"])
    assert client.post("/v1/verify", json={"read_on": "2026-11-22", "response": saved}).json() == checked
    quote = saved["answers"][0]["citation"]["selector"][0]
    quote["exact"] = quote["exact"].replace("1991", "1919")
    changed = client.post("/v1/verify", json=saved).json()
    assert (changed["sound"], changed["citations"][0]["status"]) == (False, "changed")
    assert "1991" in changed["citations"][0]["diff"]


def cited(start: Any) -> dict[str, Any]:
    selector = [{"exact": "x", "prefix": "", "suffix": ""}]
    return {"document_id": "a", "document_offset": {"start": start}, "selector": selector}


@pytest.mark.parametrize(
    "saved",
    [{}, {"answers": 1}, {"answers": [{}]}, {"answers": [{"citation": {"document_id": ["a"]}}]},
     {"answers": [{"citation": {"document_id": "\ud800"}}]}, {"answers": [{"citation": {"document_id": 10**30}}]},
     {"answers": [{"citation": {"document_id": False}}]}, {"answers": {}}, {"answers": [{"citation": None}]},
     {"read_on": "", "response": []}, {"answers": [{"citation": {"document_id": "a"}, "also_in": None}]},
     {"read_on": {}, "response": {"answers": []}}, {"answers": [{"citation": cited(-1)}]},
     {"answers": [{"citation": cited(0), "also_in": [cited(0.5)]}]},
     {"answers": [{"citation": cited(True)}]}, {"answers": [{"citation": cited(float("inf"))}]}],
)  # fmt: skip
def test_what_is_no_response_cannot_be_verified(client: TestClient, saved: dict[str, Any]) -> None:
    content = json.dumps(saved)
    found = problem(client, "POST", "/v1/verify", content=content, headers={"content-type": "application/json"})
    assert (found["status"], found["error"]) == (422, "InvalidInput")


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    for start in (0.0, 1e300):
        checked = client.post("/v1/verify", json={"answers": [{"citation": cited(start)}]}).json()
        assert [item["status"] for item in checked["citations"]] == ["gone"]


def test_a_precision_that_was_never_reached_does_not_fit_this_index(client: TestClient) -> None:
    found = problem(client, "POST", "/v1/ask", json={"question": RECALL, "min_precision": 1.0})
    assert (found["status"], found["error"]) == (409, "EvaluationError")


def test_a_document_comes_and_goes(client: TestClient, index: Path) -> None:
    report = client.post("/v1/documents", json={"documents": [FERRY]}).json()
    assert report["added"] == ["a/ferry"]
    assert client.post("/v1/documents", json={"documents": [FERRY]}).json()["unchanged"] == ["a/ferry"]
    answer = client.post("/v1/ask", json={"question": "When does the ferry of Marrowick leave?"}).json()["answers"][0]
    assert (answer["context"], answer["citation"]["document_id"]) == (FERRY["text"], "a/ferry")
    assert answer["answer"] in FERRY["text"] and "noon" in answer["answer"]
    offset = answer["citation"]["document_offset"]
    part = client.get("/v1/documents/a%2Fferry/text", params=offset).json()
    assert part["text"] == answer["answer"] and part["content_sha256"] == answer["citation"]["content_sha256"]
    held = client.get("/v1/documents/a/ferry").json()
    assert (held["title"], held["length"], held["source_path"]) == ("Times", len(FERRY["text"]), None)
    assert client.delete("/v1/documents/a/ferry").json()["removed"] == ["a/ferry"]
    assert problem(client, "GET", "/v1/documents/a/ferry")["error"] == "NotFound"
    assert problem(client, "DELETE", "/v1/documents/a/ferry")["status"] == 404


def test_an_id_may_end_like_the_address_of_a_text(client: TestClient) -> None:
    client.post("/v1/documents", json={"documents": [{"id": "a/text", "text": "The ferry leaves at noon."}]})
    assert client.get("/v1/documents/a%2Ftext").json()["id"] == "a/text"
    assert client.get("/v1/documents/a%2Ftext/text").json()["text"] == "The ferry leaves at noon."
    assert problem(client, "GET", "/v1/documents/a/text")["status"] == 404
    assert client.delete("/v1/documents/a%2Ftext").json()["removed"] == ["a/text"]


def test_documents_are_listed_page_by_page(client: TestClient) -> None:
    first = client.get("/v1/documents", params={"limit": 1}).json()
    second = client.get("/v1/documents", params={"limit": 1, "after": first["next"]}).json()
    ids = [item["id"] for page in (first, second) for item in page["documents"]]
    assert (ids, first["total"], second["next"]) == (["000_73dfa9be11753c50.txt", "003_ef5e1746d28300d1.txt"], 2, None)
    assert client.get("/v1/facets", params={"key": "language"}).json() == {"facets": {"language": {"en": 2}}}
    assert client.get("/v1/stats").json()["index"]["documents"] == 2


def test_the_next_page_of_documents_is_a_link(client: TestClient) -> None:
    client.post("/v1/documents", json={"documents": [{"id": 'ä"> /b', "text": "It rained."}, FERRY]})
    address, ids = "/v1/documents?limit=1", []
    while address:
        answer = client.get(address)
        ids += [item["id"] for item in answer.json()["documents"]]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    assert ids == [item["id"] for item in client.get("/v1/documents").json()["documents"]] and len(ids) == 4


@pytest.mark.parametrize("path", ["", "/a%2Fferry", "/a%2Fferry/text", "/a%2Fferry/text?start=4&end=9"])
def test_what_a_client_has_already_is_not_sent_again_until_it_changes(client: TestClient, path: str) -> None:
    client.post("/v1/documents", json={"documents": [FERRY]})
    tag = client.get(f"/v1/documents{path}").headers["etag"]
    for header in (tag, f'"x", W/{tag}', "*"):
        same = client.get(f"/v1/documents{path}", headers={"if-none-match": header})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    client.post("/v1/documents", json={"documents": [{**FERRY, "text": "The boat of Marrowick leaves at 1."}]})
    changed = client.get(f"/v1/documents{path}", headers={"if-none-match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


@pytest.mark.parametrize("place", [{"start": 5, "end": 4}, {"end": 10**9}, {"start": -1}, {"start": "x"}])
def test_a_range_outside_the_text_is_refused(client: TestClient, place: dict[str, Any]) -> None:
    status = problem(client, "GET", "/v1/documents/000_73dfa9be11753c50.txt/text", params=place)["status"]
    assert status == (422 if place in ({"start": -1}, {"start": "x"}) else 404)


def test_feedback_stands_beside_that_of_the_page(client: TestClient, index: Path) -> None:
    found = client.post("/v1/ask", json={"question": COLLAPSE, "top_k": 1}).json()
    given = {"response_id": found["response_id"], "rank": 1, "verdict": "right"}
    assert client.post("/v1/feedback", json=given).status_code == 200
    (line,) = read_feedback(index)
    assert (line["verdict"], line["question"], line["quote"]) == ("right", COLLAPSE, found["answers"][0]["answer"])
    assert line["features"], "without the figures the line is no example to fit the confidence on"
    assert problem(client, "POST", "/v1/feedback", json={**given, "rank": 9})["status"] == 404
    assert problem(client, "POST", "/v1/feedback", json={**given, "response_id": "r_" + "0" * 16})["status"] == 404


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("ask", '{"question": "Who?", "top": 1}', "body.top"),
        ("ask", '{"question": 5}', "body.question"),
        ("ask", '{"question": "Who?", "top_k": "3"}', "body.top_k"),
        ("ask", '{"question": "Who?", "top_k": true}', "body.top_k"),
        ("ask", '{"question": "\\ud800"}', "body.question"),
        ("ask", '{"question": "Who?", "\\ud800": 1}', "body"),
        ("ask", '{"question": "Who?", "min_confidence": NaN}', "body.min_confidence"),
        ("ask", "[" * 5_000, "body"),
        ("ask", "", "body"),
        ("documents", '{"documents": [{"id": "a", "text": "A.", "source_path": "/etc/passwd"}]}', "source_path"),
        ("documents", '{"documents": [{"id": "a\\nb", "text": "A."}]}', "id"),
        ("documents", '{"documents": [{"id": "a", "text": "A.", "metadata": {"x": "\\ud800"}}]}', "metadata"),
    ],
)
def test_a_request_that_is_not_as_described_is_refused(client: TestClient, path: str, content: str, said: str) -> None:
    found = problem(client, "POST", f"/v1/{path}", content=content, headers={"content-type": "application/json"})
    assert found["status"] in (400, 422) and said in found["detail"]


def test_an_address_that_is_not_there_is_a_problem_not_a_page(client: TestClient) -> None:
    assert problem(client, "GET", "/v1/nothing")["error"] == "NotFound"
    assert problem(client, "PUT", "/v1/ask")["error"] == "MethodNotAllowed"


def test_what_is_given_is_as_the_document_of_the_service_says(client: TestClient) -> None:
    content = client.get("/v1/openapi.json").json()
    asked = client.post("/v1/ask", json={"question": RECALL}).json()
    saved = {"AskResponse": asked, "Verified": client.post("/v1/verify", json=asked).json(),
             "Passages": client.post("/v1/search", json={"query": "drones"}).json(),
             "Documents": client.get("/v1/documents").json(), "Stats": client.get("/v1/stats").json(),
             "Document": client.get("/v1/documents/000_73dfa9be11753c50.txt").json(),
             "Slice": client.get("/v1/documents/000_73dfa9be11753c50.txt/text?end=9").json(),
             "Report": client.post("/v1/documents", json={"documents": [FERRY]}).json(),
             "Problem": client.get("/v1/nothing").json()}  # fmt: skip
    for name, value in saved.items():
        Draft202012Validator({**content, "$ref": f"#/components/schemas/{name}"}).validate(value)


def test_every_example_of_the_document_is_taken(client: TestClient) -> None:
    content = client.get("/v1/openapi.json").json()
    for path, methods in content["paths"].items():
        schema = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        if not schema or path == "/v1/feedback":
            continue
        named = content["components"]["schemas"].get(schema["schema"].get("$ref", "").rpartition("/")[2], {})
        (example,) = schema.get("examples") or schema["schema"].get("examples") or named["examples"]
        assert client.post(path, json=example).status_code == 200, path


def test_an_address_says_which_methods_it_takes(client: TestClient) -> None:
    assert client.put("/v1/documents").headers["allow"] == "GET, POST"
    assert client.put("/v1/documents/a").headers["allow"] == "DELETE, GET"
    assert client.put("/v1/documents/a/text").headers["allow"] == "GET"


def test_filters_are_those_of_python(client: TestClient, assistant: Assistant) -> None:
    chosen = {"id": "000_73dfa9be11753c50.txt"}
    found = client.post("/v1/ask", json={"question": RECALL, "filters": chosen}).json()
    assert found == as_python(found, assistant, filters=chosen)
    unknown = problem(client, "POST", "/v1/ask", json={"question": RECALL, "filters": {"autor": "Ann"}})
    assert (unknown["error"], unknown["remedy"]) == ("InvalidFilter", "Did you mean 'author'?")
    assert unknown["status"] == problem(client, "GET", "/v1/facets", params={"key": "autor"})["status"] == 409


def test_five_point_nought_is_five_and_a_half_is_not(client: TestClient) -> None:
    assert len(client.post("/v1/search", json={"query": "Israel", "top_k": 2.0}).json()["passages"]) == 2
    assert problem(client, "POST", "/v1/search", json={"query": "Israel", "top_k": 2.5})["status"] == 422


def test_the_document_says_the_ranges_that_are_checked(client: TestClient, assistant: Assistant) -> None:
    schemas = client.get("/v1/openapi.json").json()["components"]["schemas"]
    longest = assistant.settings.max_question_length
    for name, part, path in (("AskRequest", "question", "ask"), ("SearchRequest", "query", "search")):
        assert schemas[name]["properties"][part]["maxLength"] == longest
        given = [client.post(f"/v1/{path}", json={part: "x" * length}).status_code for length in (longest, longest + 1)]
        assert given == [200, 422]
    for name in ("AskRequest", "BatchRequest", "SearchRequest"):
        whole, _ = schemas[name]["properties"]["top_k"]["anyOf"]
        assert (whole["type"], whole["minimum"], whole["maximum"]) == ("integer", 1, 50)
    assert schemas["FeedbackRequest"]["properties"]["rank"]["minimum"] == 1


def test_standing_questions_and_evidence_are_those_of_python(client: TestClient) -> None:
    content = client.get("/v1/openapi.json").json()

    def sound(name: str, value: dict[str, Any]) -> dict[str, Any]:
        Draft202012Validator({**content, "$ref": f"#/components/schemas/{name}"}).validate(value)
        return value

    client.post("/v1/documents", json={"documents": [FERRY]})
    question = {"question": "When does the ferry of Marrowick leave?"}
    added = sound("StandingQuestion", client.post("/v1/standing", json=question).json())
    assert [item["answer_end"] > 0 for item in added["answers"]] and added["history"][0]["kind"] == "first_seen"
    pack = client.post("/v1/evidence", json=question)
    assert pack.headers["content-type"] == "application/zip" and check(pack.content) == ([], None)
    client.delete(f"/v1/documents/{FERRY['id']}")
    report = sound("StandingReport", client.post("/v1/standing/check").json())
    assert [event["kind"] for event in report["events"]] == ["withdrawn"] and report["alarms"] == 1
    assert "Withdrawn" in client.get("/v1/standing.atom").text
    listed = sound("StandingList", client.get("/v1/standing").json())
    assert [len(item["history"]) for item in listed["questions"]] == [2]
    assert client.delete(f"/v1/standing/{added['id']}").json()["questions"] == []
    assert problem(client, "DELETE", f"/v1/standing/{added['id']}")["status"] == 422


def drawn(path: Path, lines: Sequence[str]) -> None:
    canvas = Canvas(str(path))
    canvas.addPageLabel(0, "ROMAN_LOWER")
    for line in lines:
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()


def test_a_page_of_a_pdf_is_drawn_and_words_are_boxed_until_the_file_changes(
    index: Path, embedder: "Embedder", serving: Serving
) -> None:
    path = index.parent / "lamp.pdf"
    drawn(path, ["The lamp was lit in May.", "It burned 30 litres of oil a night."])
    opened = Index.open(index, embedder)
    opened.add(path)
    opened.close()
    client = serving()
    text = client.get("/v1/documents/lamp.pdf/text").json()["text"]
    asked = {"start": text.index("30 litres"), "end": text.index(" of oil")}
    boxes = client.get("/v1/documents/lamp.pdf/boxes", params=asked).json()
    described = client.get("/v1/openapi.json").json()
    Draft202012Validator({**described, "$ref": "#/components/schemas/Boxes"}).validate(boxes)
    (page,) = boxes["pages"]
    assert (page["page_number"], page["page_label"], boxes["page_count"]) == (2, "ii", 2)
    (box,) = page["boxes"]
    assert 0 < box["left"] < box["left"] + box["width"] < 1 and 0 < box["top"] < 0.5
    pictures = [
        client.get("/v1/documents/lamp.pdf/pages/2.png", params={"width": 300, **range_asked})
        for range_asked in ({}, asked)
    ]
    assert all(picture.headers["content-type"] == "image/png" for picture in pictures)
    assert pictures[0].content[:8] == pictures[1].content[:8] == b"\x89PNG\r\n\x1a\n"
    assert pictures[0].content != pictures[1].content
    tags = [picture.headers["etag"] for picture in pictures]
    unchanged = client.get("/v1/documents/lamp.pdf/pages/2.png?width=300", headers={"if-none-match": tags[0]})
    assert (unchanged.status_code, unchanged.content) == (304, b"") and tags[0] != tags[1]
    assert problem(client, "GET", "/v1/documents/lamp.pdf/pages/3.png")["status"] == 404
    drawn(path, ["The lamp was lit in June."])
    assert "has changed" in problem(client, "GET", "/v1/documents/lamp.pdf/pages/1.png")["detail"]
    path.unlink()
    assert "not where it was" in problem(client, "GET", "/v1/documents/lamp.pdf/pages/2.png")["detail"]


def test_what_is_no_pdf_has_no_pages(client: TestClient) -> None:
    client.post("/v1/documents", json={"documents": [{"id": "a/pages/1.png", "text": "The lamp was lit."}]})
    assert client.get("/v1/documents/a%2Fpages%2F1.png").json()["length"] == 17
    detail = problem(client, "GET", "/v1/documents/a%2Fpages%2F1.png/pages/1.png")["detail"]
    assert detail == "The document was not read from a PDF file or a picture."
