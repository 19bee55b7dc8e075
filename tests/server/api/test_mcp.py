"""The tools, used with the official client against real processes, over HTTP and over standard input and output."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import ResourceLink, TextResourceContents
from starlette.testclient import TestClient

from rag.answering.assistant import Assistant
from rag.cli.commands.server_commands import mcp_command
from rag.core.errors import InvalidSettings
from rag.server.api.mcp.tool_results import MAX_RESULT_CHARACTERS
from tests import ROOT
from tests.seed_questions import needs_questions, texts
from tests.server.api.test_tool_schemas import problems_of
from tests.server.running_service import ABSURD, COLLAPSE, RECALL, Served

DOCUMENT = "003_ef5e1746d28300d1.txt"
WATCHING_TOOLS = ("add_standing_question", "check_standing_questions")
Session = Callable[[Client], Awaitable[Any]]


def over_http(served: Served, session: Session) -> Any:
    async def run() -> Any:
        async with Client(f"{served.address}/mcp") as client:
            return await session(client)

    return asyncio.run(run())


def over_stdio(index: Path, session: Session) -> Any:
    arguments = ["-m", "rag.cli", "mcp", "--index", str(index)]
    started = StdioServerParameters(command=sys.executable, args=arguments, cwd=str(ROOT))

    async def run() -> Any:
        async with Client(stdio_client(started)) as client:
            return await session(client)

    return asyncio.run(run())


async def asked(client: Client) -> list[Any]:
    answers = [await client.call_tool("ask", {"question": question}) for question in (COLLAPSE, RECALL, ABSURD)]
    return [answer.structured_content for answer in answers]


def test_both_ways_give_the_responses_of_python(running: Served, assistant: Assistant, index: Path) -> None:
    expected = [assistant.ask(question).to_dict() for question in (COLLAPSE, RECALL, ABSURD)]
    assert [response["status"] for response in expected] == ["answered", "answered", "no_answer"]
    for found in (over_http(running, asked), over_stdio(index, asked)):
        for mine, theirs in zip(expected, found, strict=True):
            assert {**theirs, "timings_ms": {}} == {**mine, "timings_ms": {}}


@needs_questions
def test_every_question_over_the_seeds_gets_the_citations_of_python(
    running: Served, assistant: Assistant, index: Path
) -> None:
    questions = texts()
    expected = [{**assistant.ask(question).to_dict(), "timings_ms": {}} for question in questions]
    assert len(questions) == 30 and {response["status"] for response in expected} == {"answered", "no_answer"}

    async def session(client: Client) -> list[Any]:
        found = [await client.call_tool("ask", {"question": question}) for question in questions]
        return [{**answer.structured_content, "timings_ms": {}} for answer in found]

    assert over_http(running, session) == expected
    assert over_stdio(index, session) == expected


def test_the_tools_give_what_they_say_and_only_those_that_watch_write(running: Served) -> None:
    calls: dict[str, dict[str, Any]] = {
        "ask": {"question": RECALL}, "search": {"query": "drones"}, "list_documents": {},
        "get_document": {"document_id": DOCUMENT, "start": 0, "end": 20},
        "verify_quote": {"document_id": DOCUMENT, "quote": "in 1991"},
        "proofread": {"text": "Israel buys 14 percent of its oil from Azerbaijan."},
        "add_standing_question": {"question": COLLAPSE}, "list_standing_questions": {},
        "check_standing_questions": {},
    }  # fmt: skip

    async def session(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == set(calls)
        for name, arguments in calls.items():
            tool = tools[name]
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (name not in WATCHING_TOOLS)
            assert tool.output_schema is not None
            assert problems_of(tool.input_schema, tool.name, tool.description or "") == []
            assert not {"oneOf", "anyOf", "allOf", "not"} & set(tool.output_schema)
            given = await client.call_tool(name, arguments)
            assert not given.is_error
            Draft202012Validator(tool.output_schema).validate(given.structured_content)
            text, *links = given.content
            assert text.type == "text" and json.loads(text.text) == given.structured_content
            assert all(link.type == "resource_link" for link in links) and len(text.text) <= MAX_RESULT_CHARACTERS

    over_http(running, session)


def test_a_search_goes_on_from_where_it_was_cut(running: Served, assistant: Assistant) -> None:
    async def session(client: Client) -> list[Any]:
        passages: list[Any] = []
        offset: int | None = 0
        while offset is not None:
            given = await client.call_tool("search", {"query": "Israel", "top_k": 10, "offset": offset})
            content = given.structured_content
            assert content is not None
            assert len(json.dumps(content, ensure_ascii=False)) <= MAX_RESULT_CHARACTERS
            passages += content["passages"]
            offset = content["next"] if len(passages) < 10 else None
        return passages

    passages = over_http(running, session)
    assert passages == [answer.to_dict() for answer in assistant.search("Israel", len(passages))]
    assert len(passages) >= 10


def test_a_quotation_is_a_link_that_reads_it_and_names_its_place_on_the_page(running: Served, index: Path) -> None:
    async def session(client: Client) -> Any:
        answer = await client.call_tool("ask", {"question": RECALL, "top_k": 1})
        _, link = answer.content
        assert isinstance(link, ResourceLink) and answer.structured_content is not None
        (read,) = (await client.read_resource(link.uri)).contents
        assert isinstance(read, TextResourceContents)
        assert read.text == answer.structured_content["answers"][0]["answer"]
        (changed,) = (await client.read_resource(str(link.uri).replace("weapons", "aeroplanes"))).contents
        assert isinstance(changed, TextResourceContents) and read.text in changed.text and changed.meta is not None
        assert changed.meta["status"] == "changed" and "aeroplanes" in changed.meta["then"]
        resources = (await client.list_resources()).resources
        assert [resource.name for resource in resources] == ["000_73dfa9be11753c50.txt", DOCUMENT]
        (whole,) = (await client.read_resource(resources[1].uri)).contents
        assert isinstance(whole, TextResourceContents)
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template.startswith("pincite://documents/")
        with pytest.raises(MCPError, match="NotFound"):
            await client.read_resource("pincite://documents/none")
        return link.description, whole.text

    page, text = over_http(running, session)
    assert f"{running.address}/?q=Why+did+Armenia" in page and "show=answers/1/0" in page
    alone, same = over_stdio(index, session)
    assert "http" not in alone and same == text


def test_a_quotation_is_verbatim_or_what_is_nearest_is_shown(running: Served, assistant: Assistant) -> None:
    document = assistant.index.document(DOCUMENT)
    assert document is not None
    quote = assistant.ask(COLLAPSE).answers[0].context

    async def session(client: Client) -> list[Any]:
        given = [{"document_id": DOCUMENT, "quote": text} for text in (quote, quote.replace("1991", "1919"))]
        return [(await client.call_tool("verify_quote", arguments)).structured_content for arguments in given]

    right, wrong = over_http(running, session)
    (place,) = right["places"]
    assert right["verbatim"] and document.text[place["start"] : place["end"]] == quote
    assert (wrong["verbatim"], wrong["places"]) == (False, []) and quote in wrong["nearest"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("ask", {"question": "x" * 3_000}, "InvalidQuestion"),
        ("ask", {"question": 5}, "InvalidInput"),
        ("ask", {"question": "Who?", "path": "/etc/passwd"}, "InvalidInput"),
        ("get_document", {"document_id": "../../etc/passwd"}, "NotFound"),
        ("remove_document", {"document_id": DOCUMENT}, "There is no tool"),
    ],
)
def test_a_mistake_comes_back_in_words(running: Served, tool: str, arguments: dict[str, Any], said: str) -> None:
    async def session(client: Client) -> Any:
        return await client.call_tool(tool, arguments)

    given = over_http(running, session)
    assert given.is_error and said in given.content[0].text
    assert "openapi" not in given.content[0].text


def test_without_the_library_the_extra_is_named(
    serving: Callable[..., TestClient], index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.server.api.application.find_spec", lambda name: None)
    monkeypatch.setattr("rag.cli.commands.server_commands.find_spec", lambda name: None)
    answer = serving().post("/mcp", json={})
    assert answer.status_code == 501 and "pincite-slim[mcp]" in answer.json()["remedy"]
    with pytest.raises(InvalidSettings, match=r"pincite-slim\[mcp\]"):
        mcp_command(index)
