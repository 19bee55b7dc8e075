"""Decides who may do what, before anything of a request is read: one place for REST and MCP alike."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rag.core.errors import InvalidInput
from rag.core.settings import Options
from rag.server.api.tokens import SCOPES, Scope, Tokens
from rag.server.asgi import App, Message, Receive, Send, send_problem
from rag.server.limits.rate_limit import THIS_MACHINE, RateLimit, client_key
from rag.server.problems import Refused, problem_of, refused

OPEN = re.compile(r"/(healthz|readyz)|/v1/(docs|redoc|assets/[\w.-]+)")
"""Open to anyone: whether the service lives and is ready, and pages that are the same everywhere. Nothing about its
documents."""
READING = ("GET", "HEAD", "OPTIONS")
WRITES = ("/v1/documents", "/v1/feedback", "/v1/files", "/v1/standing")
FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
WRONG_TOKENS_A_MINUTE = 30
MAKE_ONE = "Make a token on the machine of the index: rag token add NAME --scope {scope}"


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
        """Pass on a request that is allowed."""
        try:
            scope["pincite.client"] = self._admitted(scope)
        except Refused as refusal:
            await send_problem(refusal.problem, send)
        except InvalidInput as error:
            await send_problem(problem_of(error), send)
        else:
            await self._app(scope, receive, send)

    def _admitted(self, scope: Message) -> Client:
        path, method = scope["path"], scope["method"]
        address = str((scope.get("client") or ("",))[0])
        if OPEN.fullmatch(path):
            return Client(address, "read")
        needed = needed_scope(method, path)
        if needed == "write" and self._options.readonly:
            raise refused(403, "This service is for reading only.", "Change the documents with rag index, in a shell.")
        client = self._known(dict(scope["headers"]), address, needed)
        if SCOPES.index(client.scope) < SCOPES.index(needed):
            detail = f"This needs a token of scope {needed}; that of {client.name} has {client.scope}."
            raise refused(403, detail, MAKE_ONE.format(scope=needed))
        return client

    def _known(self, headers: Mapping[bytes, bytes], address: str, needed: Scope) -> Client:
        challenge = {"www-authenticate": "Bearer"}
        kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and secret:
            token = self._tokens.holder(secret.strip())
            if token is not None:
                return Client(token.name, token.scope)
            self._count_wrong(address)
            raise refused(401, "The token is none of this service's.", MAKE_ONE.format(scope=needed), challenge)
        # A proxy on this machine that nobody named: its clients are elsewhere.
        forwarded = any(name in headers for name in FORWARDED)
        if client_key(address) == THIS_MACHINE and self._open() and not (forwarded and not self._options.proxy):
            return Client(THIS_MACHINE, "admin")
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
    """Return the scope that a request needs; all others need `read`.

    >>> needed_scope("POST", "/v1/ask"), needed_scope("DELETE", "/v1/documents/a")
    ('read', 'write')
    """
    if path == "/metrics":
        return "admin"
    writes = any(path == place or path.startswith(f"{place}/") for place in WRITES)
    return "write" if writes and method not in READING else "read"
