"""Lays out the REST addresses that proofread drafts: a text is compared at once, a long one or a file by a job."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from rag.core.files.safe_json import json_value
from rag.server.api.access import Client
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.file_form import receive_files
from rag.server.api.rest.requests import MAX_DIRECT_CHARACTERS, ProofRequest
from rag.server.api.rest.routes import HEADER, client_of, described, prefix_of, respond
from rag.server.files.incoming_files import IncomingFiles
from rag.server.problems import Refused, refused, unexpected
from rag.server.proofs.proof_files import proof_file
from rag.server.proofs.proof_jobs import DraftSource, ProofJob, ProofJobs

PROOF_SECONDS = 600
"""A draft that is compared at once may wait so long for those before it."""
FORM_MEDIA_TYPE = "multipart/form-data"
PROOF_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ProofRequest"}},
            FORM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProofForm"}},
        },
    }
}
ProofId = Annotated[str, Path(max_length=64, description="As `Location` of the answer to POST /v1/proof has it.")]
ProofFileForm = Annotated[
    Literal["html", "json", "footnotes", "comments"],
    Path(description="Web page, JSON, Markdown or text draft with footnotes, Word draft with comments."),
]
_REQUEST: TypeAdapter[ProofRequest] = TypeAdapter(ProofRequest)


def is_form(content_type: str) -> bool:
    """Tell whether a request holds a form with a file."""
    return content_type.partition(";")[0].strip().lower() == FORM_MEDIA_TYPE


def proof_routes(proofs: ProofJobs, incoming: IncomingFiles, queue: RequestQueue) -> APIRouter:
    """Return the addresses of proofs."""
    router = APIRouter(prefix="/v1", tags=["proofreading"])
    answers = described("ProofReport") | described("ProofJob", status=202)
    answers[202] |= {"headers": {"Location": HEADER, "Retry-After": HEADER}}

    @router.post("/proof", responses=answers, openapi_extra=PROOF_BODY)
    async def proofread(request: Request) -> Response:
        """Compare a draft with the documents; a file, or a text above 20,000 characters, becomes a job (202)."""
        client = client_of(request)
        source = await _sent(request, incoming)
        queue.take(client, source.questions())
        job = await queue.run(lambda: proofs.start(client.name, source))
        if source.content is None and len(source.text) <= MAX_DIRECT_CHARACTERS:
            return respond(await queue.run(lambda: _report(job), PROOF_SECONDS))
        headers = {"location": f"{prefix_of(request)}/proof/{job.id}", "retry-after": "1"}
        answer = respond(job.to_dict())
        return Response(answer.body, 202, headers, "application/json")

    @router.get("/proof/{proof_id}", responses=described("ProofJob"))
    async def get_proof(proof_id: ProofId, request: Request) -> Response:
        """Tell how far a proof came that this client started; at its end, the report."""
        return respond(proofs.job(_seen_by(client_of(request)), proof_id).to_dict())

    @router.get("/proof/{proof_id}/{form}", responses=described("ProofFile", "*/*"), response_class=Response)
    async def get_proof_file(proof_id: ProofId, form: ProofFileForm, request: Request) -> Response:
        """Return a proof as a file: a web page, JSON, the draft with footnotes, or with comments for Word."""
        job = proofs.job(_seen_by(client_of(request)), proof_id)
        file = await queue.run(lambda: proof_file(job, form))
        return Response(file.content, media_type=file.media_type, headers=file.headers())

    return router


def _seen_by(client: Client) -> str | None:
    """Return whose proofs a client sees, None for those of all."""
    return None if client.scope == "admin" else client.name


async def _sent(request: Request, incoming: IncomingFiles) -> DraftSource:
    """Return the draft of a request. Raises Refused for a form of other than one file, RequestValidationError."""
    if not is_form(request.headers.get("content-type", "")):
        return _of_json(await request.body())
    keys = await receive_files(request, incoming)
    try:
        if len(keys) != 1:
            raise refused(422, f"The form holds {len(keys)} files.", "Send one draft.")
        (file,) = incoming.take(keys)
        return DraftSource(file.name, content=file.path.read_bytes())
    finally:
        incoming.discard(keys)


def _of_json(body: bytes) -> DraftSource:
    try:
        request = _REQUEST.validate_python(json_value(body))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None
    except ValueError:
        raise RequestValidationError([{"loc": ("body",), "msg": "no JSON"}]) from None
    return DraftSource(request.name, request.text, markdown=request.format == "markdown", filters=request.filters)


def _report(job: ProofJob) -> dict[str, Any]:
    """Return the report of a job once it has ended. Raises Refused with what went wrong."""
    job.ended.wait()
    if job.report is None:
        raise Refused(job.problem or unexpected())
    return job.report.to_dict()
