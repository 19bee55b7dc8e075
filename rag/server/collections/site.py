"""Serves the pages of the server that belong to no collection: the list at `/`, the login and the logout."""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from rag.core.errors import RagError
from rag.server.api.request_queue import RequestQueue
from rag.server.collections.collection import Collection
from rag.server.collections.joint import JointAskRequest, ask_jointly
from rag.server.collections.routes import caller_of, chosen, counted_client, listed
from rag.server.collections.site_pages import login_html, problem_page, start_html
from rag.server.problems import Problem, Refused, problem_of
from rag.server.rights.admission import Admission
from rag.server.rights.sessions import SESSION_SECONDS

OWN_ADDRESS = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]{0,4000}")
"""An address on this server. A browser reads two slashes, or one and a backslash, as the name of another."""
MAX_QUESTION_CHARACTERS = 10_000
NOT_STORED = {"cache-control": "no-store"}
WRONG_LOGIN = "The name or the password is wrong."


def site_routes(collections: Mapping[str, Collection], admission: Admission, queue: RequestQueue) -> APIRouter:
    """Return the addresses."""
    router = APIRouter(include_in_schema=False)
    router.include_router(_login_routes(admission))

    @router.get("/")
    async def start(request: Request) -> Response:
        caller, question = caller_of(request), request.query_params.get("q", "").strip()
        asked = None
        if question:
            try:
                handlers = chosen(collections, caller, None)
                queue.take(counted_client(request), max(1, len(handlers)))
                asked = await ask_jointly(JointAskRequest(question[:MAX_QUESTION_CHARACTERS]), handlers, queue)
            except (Refused, RagError) as error:
                return _problem(error.problem if isinstance(error, Refused) else problem_of(error))
        has_session = bool(admission.session_key(request.scope))
        page = start_html(listed(collections, caller), question, asked, has_session)
        return HTMLResponse(page, headers=NOT_STORED)

    return router


def _login_routes(admission: Admission) -> APIRouter:
    router = APIRouter()

    @router.get("/login")
    async def login_form(request: Request) -> Response:
        return HTMLResponse(login_html(own_address(request.query_params.get("next", "/"))), headers=NOT_STORED)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        fields = {key: values[0] for key, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
        address, name = own_address(fields.get("next", "/")), fields.get("name", "")
        client = str((request.scope.get("client") or ("",))[0])
        try:
            # scrypt takes its time, in which others are served.
            key = await asyncio.to_thread(admission.begin_session, client, name, fields.get("password", ""))
        except Refused as refusal:
            return _problem(refusal.problem)
        if key is None:
            return HTMLResponse(login_html(address, WRONG_LOGIN), HTTPStatus.UNAUTHORIZED, NOT_STORED)
        admission.sessions.end(admission.session_key(request.scope))
        response = RedirectResponse(address, HTTPStatus.SEE_OTHER, NOT_STORED)
        response.set_cookie(admission.sessions.cookie, key, SESSION_SECONDS, path="/", httponly=True, samesite="lax",
                            secure=request.url.scheme == "https")  # fmt: skip
        return response

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        admission.sessions.end(admission.session_key(request.scope))
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER, NOT_STORED)
        response.delete_cookie(admission.sessions.cookie, path="/")
        return response

    return router


def own_address(address: str) -> str:
    """Return an address if it is one on this server, else that of the list.

    >>> own_address("/c/handbook/?q=a"), own_address("//evil.example/"), own_address("https://evil.example/")
    ('/c/handbook/?q=a', '/', '/')
    """
    return address if OWN_ADDRESS.fullmatch(address) else "/"


def _problem(problem: Problem) -> Response:
    page = problem_page(problem.detail, problem.remedy)
    return HTMLResponse(page, problem.status, {**NOT_STORED, **problem.headers})
