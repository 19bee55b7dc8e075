"""The schemas of the tools keep the rules of hosts that refuse a whole server for one keyword; results are short."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from rag.core.errors import InvalidInput
from rag.evidence.citation_link import CitationLink
from rag.server.api.mcp.tool_results import (
    MAX_RESULT_CHARACTERS,
    MAX_SHOWN_COPIES,
    paged,
    require_short,
    short_response,
    short_text,
    size,
)
from rag.server.api.mcp.tool_schemas import input_schema
from rag.server.api.rest.requests import (
    AskRequest,
    DocumentsPage,
    ProofPage,
    QuoteRequest,
    SearchPage,
    StandingPage,
    StandingRequest,
    TextRequest,
)
from rag.server.api.rest.resources import DocumentRange, range_of
from rag.server.problems import Refused

GEMINI_KEYS = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "anyOf", "propertyOrdering", "default",
    "items", "minimum", "maximum", "example", "additionalProperties",
}  # fmt: skip
GEMINI_TYPES = {"string", "number", "integer", "boolean", "array", "object"}


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas inside it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for each in inner:
        yield from parts(each)


def claude(schema: dict[str, Any], name: str, description: str) -> list[str]:
    """Return what the API of Claude refuses: conditions at the root, names with other letters."""
    found = [key for key in ("oneOf", "anyOf", "allOf") if key in schema]
    names = [key for key in schema.get("properties", {}) if not re.fullmatch("[a-zA-Z0-9_.-]{1,64}", key)]
    return [*found, *names, *([] if re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) else [name])]


def openai(schema: dict[str, Any], name: str, description: str) -> list[str]:
    """Return what the functions of OpenAI refuse: a root of another kind, arrays without items, a long description."""
    found: list[str] = [key for key in ("oneOf", "anyOf", "allOf", "enum", "not") if key in schema]
    found += [] if schema.get("type") == "object" else ["type"]
    found += ["items" for part in parts(schema) if part.get("type") == "array" and "items" not in part]
    return found + ([] if len(description) <= 1_024 else ["description"])


def gemini(schema: dict[str, Any], name: str, description: str) -> list[str]:
    """Return what the functions of Gemini refuse: other keywords, a list of types, an enum of other than texts."""
    found = [key for part in parts(schema) for key in part if key not in GEMINI_KEYS]
    found += [str(part["type"]) for part in parts(schema) if str(part.get("type", "object")) not in GEMINI_TYPES]
    return found + [
        str(part["enum"]) for part in parts(schema) if not all(isinstance(v, str) for v in part.get("enum", ()))
    ]


def problems_of(schema: dict[str, Any], name: str, description: str) -> list[str]:
    """Return what a host would refuse, and the arguments that nothing is said of."""
    silent = [key for key, part in schema["properties"].items() if not part.get("description")]
    return [problem for host in (claude, openai, gemini) for problem in host(schema, name, description)] + silent


@pytest.mark.parametrize(
    "request_type",
    [AskRequest, SearchPage, TextRequest, QuoteRequest, DocumentsPage, ProofPage, StandingPage, StandingRequest],
)
def test_no_host_refuses_the_schema_of_a_tool(request_type: type) -> None:
    schema = TypeAdapter(request_type).json_schema()
    assert problems_of(schema, "ask", ""), "as pydantic writes it, a host refuses it"
    assert problems_of(input_schema(schema), "ask", "Answer a question.") == []


@pytest.mark.parametrize(
    "document_id", ["a.txt", "a b/c.txt", "../x", "ä?start=1&end=2#f", "http://example.org/x?y=z", "100%"]
)
def test_the_address_of_a_range_names_it_exactly(document_id: str) -> None:
    link = CitationLink(document_id, 4, "It “rained” & poured;", "a+b", " %", "0a")
    for place in (
        DocumentRange(document_id),
        DocumentRange(document_id, 4, 9),
        DocumentRange(document_id, 4, 25, link),
    ):
        assert range_of(place.uri) == place


@pytest.mark.parametrize(
    "uri",
    ["", "pincite://", "pincite://documents/", "pincite://other/a", "file:///etc/passwd", "http://documents/a",
     "pincite://documents/a?start=x", "pincite://documents/a?start=-1", "pincite://[documents/a", "pincite://documents/a?"
     "start=" + "9" * 5_000],
)  # fmt: skip
def test_another_address_is_none_of_a_document(uri: str) -> None:
    with pytest.raises(InvalidInput):
        range_of(uri)


def answer(rank: int, letters: int, copies: int = 0) -> dict[str, Any]:
    return {"rank": rank, "answer": "x" * letters, "also_in": [{"title": "y" * letters}] * copies}


def response(answers: list[dict[str, Any]], closest: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    refusal = None if closest is None else {"closest": closest, "possible": []}
    groups = [[item["rank"] for item in answers]]
    return {"answers": answers, "no_answer": refusal, "agreement": {"groups": groups, "differ": False}}


def test_a_response_is_cut_from_its_end_and_says_so() -> None:
    whole = response([answer(1, 2_000), answer(2, 2_000)])
    assert short_response(whole) == (whole, "")
    cut, said = short_response(response([answer(rank, 3_000) for rank in (1, 2, 3, 4)]))
    assert [item["rank"] for item in cut["answers"]] == [1, 2, 3] and cut["agreement"]["groups"] == [[1, 2, 3]]
    assert said == "3 of 4 answers are shown" and size(cut) <= MAX_RESULT_CHARACTERS
    cut, said = short_response(response([answer(1, 900, copies=50)]))
    assert len(cut["answers"][0]["also_in"]) == MAX_SHOWN_COPIES and "copies" in said
    cut, said = short_response(response([], [answer(rank, 4_000) for rank in (1, 2, 3)]))
    assert (len(cut["no_answer"]["closest"]), said) == (2, "2 of 3 closest are shown")


def test_a_list_is_cut_to_what_fits_and_what_is_too_long_is_passed_over_in_words() -> None:
    content = {"passages": [answer(rank, 3_000) for rank in range(1, 6)], "next": 5}
    shown = paged(content, "passages", lambda last, count: count)
    assert (len(shown["passages"]), shown["next"]) == (3, 3) and size(shown) <= MAX_RESULT_CHARACTERS
    with pytest.raises(Refused, match="One of the passages") as refusal:
        paged({"passages": [answer(1, 20_000)], "next": None}, "passages", lambda last, count: count)
    assert "go on with 1" in refusal.value.problem.remedy
    with pytest.raises(Refused, match="20,0"):
        require_short(answer(1, 20_000), "Ask for less.")


def test_a_text_is_cut_where_it_no_longer_fits() -> None:
    for letter in "x", "\n", "\x01":
        text = {"document_id": "a", "start": 5, "end": 50_005, "text": letter * 50_000}
        shown = short_text(text)
        assert shown["end"] == 5 + len(shown["text"]) and size(shown) <= MAX_RESULT_CHARACTERS
