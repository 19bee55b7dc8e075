"""The OpenAPI document keeps to what client generators can take; `make clients` tries two of them for real."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from rag.server.api.rest.reference_pages import REFERENCE_ASSETS, SERVED

NAMES_OF_GENERATORS = {"Response", "File", "Unset", "Client", "AuthenticatedClient", "Error", "Request"}
IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    content: dict[str, Any] = client.get("/v1/openapi.json").json()
    return content


def parts(content: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a JSON value."""
    if isinstance(content, dict):
        yield content
    for value in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from parts(value)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_the_document_keeps_to_what_client_generators_can_take(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = {part["$ref"] for part in parts(document) if isinstance(part.get("$ref"), str)}
    assert references <= {f"#/components/schemas/{name}" for name in schemas}
    # They make a field of each property, and leave out the whole operation if its name is none.
    fields = {
        name for part in parts(schemas) if isinstance(part.get("properties"), dict) for name in part["properties"]
    }
    assert {name for name in fields if not IDENTIFIER.fullmatch(name)} == set()
    assert not NAMES_OF_GENERATORS & set(schemas)
    # They make a type of each alternative, of the same names.
    assert [name for name, schema in schemas.items() if "oneOf" in schema or "allOf" in schema] == []


def test_every_operation_has_a_name_of_its_own_and_bodies_of_named_types(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names)) and all(IDENTIFIER.fullmatch(name) for name in names)
    assert {"ask", "search", "add_files", "get_job", "verify"} <= set(names)
    for operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        bodies += [answer for status, answer in operation["responses"].items() if status != "304"]
        for body in bodies:
            for kind, content in body["content"].items():
                schema = content["schema"]
                if kind == "image/png":
                    continue
                assert all("$ref" in each for each in schema.get("anyOf", [schema])), operation["operationId"]
        assert operation["description"]


def test_links_name_operations_that_are_there(document: dict[str, Any]) -> None:
    links = [link for part in parts(document) for link in part.get("links", {}).values() if isinstance(link, dict)]
    assert {link["operationId"] for link in links} == {"feedback", "get_job"}


def test_the_pages_of_the_document_need_nothing_from_elsewhere(client: TestClient) -> None:
    for page in ("/v1/docs", "/v1/redoc"):
        answer = client.get(page)
        assert answer.headers["content-type"].startswith("text/html")
        sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
        assert sources and all(source.startswith("/v1/assets/") for source in sources)
        for source in sources:
            assert client.get(source).status_code == 200
    assert client.get("/v1/assets/..%2Freference_pages.py").status_code == 404
    assert client.get("/v1/assets/README.md").status_code == 404


def test_the_files_of_others_are_as_they_were_published(client: TestClient) -> None:
    listed = (REFERENCE_ASSETS / "README.md").read_text(encoding="utf-8")
    hashes = dict(re.findall(r"^\| `([\w.-]+)` .*`([0-9a-f]{64})` \|$", listed, re.MULTILINE))
    assert set(hashes) == set(SERVED) - {"reference.js"}
    for name, expected in hashes.items():
        packed = (REFERENCE_ASSETS / f"{name}.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == expected
        plain = client.get(f"/v1/assets/{name}", headers={"accept-encoding": "identity"})
        assert hashlib.sha256(plain.content).hexdigest() == expected
        assert "content-encoding" not in plain.headers
        compressed = client.get(f"/v1/assets/{name}", headers={"accept-encoding": "gzip"})
        assert compressed.headers["content-encoding"] == "gzip" and compressed.content == plain.content
    licences = " ".join(path.name for path in REFERENCE_ASSETS.glob("*.txt"))
    assert "swagger-ui.LICENSE" in licences and "redoc.LICENSE" in licences
    assert sum(path.stat().st_size for path in REFERENCE_ASSETS.iterdir()) < 900_000


def test_the_document_is_small_enough_to_read(document: dict[str, Any]) -> None:
    assert len(json.dumps(document)) < 100_000
