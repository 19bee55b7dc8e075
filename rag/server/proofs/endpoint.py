"""Sends the page the files of a proof: a web page, JSON, the draft with footnotes, Word comments."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from rag.core.errors import RagError
from rag.server.asgi import Message, Receive, Send, send_problem
from rag.server.problems import Refused, problem_of, refused
from rag.server.proofs.proof_files import proof_file
from rag.server.proofs.proof_jobs import ProofJobs

PROOF_ADDRESS = "/pincite/proof"


class ProofEndpoint:
    """ASGI application at `PROOF_ADDRESS`; `proof` names a proof, which nobody can guess, and `form` the file."""

    def __init__(self, proofs: ProofJobs, admitted: Callable[[Message], bool]) -> None:
        """Send files of `proofs` to each client that is `admitted`."""
        self._proofs, self._admitted = proofs, admitted

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send a file, or say why there is none."""
        try:
            response = await self._response(Request(scope))
        except Refused as refusal:
            await send_problem(refusal.problem, send)
        except RagError as error:
            await send_problem(problem_of(error), send)
        else:
            await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise refused(405, "This address is for reading.", "Ask by GET.", {"allow": "GET, HEAD"})
        if not self._admitted(request.scope):
            raise refused(401, "Not authenticated.", "Log in on the page first.")
        job = self._proofs.job(None, request.query_params.get("proof", ""))
        file = await asyncio.to_thread(proof_file, job, request.query_params.get("form", ""))
        return Response(file.content, media_type=file.media_type, headers=file.headers())
