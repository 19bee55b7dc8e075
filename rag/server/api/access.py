"""Decides who may do what, before anything of a request is read: one place for REST and MCP alike."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from rag.core.errors import InvalidInput
from rag.core.settings import LOOPBACK, Options
from rag.server.api.problems import MEDIA_TYPE, Problem, Refused, problem_of, refused
from rag.server.api.tokens import SCOPES, Scope, Tokens
from rag.server.rate_limit import RateLimit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = ("/healthz", "/readyz")
"""What anyone may see: whether the service lives and is ready, and nothing of what it holds."""
READING = ("GET", "HEAD", "OPTIONS")
WRITES = ("/v1/documents", "/v1/feedback")
WRONG_TOKENS_A_MINUTE = 30
MAKE_ONE = "Make a token where the index lies: rag token add NAME --scope {scope}"


@dataclass(frozen=True)
class Client:
    """Who asks: the name of a token, or an address."""

    name: str
    scope: Scope


class Access:
    """ASGI middleware that lets a request in, with its `Client` in the scope, or answers with a problem."""

    def __init__(self, app: App, tokens: Tokens, options: Options) -> None:
        """Guard `app`."""
        self._app, self._tokens, self._options = app, tokens, options
        self._wrong = RateLimit(WRONG_TOKENS_A_MINUTE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what is allowed."""
        try:
            scope["pincite.client"] = self._admitted(scope)
        except Refused as refusal:
            await answer(refusal.problem, send)
        except InvalidInput as error:
            await answer(problem_of(error), send)
        else:
            await self._app(scope, receive, send)

    def _admitted(self, scope: Message) -> Client:
        path, method = scope["path"], scope["method"]
        address = str((scope.get("client") or ("",))[0])
        if path in OPEN:
            return Client(address, "read")
        needed = needed_scope(method, path)
        if needed == "write" and self._options.readonly:
            raise refused(403, "This service is for reading only.", "Change the documents with rag index, in a shell.")
        client = self._known(scope["headers"], address, needed)
        if SCOPES.index(client.scope) < SCOPES.index(needed):
            held = f"This needs a token of scope {needed}; that of {client.name} has {client.scope}."
            raise refused(403, held, MAKE_ONE.format(scope=needed))
        return client

    def _known(self, headers: Iterable[tuple[bytes, bytes]], address: str, needed: Scope) -> Client:
        challenge = {"www-authenticate": "Bearer"}
        given = dict(headers).get(b"authorization", b"").decode("latin-1")
        kind, _, token = given.partition(" ")
        if kind.lower() == "bearer" and token:
            held = self._tokens.holder(token.strip())
            if held is not None:
                return Client(held.name, held.scope)
            self._count_wrong(address)
            raise refused(401, "The token is none of this service's.", MAKE_ONE.format(scope=needed), challenge)
        if address in LOOPBACK and self._open():
            return Client(address, "admin")
        raise refused(401, "This needs a token.", f"Send it as Authorization: Bearer … {MAKE_ONE.format(scope=needed)}",
                      challenge)  # fmt: skip

    def _open(self) -> bool:
        """Tell whether no token is needed: the page is open too, to this machine alone, and nobody made a token."""
        return self._options.local and self._options.auth is None and not self._tokens.listed()

    def _count_wrong(self, address: str) -> None:
        try:
            self._wrong.take(address)
        except InvalidInput:
            raise refused(429, "Too many wrong tokens.", "Wait a minute.", {"retry-after": "60"}) from None


def needed_scope(method: str, path: str) -> Scope:
    """Return the scope that a request needs; what is not named here needs `read`.

    >>> needed_scope("POST", "/v1/ask"), needed_scope("DELETE", "/v1/documents/a")
    ('read', 'write')
    """
    if path == "/metrics":
        return "admin"
    writes = any(path == place or path.startswith(f"{place}/") for place in WRITES)
    return "write" if writes and method not in READING else "read"


async def answer(problem: Problem, send: Send) -> None:
    """Send a problem as the response."""
    body = problem.to_bytes()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
