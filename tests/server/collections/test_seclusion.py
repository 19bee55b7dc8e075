"""Nobody sees, lists, cites or counts what is not theirs, and no error tells that it exists."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rag.index.storage.manifest import TOKENS
from rag.server.api.access import needed_scope
from rag.server.api.tokens import Tokens
from tests.server.collections.conftest import QUESTIONS, SECRETS, TEXTS, Site, User

NOWHERE = "nonesuch_"
"""A collection that does not exist, with a name as long as `contracts`, so that lengths of answers can be compared."""
VALUES = {"{document_id}": "contracts.txt", "{number}": "1"}
"""Of the parameters of addresses; any other is an id that nothing has."""


def addresses(site: Site) -> list[tuple[str, str]]:
    """Return method and address below `/v1/collections/{collection}/` of everything that a collection answers."""
    paths = site.users["eve"].get("/v1/openapi.json").json()["paths"]
    inner = [(path, method) for path, item in paths.items() if "{collection}" in path for method in item]
    assert len(inner) > 15
    found = []
    for path, method in inner:
        known = re.sub(r"\{(?!collection)\w+\}", lambda parameter: VALUES.get(parameter[0], "a" * 22), path)
        found.append((method.upper(), known))
    return [*found, *((method, "/v1/collections/{collection}/mcp") for method in ("GET", "POST", "DELETE")),
            ("GET", "/v1/collections/{collection}/openapi.json"), ("GET", "/v1/collections/{collection}/no/such"),
            ("POST", "/v1/collections/{collection}/ask/"),
            ("GET", "/v1/collections/{collection}"), ("GET", "/c/{collection}/"), ("GET", "/c/{collection}"),
            ("POST", "/c/{collection}/gradio_api/component_server"), ("POST", "/c/{collection}/pincite/files"),
            ("GET", "/c/{collection}/pincite/original.pdf"), ("GET", "/c/{collection}/config")]  # fmt: skip


def shown(answer: Any, name: str) -> tuple[int, str, list[tuple[str, str]]]:
    """Return all that a client sees of an answer, but for the name that it asked for itself."""
    headers = [(key, value) for key, value in answer.headers.items() if key != "x-request-id"]
    return answer.status_code, answer.text.replace(name, "NAME"), sorted(headers)


@pytest.mark.parametrize("user", ["ann", "nil"])
def test_what_exists_answers_as_what_does_not(site: Site, user: str) -> None:
    asked = {"question": QUESTIONS["contracts"], "query": "Bellwether", "documents": [], "response_id": "r_0"}
    for method, path in addresses(site):
        for accept in ("*/*", "text/html"):
            options: dict[str, Any] = {"headers": {"accept": accept, "if-none-match": "*"}}
            options |= {"json": asked} if method == "POST" else {}
            own = shown(site.users[user].request(method, path.format(collection="contracts"), **options), "contracts")
            other = shown(site.users[user].request(method, path.format(collection=NOWHERE), **options), NOWHERE)
            assert own == other and own[0] == 404, (method, path)


def test_the_same_addresses_answer_those_who_may_see_them(site: Site) -> None:
    for method, path in addresses(site):
        if path.startswith("/v1/") and method == "GET" and "{collection}/mcp" not in path:
            text = site.users["eve"].get(path.format(collection="contracts")).text
            assert "You have no collection" not in text, path


def test_a_reader_changes_nothing(site: Site) -> None:
    for method, path in addresses(site):
        inner = path.replace("/collections/{collection}", "")
        if path.startswith("/v1/collections/{collection}/") and needed_scope(method, inner) == "write":
            answer = site.users["ann"].request(method, path.format(collection="handbook"))
            assert answer.status_code == 403 and "yours is read" in answer.text, (method, path)
    assert site.users["ann"].get("/v1/collections/handbook/metrics").status_code == 403
    assert site.users["ann"].get("/v1/collections/handbook/documents").json()["total"] == 1


def test_each_sees_the_list_of_his_own(site: Site) -> None:
    def names(user: str) -> list[tuple[str, str]]:
        content = site.users[user].get("/v1/collections").json()
        return [(entry["name"], entry["role"]) for entry in content["collections"]]

    assert names("ann") == [("handbook", "read")] and names("bob") == [("contracts", "write")]
    assert names("eve") == [("handbook", "admin"), ("contracts", "admin")] and names("nil") == []
    assert site.client.get("/v1/collections").status_code == 401


def test_one_question_to_all_reads_only_what_the_caller_may(site: Site) -> None:
    for user, own, other in (("ann", "handbook", "contracts"), ("bob", "contracts", "handbook")):
        for question in QUESTIONS.values():
            content = site.users[user].post("/v1/ask", {"question": question})
            passages = site.users[user].post("/v1/search", {"query": question})
            page = site.users[user].get("/", params={"q": question})
            for text in (content.text, passages.text, page.text):
                assert SECRETS[other] not in text and f'"{other}"' not in text and f"/c/{other}" not in text
        answers = site.users[user].post("/v1/ask", {"question": QUESTIONS[own]}).json()["answers"]
        assert [answer["collection"]["name"] for answer in answers] == [own]


def test_a_collection_that_is_named_but_not_seen_is_none(site: Site) -> None:
    for path, asked in (("/v1/ask", {"question": "Who?"}), ("/v1/search", {"query": "Who"})):
        own, other = (
            shown(site.users["ann"].post(path, {**asked, "collections": ["handbook", name]}), name)
            for name in ("contracts", NOWHERE)
        )
        assert own == other and own[0] == 404


def test_each_answer_names_its_collection_in_the_shape_that_is_described(site: Site) -> None:
    schemas = site.users["eve"].get("/v1/openapi.json").json()["components"]
    for question, name in ((QUESTIONS["handbook"], "handbook"), (QUESTIONS["contracts"], "contracts")):
        content = site.users["eve"].post("/v1/ask", {"question": question}).json()
        Draft202012Validator({"$ref": "#/components/schemas/JointAnswers", "components": schemas}).validate(content)
        best = content["answers"][0]
        assert best["collection"]["name"] == name and best["answer"] in TEXTS[name]
        assert [part["name"] for part in content["collections"]] == ["handbook", "contracts"]
        feedback = {"response_id": best["collection"]["response_id"], "rank": best["collection"]["rank"]}
        judged = site.users["eve"].post(f"/v1/collections/{name}/feedback", {**feedback, "verdict": "right"})
        assert judged.status_code == 200
    passages = site.users["eve"].post("/v1/search", {"query": "Sunday Bellwether", "top_k": 2}).json()
    Draft202012Validator({"$ref": "#/components/schemas/JointPassages", "components": schemas}).validate(passages)
    assert [passage["collection"]["name"] for passage in passages["passages"]] == ["handbook", "contracts"]
    refused = site.users["eve"].post("/v1/ask", {"question": "Who?", "filters": {"": 1}})
    assert refused.status_code == 409 and refused.json()["error"] == "InvalidFilter"


def test_what_is_kept_of_one_collection_is_out_of_reach_of_another(site: Site) -> None:
    eve, bob = site.users["eve"], site.users["bob"]
    response = eve.post("/v1/collections/handbook/ask", {"question": QUESTIONS["handbook"]}).json()
    verdict = {"response_id": response["response_id"], "rank": 1, "verdict": "right"}
    assert bob.post("/v1/collections/contracts/feedback", verdict).status_code == 404
    verified = bob.post("/v1/collections/contracts/verify", response).json()
    assert [item["status"] for item in verified["citations"]] == ["gone"]
    tag = eve.get("/v1/collections/handbook/documents/handbook.txt").headers["etag"]
    same = {"if-none-match": tag}
    assert eve.get("/v1/collections/handbook/documents/handbook.txt", headers=same).status_code == 304
    assert bob.get("/v1/collections/handbook/documents/handbook.txt", headers=same).status_code == 404
    assert bob.get("/v1/collections/contracts/documents/handbook.txt", headers=same).status_code == 404
    assert "handbook.txt" not in bob.get("/v1/collections/contracts/documents").text


def test_a_standing_question_and_its_feed_stay_in_their_collection(site: Site) -> None:
    bob, ann = site.users["bob"], site.users["ann"]
    added = bob.post("/v1/collections/contracts/standing", {"question": QUESTIONS["contracts"]})
    assert added.status_code == 200
    assert QUESTIONS["contracts"] in bob.get("/v1/collections/contracts/standing").text
    assert ann.get("/v1/collections/handbook/standing").json()["questions"] == []
    assert "Bellwether" not in ann.get("/v1/collections/handbook/standing.atom").text
    question_id = added.json()["id"]
    removed = bob.request("DELETE", f"/v1/collections/contracts/standing/{question_id}")
    assert removed.json()["questions"] == []


def test_figures_are_those_of_one_collection(site: Site) -> None:
    eve, ann = site.users["eve"], site.users["ann"]
    before = eve.get("/v1/collections/contracts/metrics").text
    for _ in range(3):
        ann.post("/v1/collections/handbook/search", {"query": "ferry"})
    after = eve.get("/v1/collections/contracts/metrics").text

    def searches(figures: str) -> list[str]:
        return [line for line in figures.splitlines() if "/v1/search" in line and "_created" not in line]

    assert searches(after) == searches(before)
    assert "pincite_index_documents 1.0" in after
    assert eve.get("/metrics").status_code == 404 and site.users["bob"].get("/metrics").status_code == 404


def test_the_address_of_a_job_and_of_the_next_page_are_those_of_the_collection(site: Site) -> None:
    eve = site.users["eve"]
    sent = eve.post("/v1/collections/handbook/files", files={"files": ("empty.zzz", b"x")})
    assert sent.status_code == 202
    location = sent.headers["location"]
    assert location.startswith("/v1/collections/handbook/jobs/") and eve.get(location).status_code == 200
    elsewhere = location.replace("handbook", "contracts")
    assert eve.get(elsewhere).status_code == 404 and site.users["ann"].get(location).status_code == 404
    described = eve.get("/v1/collections/handbook/openapi.json").json()
    assert all(path.startswith("/v1/collections/handbook/") for path in described["paths"])


def mcp(user: User, collection: str, method: str, **params: Any) -> dict[str, Any]:
    """Return the answer of MCP to one message."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    answer = user.request("POST", f"/v1/collections/{collection}/mcp", headers=headers, json=message)
    content: dict[str, Any] = json.loads(answer.text)
    return content


def test_mcp_knows_the_documents_of_its_collection_alone(site: Site) -> None:
    pytest.importorskip("mcp")
    ann = site.users["ann"]
    listed = mcp(ann, "handbook", "resources/list")["result"]["resources"]
    assert [item["name"] for item in listed] == ["handbook.txt"]
    asked = mcp(ann, "handbook", "tools/call", name="ask", arguments={"question": QUESTIONS["handbook"]})["result"]
    assert "http://127.0.0.1/c/handbook/?q=" in json.dumps(asked) and not asked["isError"]
    other = mcp(ann, "handbook", "tools/call", name="ask", arguments={"question": QUESTIONS["contracts"]})["result"]
    assert "March 2031" not in json.dumps(other)
    of_other, of_none = (
        mcp(ann, "handbook", "resources/read", uri=f"pincite://documents/{name}.txt") for name in ("contracts", NOWHERE)
    )
    assert json.dumps(of_other).replace("contracts", NOWHERE) == json.dumps(of_none) and "error" in of_none


def test_a_token_of_an_index_counts_in_its_collection_alone(site: Site, indexes: Any) -> None:
    secret = Tokens(indexes["handbook"] / TOKENS).add("wiki", "write")
    try:
        wiki = User(site.client, {"authorization": f"Bearer {secret}"})
        content = wiki.get("/v1/collections").json()
        assert content["caller"] == "handbook/wiki"
        assert [(entry["name"], entry["role"]) for entry in content["collections"]] == [("handbook", "write")]
        assert wiki.get("/v1/collections/contracts/documents").status_code == 404
    finally:
        Tokens(indexes["handbook"] / TOKENS).remove("wiki")
    assert wiki.get("/v1/collections").status_code == 401
