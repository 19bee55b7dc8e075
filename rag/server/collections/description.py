"""Describes a server of several collections by OpenAPI: its own addresses, and those that every collection has."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rag import __version__
from rag.server.api.application import described_service, placed
from rag.server.api.rest.schemas import TEXT, array, published, record_schema
from rag.server.collections.collection import Collection
from rag.server.collections.joint import ORIGIN, SUMMARY_OF_COLLECTION
from rag.server.collections.routes import COLLECTIONS, LISTED_COLLECTION

PREFIX_OF_ANY = "/v1/collections/{collection}"
NAME_PARAMETER = {"name": "collection", "in": "path", "required": True, "schema": TEXT, "description": "Its name."}
JOINT_REQUESTS = ("JointAskRequest", "JointSearchRequest")


def described_site(app: FastAPI, collections: Mapping[str, Collection]) -> dict[str, Any]:
    """Return the OpenAPI document. All collections have the same addresses, so any of them is described."""
    content = get_openapi(
        title="Pincite",
        version=__version__,
        description="Answers questions over several collections of articles with verbatim, verified quotations.",
        routes=app.routes,
    )
    any_collection = next(iter(collections.values()))
    inner = placed(deepcopy(described_service(any_collection.service.rest)), PREFIX_OF_ANY)
    for item in inner["paths"].values():
        for operation in item.values():
            operation["parameters"] = [NAME_PARAMETER, *operation.get("parameters", ())]
    schemas = {**inner["components"]["schemas"], **content["components"]["schemas"], **joint_schemas()}
    for name in JOINT_REQUESTS:
        schemas[name]["properties"]["filters"] = {"anyOf": [_reference("Filters"), {"type": "null"}]}
    return {
        **inner,
        "info": content["info"],
        "paths": {**content["paths"], **inner["paths"]},
        "components": {**inner["components"], "schemas": schemas},
    }


def joint_schemas() -> dict[str, Any]:
    """Return by name the schemas that only a server of several collections has."""
    answer = published()["$defs"]["answer"]
    answer = {
        **answer,
        "properties": {**answer["properties"], "collection": ORIGIN},
        "required": [*answer["required"], "collection"],
    }
    summaries = array(record_schema(SUMMARY_OF_COLLECTION))
    schemas = {
        "JointAnswer": answer,
        "JointAnswers": record_schema(
            {
                "question": TEXT,
                "status": {"enum": ["answered", "no_answer"]},
                "answers": array(_reference("JointAnswer")),
                "collections": summaries,
            }
        ),
        "JointPassages": record_schema(
            {"query": TEXT, "passages": array(_reference("JointAnswer")), "collections": summaries}
        ),
        "Collection": LISTED_COLLECTION,
        "Collections": COLLECTIONS,
    }
    moved: dict[str, Any] = json.loads(json.dumps(schemas).replace('"#/$defs/', '"#/components/schemas/'))
    return moved


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
