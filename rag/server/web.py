"""Serves the page, REST and MCP: binds the port, adds the headers, prints the address when it answers."""

import asyncio
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import gradio as gr
import typer
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount, Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rag.answering.assistant import Assistant
from rag.core.errors import InvalidInput
from rag.core.settings import Options, Settings
from rag.loading.sources import UPLOADS
from rag.server.asgi import App, Message
from rag.server.files.incoming_files import ADDRESS as UPLOAD_ADDRESS
from rag.server.files.incoming_files import IncomingFiles, UploadEndpoint
from rag.server.files.original_files import EVIDENCE_ADDRESS, FILE_ADDRESS, PICTURE_ADDRESS, OriginalEndpoint
from rag.server.files.uploads import stored_bytes
from rag.server.limits.connections import KEEP_ALIVE_SECONDS, BoundedConnection
from rag.server.limits.headers import SecurityHeaders
from rag.server.page.components import ASSETS, ASSETS_ADDRESS
from rag.server.page.page import build_page
from rag.server.page.theme import theme
from rag.server.page_routes import PageRoutes
from rag.server.proofs.endpoint import PROOF_ADDRESS, ProofEndpoint
from rag.server.proofs.proof_jobs import ProofJobs
from rag.server.quiet_server import QuietServer
from rag.server.rights.trusted_proxy import ProxyUser, trusted_addresses
from rag.server.shared_assistant import SharedAssistant

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean all of this machine's, and one at which it can be asked."""
MAX_START_SECONDS = 120
STYLES = ("fonts.css", "documents.css", "page.css", "pages.css", "drafts.css")
PRELOADED_FONTS = ("source-serif-4-latin-400.woff2", "source-serif-4-latin-700.woff2")
Attach = Callable[[FastAPI, SharedAssistant, Options, IncomingFiles], None]


def serve(index: Path, settings: Settings, options: Options | None = None, attach: Attach | None = None) -> None:
    """Serve the page over an index until interrupted; see `serve_assistant`."""
    serve_assistant(lambda: Assistant.open(index, settings), options, (index,), attach)


def serve_assistant(
    open_assistant: Callable[[], Assistant],
    options: Options | None = None,
    private: tuple[Path, ...] = (),
    attach: Attach | None = None,
) -> None:
    """Serve the page until interrupted, and open the assistant in the background once the page answers.

    Port 0 takes a free one. The address is the last line printed. No file below `private` is ever served.
    `attach` puts other faces over the same assistant on the same port.
    Raises InvalidInput if the address cannot be listened on, or if a proxy is to name the users.
    """
    options = options or Options()
    if options.trust_proxy_user:
        what = "--trust-proxy-user is given, and users have rights in named collections alone."
        raise InvalidInput(what, "Name the index: rag serve --index handbook=FOLDER")
    listener = listen(options.host, options.port)
    assistant = SharedAssistant(open_assistant)
    app = build_app(assistant, options, private, attach)
    if not options.local and options.auth is None:
        verb = "read" if options.readonly else "read and change"
        typer.echo(f"Whoever can reach this machine can now {verb} the documents: see --auth, --readonly.", err=True)
    run_server(app, listener, options, [assistant])


def run_server(app: App, listener: socket.socket, options: Options, assistants: Sequence[SharedAssistant]) -> None:
    """Serve an application until interrupted, and open the assistants in the background once it answers."""
    app = SecurityHeaders(app)
    if options.proxy:
        # After this, the address of a request is that of the proxy's client.
        app = cast("App", ProxyHeadersMiddleware(cast("Any", app), options.proxy))
    if options.trust_proxy_user:
        app = ProxyUser(app, options.trust_proxy_user, trusted_addresses(options))
    config = uvicorn.Config(
        cast("Any", app),
        http=BoundedConnection,
        ws="none",
        log_level="error",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=False,
    )
    server = QuietServer(config)
    address = _address(options.host, listener.getsockname()[1])
    threading.Thread(target=_announce_and_load, args=(address, assistants), daemon=True).start()
    server.run(sockets=[listener])


def build_app(
    assistant: SharedAssistant,
    options: Options,
    private: tuple[Path, ...] = (),
    attach: Attach | None = None,
    incoming: IncomingFiles | None = None,
) -> FastAPI:
    """Return the web application: Gradio's page behind the list of its routes, and what `attach` puts beside it.

    Files that visitors send wait in `incoming`, whose owner deletes them; None stands for a folder of its own.
    """
    login = PageLogin(options)
    own = incoming is None
    incoming = incoming or incoming_files(assistant, options)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=deleting(incoming) if own else None)
    app.add_middleware(PageRoutes, admitted=login.admitted)
    if attach is not None:
        attach(app, assistant, options, incoming)
    if options.host_names:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=options.host_names)
    originals, proofs = OriginalEndpoint(assistant, login.admitted), ProofJobs(assistant)
    endpoints: dict[str, App] = {
        UPLOAD_ADDRESS: UploadEndpoint(incoming, login.admitted, not options.readonly),
        PROOF_ADDRESS: ProofEndpoint(proofs, login.admitted),
        **dict.fromkeys((PICTURE_ADDRESS, FILE_ADDRESS, EVIDENCE_ADDRESS), originals),
    }
    app.router.routes += [Route(address, endpoint=endpoint) for address, endpoint in endpoints.items()]
    app.mount(ASSETS_ADDRESS, StaticFiles(directory=ASSETS))
    _mount_page(app, build_page(assistant, options, incoming, proofs), options, private)
    login.find_gradio(app)
    return app


def _mount_page(app: FastAPI, page: gr.Blocks, options: Options, private: tuple[Path, ...]) -> None:
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme(),
        head=_head(),
        favicon_path=str(ASSETS / "favicon.svg"),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        auth=[options.auth] if options.auth else None,
        max_file_size=1,  # Gradio itself takes no files: its upload route is closed
        blocked_paths=[str(path.resolve()) for path in private],
    )


def _head() -> str:
    """Return the links to style sheets, and to the fonts of the first view, which come before their style sheet."""
    fonts = [
        f'<link rel="preload" as="font" type="font/woff2" crossorigin href="{ASSETS_ADDRESS}/{name}">'
        for name in PRELOADED_FONTS
    ]
    return "".join([*fonts, *(f'<link rel="stylesheet" href="{ASSETS_ADDRESS}/{name}">' for name in STYLES)])


class PageLogin:
    """Tells whether a request comes from a visitor who has logged in to the page."""

    def __init__(self, options: Options) -> None:
        """Admit everyone if `options` name no password."""
        self._open = options.auth is None
        self._gradio: Any = None

    def find_gradio(self, app: FastAPI) -> None:
        """Find Gradio among the mounts of `app`: it knows who is logged in."""
        self._gradio = next(
            route.app for route in app.routes if isinstance(route, Mount) and hasattr(route.app, "tokens")
        )

    def admitted(self, scope: Message) -> bool:
        """Return whether the visitor may use the page."""
        if self._open:
            return True
        cookies = HTTPConnection(scope).cookies
        names = (f"{kind}-{self._gradio.cookie_id}" for kind in ("access-token", "access-token-unsecure"))
        return any(cookies.get(name) in self._gradio.tokens for name in names)


@asynccontextmanager
async def forgetting(incoming: IncomingFiles) -> AsyncIterator[None]:
    """Delete old files that no write has taken, and all of them at the end."""
    task = asyncio.create_task(incoming.forget_regularly())
    try:
        yield
    finally:
        task.cancel()
        incoming.close()


def deleting(incoming: IncomingFiles) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return `forgetting` as the lifespan of an application."""
    return lambda app: forgetting(incoming)


def incoming_files(assistant: SharedAssistant, options: Options) -> IncomingFiles:
    """Return the place of files that visitors send, within the limits of the options."""
    limits = options.upload_limit * 1_000_000, options.upload_space * 1_000_000
    return IncomingFiles(*limits, lambda: _stored_bytes(assistant))


def _stored_bytes(assistant: SharedAssistant) -> int:
    folder = assistant.folder
    return stored_bytes(folder / UPLOADS) if folder else 0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address. Raises InvalidInput if that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(
            f"Cannot listen on {host}, port {port}: {error}.",
            "Stop the program that uses it, or take another: rag serve --port 7861 (0 takes a free one).",
        ) from None
    return listener


def _address(host: str, port: int) -> str:
    host_name = EVERYWHERE.get(host, host)
    return f"http://[{host_name}]:{port}/" if ":" in host_name else f"http://{host_name}:{port}/"


def _announce_and_load(address: str, assistants: Sequence[SharedAssistant]) -> None:
    if _answers(address):
        typer.echo(f"Pincite is at {address}")
        for assistant in assistants:
            assistant.load()


def _answers(address: str) -> bool:
    """Wait until the page is there; tell whether it came."""
    # No proxy stands between this process and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + MAX_START_SECONDS
    while time.monotonic() < until:
        try:
            with opener.open(address, timeout=10) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as refusal:  # a login is asked for: the server is there
            return refusal.code == HTTPStatus.UNAUTHORIZED
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
