"""Lays out the REST addresses of standing questions and evidence packs."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rag.evidence.pack import evidence_pack
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.requests import AskRequest, StandingRequest
from rag.server.api.rest.routes import WRITE_SECONDS, client_of, described, respond
from rag.server.files.original_files import PACK_HEADERS
from rag.server.shared_assistant import SharedAssistant
from rag.server.shared_standing import SharedStanding
from rag.standing.feed import atom_feed

ATOM, ZIP = "application/atom+xml", "application/zip"


class StandingHandlers:
    """What can be asked about standing questions and evidence; each call waits for its turn at the assistant."""

    def __init__(self, assistant: SharedAssistant) -> None:
        """Open nothing yet."""
        self._assistant, self._standing = assistant, SharedStanding(assistant)

    def listed(self) -> dict[str, Any]:
        """Return the questions with their histories."""
        state = self._standing.state()
        return {"questions": [item.to_dict() for item in state.questions], "checked_at": state.checked_at}

    def add(self, request: StandingRequest) -> dict[str, Any]:
        """Ask a question and keep it. Raises what `StandingQuestions.add` does."""
        return self._standing.add(request.question, request.filters).to_dict()

    def remove(self, question_id: str) -> dict[str, Any]:
        """Remove a question and its history. Return what is left."""
        self._standing.remove(question_id)
        return self.listed()

    def check(self) -> dict[str, Any]:
        """Ask what changes can touch, and post alarms to the allowed addresses."""
        report, not_told = self._standing.check()
        return {**report.to_dict(), "not_told": not_told}

    def feed(self) -> str:
        """Return the Atom feed of the latest alarms."""
        return atom_feed(self._standing.state())

    def pack(self, request: AskRequest) -> bytes:
        """Return the evidence pack of a question. It is not signed: the key is for the shell of its owner."""
        with self._assistant.ready() as assistant:
            response = assistant.ask(
                request.question, request.top_k, request.filters, request.min_confidence, False, request.min_precision
            )
        # Others ask while pages are drawn; if the documents change meanwhile, the pack is refused.
        return evidence_pack(assistant, [response], pages=self._assistant.originals)


def standing_routes(handlers: StandingHandlers, queue: RequestQueue) -> APIRouter:
    """Return the addresses of standing questions and of evidence."""
    router = APIRouter(prefix="/v1", tags=["standing questions"])

    @router.get("/standing", responses=described("StandingList"))
    async def list_standing() -> Response:
        """List the standing questions, their answers at the last check, and what happened to them."""
        return respond(await queue.run(handlers.listed))

    @router.post("/standing", responses=described("StandingQuestion"))
    async def add_standing(given: StandingRequest, request: Request) -> Response:
        """Ask a question now, and again when a change of the documents can touch its answer."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.add(given)))

    @router.post("/standing/check", responses=described("StandingReport"))
    async def check_standing(request: Request) -> Response:
        """Ask the questions that changes can touch, and tell what became of their answers."""
        queue.take(client_of(request))
        return respond(await queue.run(handlers.check, WRITE_SECONDS))

    @router.delete("/standing/{question_id}", responses=described("StandingList"))
    async def remove_standing(question_id: str, request: Request) -> Response:
        """Remove a standing question and its history."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.remove(question_id)))

    @router.get("/standing.atom", responses=described("StandingFeed", ATOM), response_class=Response)
    async def standing_feed() -> Response:
        """Return the latest alarms as an Atom feed."""
        return Response(await queue.run(handlers.feed), media_type=ATOM)

    @router.post("/evidence", responses=described("EvidencePack", ZIP), response_class=Response)
    async def evidence(asked: AskRequest, request: Request) -> Response:
        """Answer a question and return the answer with its proof as a ZIP that opens offline; it is not signed."""
        queue.take(client_of(request))
        pack = await queue.run(lambda: handlers.pack(asked))
        return Response(pack, media_type=ZIP, headers=PACK_HEADERS)

    return router
