"""Stands before all collections: finds out who asks, and passes the request on to a collection that he may see.

A collection that the caller may not see gets the same answer as one that does not exist, from the same lines.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse, Response

from rag.server.api.access import OPEN, Client, needed_scope
from rag.server.api.access_log import AccessLog, Figures
from rag.server.api.tokens import SCOPES, Scope
from rag.server.asgi import PAGE_KEY, REST_PREFIX_KEY, App, Message, Receive, Send
from rag.server.collections.collection import Collection
from rag.server.collections.site_pages import problem_page
from rag.server.page.components import ASSETS_ADDRESS
from rag.server.problems import MEDIA_TYPE, Problem, Refused, refused
from rag.server.rights.admission import Admission, Caller

CALLER_KEY = "pincite.caller"
"""Key of the scope under which the routes of the front find who asks."""
REFUSAL_KEY = "pincite.refusal"
REST_ADDRESS = re.compile(r"/v1/collections/(?P<name>[^/]+)/(?P<rest>.+)", re.DOTALL)
PAGE_ADDRESS = re.compile(r"/c/(?P<name>[^/]+)(?P<rest>/.*)?", re.DOTALL)
FREE = re.compile(rf"/login|/favicon\.ico|/robots\.txt|{ASSETS_ADDRESS}/[\w.-]+\.(?:css|js|svg|woff2)")
"""Open to everyone: the login, and files that are the same everywhere."""
BESIDE_V1 = ("mcp", "metrics")
"""Addresses of a collection that its service has beside `/v1`."""
READ_METHODS = ("GET", "HEAD")


class Inner(NamedTuple):
    """A request as the part of a collection sees it that answers it."""

    app: App
    scope: Message


class Front:
    """ASGI middleware before the addresses that belong to no collection."""

    def __init__(self, app: App, collections: Mapping[str, Collection], admission: Admission, figures: Figures) -> None:
        """Stand before `app`, which answers everything else; `figures` count its answers and refusals."""
        self._lifespan, self._collections, self._admission = app, collections, admission
        self._app = AccessLog(app, figures)
        self._refusing = AccessLog(_refuse, figures)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on a request to where it may go."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] != "http":  # no page opens a web socket
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._admitted(scope, receive, send)

    async def _admitted(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            if OPEN.fullmatch(scope["path"]) or FREE.fullmatch(scope["path"]):
                inner = Inner(self._app, scope)
            else:
                scope[CALLER_KEY] = caller = self._admission.caller(scope)
                inner = self._inner(scope, caller)
        except Refused as refusal:
            if refusal.problem.status == HTTPStatus.UNAUTHORIZED and _is_visit(scope) and self._admission.has_logins():
                await _redirect(send, f"/login?{urlencode({'next': _address(scope)})}")
            else:
                await self._refusing({**scope, REFUSAL_KEY: _refusal(scope, refusal.problem)}, receive, send)
        else:
            await inner.app(inner.scope, receive, send)

    def _inner(self, scope: Message, caller: Caller) -> Inner:
        """Return who answers a request. Raises Refused if the caller may not see it, or may not do it."""
        path = scope["path"]
        page, rest = PAGE_ADDRESS.fullmatch(path), REST_ADDRESS.fullmatch(path)
        if page is not None:
            collection, role = self._visible(page["name"], caller)
            prefix = f"/c/{collection.name}"
            if page["rest"] is None:
                raise refused(404, "There is nothing at this address.", f"The page is at {prefix}/.")
            return Inner(collection.page(role), {**scope, "path": page["rest"], "root_path": prefix})
        if rest is not None:
            return self._service(scope, caller, rest["name"], rest["rest"])
        return Inner(self._app, scope)

    def _service(self, scope: Message, caller: Caller, name: str, rest: str) -> Inner:
        collection, role = self._visible(name, caller)
        path = f"/{rest}" if rest in BESIDE_V1 else f"/v1/{rest}"
        needed = needed_scope(scope["method"], path)
        if needed == "write" and self._admission.options.readonly:
            raise refused(403, "This service is for reading only.", "Change the documents with rag index, in a shell.")
        if SCOPES.index(role) < SCOPES.index(needed):
            detail = f"This needs the role {needed} in {collection.name}; yours is {role}."
            raise refused(403, detail, "Ask the owner of the server for it.")
        prefix = f"/v1/collections/{collection.name}"
        inner = {**scope, "path": path, REST_PREFIX_KEY: prefix, PAGE_KEY: f"/c/{collection.name}/",
                 "pincite.client": Client(caller.name, role)}  # fmt: skip
        return Inner(collection.access_log, inner)

    def _visible(self, name: str, caller: Caller) -> tuple[Collection, Scope]:
        """Return a collection and the caller's role in it. Raises Refused, with the same words whether it exists."""
        collection, role = self._collections.get(name), caller.role_in(name)
        if collection is None or role is None:
            raise no_such_collection(name)
        return collection, role


def no_such_collection(name: str) -> Refused:
    """Return the refusal of a name that the caller knows nothing of."""
    detail = f"You have no collection {name[:64]!r}."
    return refused(404, detail, "GET /v1/collections lists those that you have.")


def _is_visit(scope: Message) -> bool:
    """Tell whether a browser opens a page, and no program or script asks."""
    accept = dict(scope["headers"]).get(b"accept", b"")
    return scope["method"] in READ_METHODS and b"text/html" in accept and not scope["path"].startswith("/v1/")


def _address(scope: Message) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")


async def _redirect(send: Send, address: str) -> None:
    headers = [
        (b"location", address.encode("latin-1", "replace")),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _refusal(scope: Message, problem: Problem) -> Response:
    """Return a problem as a page to a browser, else as JSON."""
    if _is_visit(scope):
        return HTMLResponse(problem_page(problem.detail, problem.remedy), problem.status, dict(problem.headers))
    return Response(problem.to_bytes(), problem.status, dict(problem.headers), MEDIA_TYPE)


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    await scope[REFUSAL_KEY](scope, receive, send)
