"""Puts REST and MCP on the port of the page: one process, one assistant, one door."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from rag import __version__
from rag.core.errors import RagError
from rag.core.settings import Options, Settings
from rag.server.api.access import Access
from rag.server.api.access_log import AccessLog, Figures
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.file_jobs import FileJobs
from rag.server.api.rest.handlers import Handlers
from rag.server.api.rest.proof_routes import is_form, proof_routes
from rag.server.api.rest.reference_pages import reference_routes
from rag.server.api.rest.requests import ProofRequest
from rag.server.api.rest.routes import (
    asking_routes,
    citation_routes,
    described,
    file_routes,
    looking_routes,
    page_routes,
    prefix_of,
    respond,
    writing_routes,
)
from rag.server.api.rest.schemas import components
from rag.server.api.rest.standing_routes import StandingHandlers, standing_routes
from rag.server.api.tokens import Tokens
from rag.server.asgi import App, Message, Receive, Send
from rag.server.files.incoming_files import IncomingFiles
from rag.server.limits.body_limit import MAX_BODY_BYTES, BodyLimit
from rag.server.problems import (
    AGAIN_AFTER_SECONDS,
    MEDIA_TYPE,
    Problem,
    Refused,
    invalid_request,
    name_of,
    problem_of,
    refused,
    unexpected,
)
from rag.server.proofs.proof_jobs import ProofJobs
from rag.server.shared_assistant import SharedAssistant

OURS = re.compile(r"/(v1|mcp)(/.*)?|/(healthz|readyz|metrics)", re.DOTALL)
"""Addresses that are not the page's."""
NO_MCP, INSTALL_MCP = "The MCP library is not installed.", "Install it: pip install 'pincite-slim[mcp]'"
PROBES = ("/healthz", "/readyz")
"""Addresses that a server of several collections has once."""
WORDS = {404: "There is nothing at this address.", 405: "This address does not take this method."}


class Junction:
    """ASGI middleware of the page that passes requests of the service to it."""

    def __init__(self, app: App, service: App) -> None:
        """Stand before `app`."""
        self._app, self._service = app, service

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on to one of the two."""
        ours = scope["type"] == "http" and OURS.fullmatch(scope["path"])
        await (self._service if ours else self._app)(scope, receive, send)


def put_before(
    app: FastAPI, assistant: SharedAssistant, options: Options, incoming: IncomingFiles, tokens: Tokens
) -> None:
    """Put the service before the page; files that clients send wait in `incoming`, beside those of the page.

    Call it before the page's check of hosts is added, which is to stand before both, and before Gradio is mounted.
    """
    service = IndexService(assistant, options, incoming, RequestQueue(options.rate_limit))
    access_log = AccessLog(Access(service.app, tokens, options), service.figures)
    app.add_middleware(Junction, service=access_log)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(application: Any) -> AsyncIterator[Any]:
        async with before(application) as state, service.running(access_log):
            yield state

    app.router.lifespan_context = lifespan


class IndexService:
    """REST and MCP over one index, for requests whose client is in their scope already."""

    def __init__(
        self, assistant: SharedAssistant, options: Options, incoming: IncomingFiles, queue: RequestQueue
    ) -> None:
        """Answer from `assistant`; files that clients send wait in `incoming`."""
        self.handlers, self.figures = Handlers(assistant), Figures(lambda: assistant.info)
        self._jobs, self._proofs = FileJobs(self.handlers, incoming), ProofJobs(assistant)
        routers = [file_routes(self._jobs, incoming, queue), proof_routes(self._proofs, incoming, queue)]
        self.rest = build_service(self.handlers, queue, self.figures, routers)
        self._manager = None
        service: App = self.rest
        if find_spec("mcp"):
            from rag.server.api.mcp.tools import http_manager

            self._manager = http_manager(self.handlers, queue, options.readonly)
            service = _Fork(service, self._manager.handle_request)
        self.app: App = BodyLimit(service, _max_bytes(options))

    @asynccontextmanager
    async def running(self, access_log: AccessLog) -> AsyncIterator[None]:
        """Run what works in the background; at the end, let requests of `access_log` and the running job end."""
        async with AsyncExitStack() as stack:
            if self._manager is not None:
                await stack.enter_async_context(self._manager.run())
            yield
            await access_log.drain()
            self._proofs.close()
            await asyncio.to_thread(self._jobs.close)


def _max_bytes(options: Options) -> Callable[[Message], int | None]:
    """Return the limits of bodies: documents may be as long as an uploaded file, and files go straight to the disk."""

    def max_bytes(scope: Message) -> int | None:
        if scope["method"] == "POST" and (scope["path"] == "/v1/files" or _is_draft_file(scope)):
            return None
        return options.upload_limit * 1_000_000 if scope["path"] == "/v1/documents" else MAX_BODY_BYTES

    return max_bytes


def _is_draft_file(scope: Message) -> bool:
    content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    return bool(scope["path"] == "/v1/proof") and is_form(content_type)


def build_service(
    handlers: Handlers, queue: RequestQueue, figures: Figures, file_routers: Sequence[APIRouter]
) -> FastAPI:
    """Return the REST application, without the checks before it; `file_routers` have the routes that take files."""
    # Client generators name their functions by the operations.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, generate_unique_id_function=lambda route: route.name)
    # A redirect would lead out of a collection, to the address of the same name for all of them.
    app.router.redirect_slashes = False
    app.include_router(asking_routes(handlers, queue))
    app.include_router(citation_routes(handlers, queue))
    app.include_router(page_routes(handlers, queue))
    app.include_router(looking_routes(handlers, queue))
    app.include_router(writing_routes(handlers, queue))
    for router in file_routers:
        app.include_router(router)
    app.include_router(reference_routes())
    app.include_router(standing_routes(StandingHandlers(handlers.assistant), queue))
    _add_operation(app, handlers.assistant, figures)
    description = functools.cache(lambda: described_service(app))
    add_problems(app, description)

    @app.api_route("/mcp", methods=["GET", "POST", "DELETE"], include_in_schema=False)
    async def without_the_library() -> Response:
        raise refused(501, NO_MCP, INSTALL_MCP)

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        settings = await queue.run(handlers.assistant.settings)
        return respond(placed(_of_this_place(description(), settings), prefix_of(request)))

    return app


def described_service(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document."""
    content = get_openapi(
        title="Pincite",
        version=__version__,
        description="Answers questions over your own articles with verbatim, verified quotations.",
        routes=app.routes,
    )
    schemas = content.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components())
    schemas["ProofRequest"] = TypeAdapter(ProofRequest).json_schema()
    for name in ("AskRequest", "BatchRequest", "SearchRequest", "StandingRequest", "ProofRequest"):
        filters = {"anyOf": [{"$ref": "#/components/schemas/Filters"}, {"type": "null"}]}
        schemas[name]["properties"]["filters"] = filters
    content["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    content["security"] = [{}, {"token": []}]
    return content


def placed(content: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the document with the addresses below `prefix`, those of the service beside `/v1` too."""
    if prefix == "/v1":
        return content
    paths = {prefix + path.removeprefix("/v1"): item for path, item in content["paths"].items() if path not in PROBES}
    return {**content, "paths": paths}


def _of_this_place(content: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the document with the limits of the settings of this service."""
    document = deepcopy(content)
    for name, part in (("AskRequest", "question"), ("SearchRequest", "query")):
        document["components"]["schemas"][name]["properties"][part]["maxLength"] = settings.max_question_length
    return document


class _Fork:
    """Tells MCP from REST."""

    def __init__(self, rest: App, mcp: App) -> None:
        self._rest, self._mcp = rest, mcp

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await (self._mcp if scope["path"].startswith("/mcp") else self._rest)(scope, receive, send)


def _add_operation(app: FastAPI, assistant: SharedAssistant, figures: Figures) -> None:
    @app.get("/healthz", tags=["service"], responses=described("State"))
    async def healthz() -> Response:
        """Tell that the process lives."""
        return respond({"status": "alive"})

    @app.get("/readyz", tags=["service"], responses=described("State"))
    async def readyz() -> Response:
        """Tell whether questions are answered at once; 503 while the model is being loaded, or could not be."""
        if assistant.info is not None:
            return respond({"status": "ready"})
        if assistant.problem is not None:
            raise refused(503, "The index could not be opened.", "See the log, and run `rag check`.")
        again = {"retry-after": str(AGAIN_AFTER_SECONDS)}
        raise refused(503, "The model is being loaded.", "Try again in a moment.", again)

    @app.get("/metrics", tags=["service"], responses=described("Figures", "text/plain"), response_class=Response)
    async def metrics() -> Response:
        """Return the figures in the text format of Prometheus."""
        return Response(figures.text(), media_type="text/plain; version=1.0.0")


def add_problems(app: FastAPI, description: Callable[[], dict[str, Any]]) -> None:
    """Answer every error as a problem; `description` returns the OpenAPI document of the addresses."""

    @app.exception_handler(RagError)
    async def error_of_the_package(request: Request, error: RagError) -> Response:
        return _response(problem_of(error))

    @app.exception_handler(Refused)
    async def refusal(request: Request, error: Refused) -> Response:
        return _response(error.problem)

    @app.exception_handler(RequestValidationError)
    async def not_as_described(request: Request, error: RequestValidationError) -> Response:
        return _response(invalid_request(error.errors()))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        detail = WORDS.get(status, error.detail)
        remedy = "See /v1/openapi.json for what there is."
        headers = (
            {"allow": ", ".join(_allowed(description(), request.scope["path"]))}
            if status == 405
            else error.headers or {}
        )
        return _response(Problem(status, name_of(status), detail, remedy, "", headers))

    @app.exception_handler(Exception)
    async def of_the_program(request: Request, error: Exception) -> Response:
        return _response(unexpected())


def _allowed(description: dict[str, Any], address: str) -> list[str]:
    """Return the methods that an address takes, by the longest form of addresses that it fits."""
    forms = {path: ".+".join(map(re.escape, re.split(r"\{.*?\}", path))) for path in description["paths"]}
    fitting = [path for path, form in forms.items() if re.fullmatch(form, address)]
    return sorted(method.upper() for method in description["paths"][max(fitting, key=len)]) if fitting else []


def _response(problem: Problem) -> Response:
    return Response(problem.to_bytes(), problem.status, dict(problem.headers), MEDIA_TYPE)
