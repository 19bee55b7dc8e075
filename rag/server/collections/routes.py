"""Lays out the addresses that belong to no single collection: their list, and one question to several of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rag.server.api.access import Client
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.etags import conditional
from rag.server.api.rest.handlers import Handlers
from rag.server.api.rest.routes import described, described_with_tag, json_bytes, respond
from rag.server.api.rest.schemas import TEXT, array, record_schema
from rag.server.api.tokens import SCOPES
from rag.server.collections.collection import Collection
from rag.server.collections.front import CALLER_KEY, no_such_collection
from rag.server.collections.joint import JointAskRequest, JointSearchRequest, ask_jointly, search_jointly
from rag.server.rights.admission import Caller

LISTED_COLLECTION = record_schema(
    {
        "name": TEXT,
        "role": {"enum": list(SCOPES)},
        "page": TEXT,
        "documents": {"type": ["integer", "null"], "minimum": 0},
        "version": {"type": ["integer", "null"], "minimum": 0},
    }
)
"""The schema of one collection in the list; the counts are null until it is open."""
COLLECTIONS = record_schema({"caller": TEXT, "collections": array(LISTED_COLLECTION)})


def collection_routes(collections: Mapping[str, Collection], queue: RequestQueue) -> APIRouter:
    """Return the addresses; each answers only of collections that the caller may read."""
    router = APIRouter(prefix="/v1", tags=["collections"])

    @router.get("/collections", responses=described_with_tag("Collections"))
    async def list_collections(request: Request) -> Response:
        """List the collections that you may read, with your role in each."""
        return conditional(request, json_bytes(listed(collections, caller_of(request))))

    @router.get("/collections/{name}", responses=described_with_tag("Collection"))
    async def get_collection(name: str, request: Request) -> Response:
        """Return your role in a collection, and how large it is."""
        content = listed(collections, caller_of(request))["collections"]
        own = next((entry for entry in content if entry["name"] == name), None)
        if own is None:
            raise no_such_collection(name)
        return conditional(request, json_bytes(own))

    @router.post("/ask", responses=described("JointAnswers"))
    async def ask_collections(asked: JointAskRequest, request: Request) -> Response:
        """Ask several collections one question; each answer names its collection, the most confident comes first."""
        handlers = chosen(collections, caller_of(request), asked.collections)
        queue.take(counted_client(request), max(1, len(handlers)))
        return respond(await ask_jointly(asked, handlers, queue))

    @router.post("/search", responses=described("JointPassages"))
    async def search_collections(asked: JointSearchRequest, request: Request) -> Response:
        """Find passages in several collections; each names its collection."""
        handlers = chosen(collections, caller_of(request), asked.collections)
        queue.take(counted_client(request), max(1, len(handlers)))
        return respond(await search_jointly(asked, handlers, queue))

    return router


def listed(collections: Mapping[str, Collection], caller: Caller) -> dict[str, Any]:
    """Return who asks and the collections that he may read."""
    entries = []
    for name, collection in collections.items():
        role, info = caller.role_in(name), collection.assistant.info
        if role is not None:
            counts = {"documents": info.documents if info else None, "version": info.version if info else None}
            entries.append({"name": name, "role": role, "page": f"/c/{name}/", **counts})
    return {"caller": caller.name, "collections": entries}


def chosen(collections: Mapping[str, Collection], caller: Caller, names: Sequence[str] | None) -> dict[str, Handlers]:
    """Return what answers for each collection that is asked, all that the caller may read if none is named.

    Raises Refused for a name that the caller may not read, with the same words whether it exists.
    """
    readable = {name: collection.service.handlers for name, collection in collections.items() if caller.role_in(name)}
    for name in names or ():
        if name not in readable:
            raise no_such_collection(name)
    return {name: readable[name] for name in names} if names is not None else readable


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    caller: Caller = request.scope[CALLER_KEY]
    return caller


def counted_client(request: Request) -> Client:
    """Return who asks, as the queue counts him."""
    return Client(caller_of(request).name, "read")
