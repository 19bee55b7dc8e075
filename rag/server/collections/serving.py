"""Serves several indexes by name in one process: builds the application, and runs it."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag.answering.assistant import Assistant
from rag.core.settings import Options
from rag.index.storage.manifest import TOKENS
from rag.server.api.access_log import Figures, log_to_stderr
from rag.server.api.application import add_problems
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.reference_pages import reference_routes
from rag.server.api.rest.routes import described, respond
from rag.server.api.tokens import Tokens
from rag.server.asgi import App, Message
from rag.server.collections.collection import Collection, build_collection
from rag.server.collections.description import described_site
from rag.server.collections.front import Front
from rag.server.collections.routes import collection_routes
from rag.server.collections.site import site_routes
from rag.server.limits.body_limit import MAX_BODY_BYTES, BodyLimit
from rag.server.page.components import ASSETS, ASSETS_ADDRESS
from rag.server.page_routes import MAX_LOGIN_BYTES
from rag.server.problems import AGAIN_AFTER_SECONDS, refused
from rag.server.rights.admission import Admission
from rag.server.rights.rights_file import Rights
from rag.server.rights.trusted_proxy import trusted_addresses
from rag.server.web import listen, run_server

NOT_READY = "A collection is being opened, or could not be: see the log."


def serve_collections(
    indexes: Mapping[str, Path], opening: Callable[[Path], Callable[[], Assistant]], options: Options, rights: Rights
) -> None:
    """Serve indexes by name until interrupted. `opening` returns for the folder of an index what opens its assistant.

    Raises InvalidInput if the address cannot be listened on, InvalidSettings if the proxy that names users is none.
    """
    if options.trust_proxy_user:
        trusted_addresses(options)  # so that a mistake is reported before anything is built
    listener = listen(options.host, options.port)
    log_to_stderr()
    queue = RequestQueue(options.rate_limit)
    collections = build_collections(indexes, opening, options, queue)
    assistants = [collection.assistant for collection in collections.values()]
    run_server(build_site(collections, options, rights, queue), listener, options, assistants)


def build_collections(
    indexes: Mapping[str, Path],
    opening: Callable[[Path], Callable[[], Assistant]],
    options: Options,
    queue: RequestQueue,
) -> dict[str, Collection]:
    """Return the collections by name; none of them is open yet."""
    private = tuple(indexes.values())
    return {
        name: build_collection(name, index, opening(index), options, queue, private) for name, index in indexes.items()
    }


def build_site(collections: Mapping[str, Collection], options: Options, rights: Rights, queue: RequestQueue) -> App:
    """Return the application with its front, which every request passes."""
    own_tokens = {name: Tokens(collection.index / TOKENS) for name, collection in collections.items()}
    admission = Admission.of(rights, own_tokens, options)
    site = _site(collections, admission, queue)
    app: App = Front(BodyLimit(site, _max_bytes), collections, admission, Figures(lambda: None))
    if options.host_names:
        app = cast("App", TrustedHostMiddleware(cast("Any", app), allowed_hosts=options.host_names))
    return app


def _site(collections: Mapping[str, Collection], admission: Admission, queue: RequestQueue) -> FastAPI:
    """Return what answers at the addresses that belong to no collection."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_running(collections),
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(collection_routes(collections, queue))
    app.include_router(site_routes(collections, admission, queue))
    app.include_router(reference_routes())
    description = functools.cache(lambda: described_site(app, collections))
    add_problems(app, description)

    @app.get("/healthz", tags=["service"], responses=described("State"))
    async def healthz() -> Response:
        """Tell that the process lives."""
        return respond({"status": "alive"})

    @app.get("/readyz", tags=["service"], responses=described("State"))
    async def readyz() -> Response:
        """Tell whether questions to all collections are answered at once."""
        if all(collection.assistant.info is not None for collection in collections.values()):
            return respond({"status": "ready"})
        raise refused(503, NOT_READY, "Try again in a moment.", {"retry-after": str(AGAIN_AFTER_SECONDS)})

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return respond(description())

    app.mount(ASSETS_ADDRESS, StaticFiles(directory=ASSETS))
    return app


def _running(
    collections: Mapping[str, Collection],
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for collection in collections.values():
                await stack.enter_async_context(collection.running())
            yield

    return lifespan


def _max_bytes(scope: Message) -> int | None:
    if scope["type"] != "http":
        return None
    return MAX_LOGIN_BYTES if scope["path"] == "/login" else MAX_BODY_BYTES
