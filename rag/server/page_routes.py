"""Lists the routes of Gradio that the page uses, and closes all others before Gradio sees a request.

Gradio has some ninety routes: among them are ones that fetch an address, serve a file or read an upload. A release of
Gradio that adds a route adds it behind this list.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rag.core.errors import InvalidInput
from rag.core.files.safe_json import json_value
from rag.server.asgi import App, Message, Receive, Send, send_problem
from rag.server.limits.body_limit import MAX_BODY_BYTES, BodyLimit
from rag.server.limits.rate_limit import RateLimit
from rag.server.problems import Refused, places_of, refused, unexpected

MAX_LOGIN_BYTES = 10_000
MAX_EVENT_BYTES = 200_000
"""An event holds one question. A file of questions comes by a call of the page."""
MAX_SESSION_CHARACTERS = 64
"""Gradio keeps the name of each session for ever. Its own have 11 characters, those of gradio_client 36."""
WRONG_PASSWORDS_A_MINUTE = 10
LOGIN = re.compile("/login/?")
EVENT = re.compile("/gradio_api/queue/join/?")
CALL = re.compile("/gradio_api/component_server/?")
log = logging.getLogger(__name__)


class PageRoute(NamedTuple):
    """Addresses of one form that the page, its login or gradio_client asks for."""

    methods: tuple[str, ...]
    form: re.Pattern[str]
    max_bytes: int = 0


READ_METHODS = ("GET", "HEAD")
PAGE_ROUTES = (
    PageRoute(READ_METHODS, re.compile("/")),
    PageRoute(READ_METHODS, re.compile(r"/(?:assets|static)/[\w./@+-]+")),
    PageRoute(READ_METHODS, re.compile("(?:/gradio_api)?/theme[.]css")),
    PageRoute(READ_METHODS, re.compile("/(?:favicon[.]ico|robots[.]txt)")),
    PageRoute(READ_METHODS, re.compile("/config/?")),
    PageRoute(READ_METHODS, re.compile("/gradio_api/info/?")),
    PageRoute(READ_METHODS, re.compile("/logout")),
    PageRoute(("POST",), LOGIN, MAX_LOGIN_BYTES),
    PageRoute(("POST",), CALL, MAX_BODY_BYTES),
    # gradio_client asks by these two. `CheckedBodies` lets only text through to the one event that they know.
    PageRoute(("POST",), EVENT, MAX_EVENT_BYTES),
    PageRoute(READ_METHODS, re.compile("/gradio_api/queue/data")),
)
OWN = re.compile(r"/pincite/[\w.-]+")
"""Addresses of this package: style sheets, scripts, uploads. Each has its own limits."""


def page_route(method: str, path: str) -> PageRoute | None:
    """Return the entry of the list that a request fits, None if the request is to be refused.

    >>> page_route("GET", "/gradio_api/file=http://example.org/"), page_route("POST", "/gradio_api/upload")
    (None, None)
    """
    fitting = (route for route in PAGE_ROUTES if method in route.methods and route.form.fullmatch(path))
    return next(fitting, None)


class PageRoutes:
    """ASGI middleware before Gradio: closes routes, limits bodies, slows down the guessing of passwords."""

    def __init__(self, app: App, admitted: Callable[[Message], bool]) -> None:
        """Guard `app`; `admitted` tells whether a request comes from a visitor who may use the page."""
        self._app, self._admitted = app, admitted
        self._limited = BodyLimit(CheckedBodies(app), _max_bytes)
        self._wrong_passwords = RateLimit(WRONG_PASSWORDS_A_MINUTE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on a request that the page makes; refuse any other."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and OWN.fullmatch(scope["path"])):
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page opens no web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            route = page_route(scope["method"], scope["path"])
            if route is None:
                raise refused(404, "There is nothing at this address.", "The page is at /, REST is at /v1.")
            if LOGIN.fullmatch(scope["path"]):
                send = self._watched_login(scope, send)
            elif route.max_bytes and not self._admitted(scope):  # before any of the body is read
                raise refused(401, "Not authenticated.", "Log in on the page first.", {"connection": "close"})
        except Refused as refusal:
            await send_problem(refusal.problem, send)
        else:
            await self._answered(scope, receive, send)

    async def _answered(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let Gradio answer. If it fails, the log gets one line: any visitor can name an event that does not exist."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._limited(scope, receive, noting)
        except Exception as error:  # raised again, it would close the connection under the next request
            log.error("Gradio failed at %s: %s", scope["path"], places_of(error))
            if not started:
                await send_problem(unexpected(), send)

    def _watched_login(self, scope: Message, send: Send) -> Send:
        """Take a guess, and return a `send` that gives it back if the password is right.

        It is taken before the body is there: otherwise many guesses could wait for their last byte, and pass together.
        Raises Refused if this client has none left.
        """
        client = str((scope.get("client") or ("",))[0])
        try:
            self._wrong_passwords.take(client)
        except InvalidInput:
            raise refused(429, "Too many wrong passwords.", "Wait a minute.", {"retry-after": "60"}) from None

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._wrong_passwords.give_back(client)
            await send(message)

        return watched


class CheckedBodies:
    """ASGI middleware behind `BodyLimit` that checks the bodies of calls and events of Gradio.

    An event takes text and nothing else: Gradio would fetch the address, or copy the file, that an object in its `data`
    names. The body is written again from its checked fields, so that Gradio can read nothing else in it.
    """

    def __init__(self, app: App) -> None:
        """Guard `app`."""
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on a call or an event whose fields have their types; refuse any other."""
        if EVENT.fullmatch(scope["path"]):
            check, expected = _event, "Send data as a list of texts, fn_index as a number and session_hash as a text."
        elif CALL.fullmatch(scope["path"]):
            check, expected = _call, "Send data, component_id as a number, fn_name and session_hash as texts."
        else:
            await self._app(scope, receive, send)
            return
        fields = check(_json_object((await receive()).get("body", b"")))
        if fields is None:
            limit = f"session_hash may have {MAX_SESSION_CHARACTERS} characters."
            await send_problem(refused(422, "The page sends no such request.", f"{expected} {limit}").problem, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": json.dumps(fields).encode(), "more_body": False}]

        async def next_message() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, next_message, send)


def _json_object(body: bytes) -> dict[str, Any]:
    """Return the object of a body, an empty one if it holds none."""
    try:
        value = json_value(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _event(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of an event, None if one of them has another type."""
    data, number, session = body.get("data"), body.get("fn_index"), body.get("session_hash")
    texts = isinstance(data, list) and all(isinstance(text, str) for text in data)
    if not texts or type(number) is not int or not _is_session(session):
        return None
    return {"data": data, "fn_index": number, "session_hash": session}


def _call(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of a call of the page, None if one of them has another type."""
    number, name, session = body.get("component_id"), body.get("fn_name"), body.get("session_hash")
    if type(number) is not int or not isinstance(name, str) or not _is_session(session):
        return None
    return {"data": body.get("data"), "component_id": number, "fn_name": name, "session_hash": session}


def _is_session(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_SESSION_CHARACTERS


def _max_bytes(scope: Message) -> int:
    route = page_route(scope["method"], scope["path"])
    return route.max_bytes if route else 0
