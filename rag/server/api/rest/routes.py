"""Lays out the REST addresses below `/v1`, each a line or two over `Handlers`."""

import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import StringConstraints

from rag.core.errors import RagError
from rag.evidence.citation_link import (
    MAX_BESIDE_CHARACTERS,
    MAX_LINKED_CHARACTERS,
    MAX_LINKED_ID_CHARACTERS,
    CitationLink,
)
from rag.loading.pages.pdf_originals import MAX_PICTURE_WIDTH, MIN_PICTURE_WIDTH
from rag.server.api.access import Client
from rag.server.api.request_queue import RequestQueue
from rag.server.api.rest.etags import conditional, entity_tag, is_current, not_modified, tagged
from rag.server.api.rest.file_form import receive_files
from rag.server.api.rest.file_jobs import FileJobs
from rag.server.api.rest.handlers import Handlers
from rag.server.api.rest.requests import AskRequest, BatchRequest, DocumentsRequest, FeedbackRequest, SearchRequest
from rag.server.api.rest.schemas import SAVED
from rag.server.asgi import REST_PREFIX_KEY
from rag.server.files.incoming_files import IncomingFiles
from rag.server.problems import Refused, problem_of

JSONL = "application/jsonl"
WRITE_SECONDS = 3_600
"""A write takes its time: nothing of it is lost, and its report is worth waiting for."""
Limit = Annotated[int, Query(ge=1, le=1_000, description="Documents at most.")]
After = Annotated[str, Query(max_length=512, description="Id of the last one had; empty for the first.")]
Offset = Annotated[int, Query(ge=0, description="In code points.")]
Key = Annotated[str, StringConstraints(min_length=1)]
Keys = Annotated[list[Key], Query(min_length=1, max_length=20, description="Such as author, language or tags.")]
Saved = Annotated[
    dict[str, Any],
    Body(description="A response, or evidence that holds one.", examples=[{"answers": []}], json_schema_extra=SAVED),
]


JobId = Annotated[str, Path(max_length=64, description="As `Location` of the answer to POST /v1/files has it.")]
PageNumber = Annotated[int, Path(ge=1, le=1_000_000, description="Of the file, counted from 1.")]
Width = Annotated[int, Query(ge=MIN_PICTURE_WIDTH, le=MAX_PICTURE_WIDTH, description="In pixels.")]
ENCODED_PAGE = re.compile(rb"%2f(?:pages(?:/|%2f)\d+\.png$|\d+\.png$)", re.IGNORECASE)
"""The end of an address whose document id itself ends with `/pages/1.png`."""
LinkDocument = Annotated[str, Query(min_length=1, max_length=MAX_LINKED_ID_CHARACTERS, description="Its id.")]
LinkQuote = Annotated[str, Query(min_length=1, max_length=MAX_LINKED_CHARACTERS, description="The words quoted.")]
LinkBeside = Annotated[str, Query(max_length=MAX_BESIDE_CHARACTERS, description="The words beside the quotation.")]
LinkHash = Annotated[str, Query(max_length=64, pattern="^[0-9a-f]*$", description="Of the text, its first digits.")]
JUDGE = {
    "judge": {
        "operationId": "feedback",
        "requestBody": {"response_id": "$response.body#/response_id", "rank": 1, "verdict": "right"},
        "description": "What a reader says of the first answer of this response.",
    }
}


def described(name: str, media_type: str = "application/json", status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the answers of an address; all but one status are problems."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": name, "content": {media_type: {"schema": schema}}},
        "default": {"description": "What is wrong, and what to do.", "content": problem},
    }


def described_with_tag(name: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the answers of an address that takes conditional requests."""
    return {**described(name), **UNCHANGED}


HEADER = {"schema": {"type": "string"}}
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has it already: If-None-Match names its ETag.", "headers": {"ETag": HEADER}}
}
PICTURE = {
    **described("Problem"),
    200: {"description": "A picture", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
    **UNCHANGED,
}
FILES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/FilesForm"}}},
    }
}
FOLLOW = {
    "follow": {
        "operationId": "get_job",
        "parameters": {"job_id": "$response.body#/id"},
        "description": "How far the files came, and what became of each.",
    }
}


def respond(content: Any) -> Response:
    """Return the JSON text, as `Response.to_json` writes it."""
    return Response(json_bytes(content), media_type="application/json")


def asking_routes(handlers: Handlers, queue: RequestQueue) -> APIRouter:
    """Return the addresses that ask."""
    router = APIRouter(prefix="/v1", tags=["questions"])

    answered = described("AskResponse")
    answered[200]["links"] = JUDGE

    @router.post("/ask", responses=answered)
    async def ask(asked: AskRequest, request: Request) -> Response:
        """Answer a question with quotations, or say why there is none."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.ask(asked)))

    @router.post("/ask:batch", responses=described("Lines", JSONL), response_class=StreamingResponse)
    async def ask_batch(asked: BatchRequest, request: Request) -> StreamingResponse:
        """Answer questions one a line, in order and as they come; a problem for each that cannot be asked."""
        queue.take(client_of(request), len(asked.questions))
        await queue.run(lambda: handlers.require_askable(asked))
        return StreamingResponse(_lines(asked, handlers, queue), media_type=JSONL)

    @router.post("/search", responses=described("Passages"))
    async def search(asked: SearchRequest, request: Request) -> Response:
        """Find passages; none of them claims to be an answer."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.search(asked)))

    @router.post("/verify", responses=described("Verified"))
    async def verify(saved: Saved, request: Request) -> Response:
        """Re-check the citations of a saved response: exact, moved, changed or gone."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.verify(saved)))

    @router.post("/feedback", responses=described("Feedback"))
    async def feedback(given: FeedbackRequest, request: Request) -> Response:
        """Keep a reader's verdict on an answer, in the file that the page uses too."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.judge(given)))

    return router


def citation_routes(handlers: Handlers, queue: RequestQueue) -> APIRouter:
    """Return the address that follows a link to a quotation."""
    router = APIRouter(prefix="/v1", tags=["questions"])

    @router.get("/citation", responses=described("CitationFate"))
    async def get_citation(
        request: Request, document: LinkDocument, quote: LinkQuote, start: Offset = 0, prefix: LinkBeside = "",
        suffix: LinkBeside = "", sha256: LinkHash = "",
    ) -> Response:  # fmt: skip
        """Find the quotation of a link in its document as it is now: exact, moved, changed or gone."""
        queue.take(client_of(request))
        link = CitationLink(document, start, quote, prefix, suffix, sha256)
        return respond(await queue.run(lambda: handlers.located(link)))

    return router


def file_routes(jobs: FileJobs, incoming: IncomingFiles, queue: RequestQueue) -> APIRouter:
    """Return the addresses that take files and tell how far they came."""
    router = APIRouter(prefix="/v1", tags=["documents"])
    accepted = described("Job", status=202)
    accepted[202] |= {"headers": {"Location": HEADER, "Retry-After": HEADER}, "links": FOLLOW}

    @router.post("/files", responses=accepted, status_code=202, openapi_extra=FILES_BODY)
    async def add_files(request: Request) -> Response:
        """Send files of any format that `rag index` reads; a job adds them, all in one commit."""
        queue.take(client_of(request))
        jobs.require_space()
        job = jobs.start(client_of(request), await receive_files(request, incoming))
        headers = {"location": f"{prefix_of(request)}/jobs/{job.id}", "retry-after": "1"}
        return Response(json_bytes(job.to_dict()), 202, headers, "application/json")

    @router.get("/jobs/{job_id}", responses=described("Job"))
    async def get_job(job_id: JobId, request: Request) -> Response:
        """Tell how far a job came that this client started; at its end, what became of each file."""
        return respond(jobs.job(client_of(request), job_id).to_dict())

    return router


def writing_routes(handlers: Handlers, queue: RequestQueue) -> APIRouter:
    """Return the addresses that change documents. Their content is sent: nothing here names a file of the server."""
    router = APIRouter(prefix="/v1", tags=["documents"])

    @router.post("/documents", responses=described("Report"))
    async def add_documents(given: DocumentsRequest, request: Request) -> Response:
        """Add documents or bring them up to date, all in one commit."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.add(given.documents), WRITE_SECONDS))

    @router.delete("/documents/{document_id:path}", responses=described("Report"))
    async def remove_document(document_id: str, request: Request) -> Response:
        """Remove a document from the index."""
        queue.take(client_of(request))
        return respond(await queue.run(lambda: handlers.remove(document_id), WRITE_SECONDS))

    return router


def looking_routes(handlers: Handlers, queue: RequestQueue) -> APIRouter:
    """Return the addresses that show the index."""
    router = APIRouter(prefix="/v1", tags=["documents"])

    listed = described_with_tag("Documents")
    listed[200]["headers"] = {"Link": {**HEADER, "description": 'The next page, as rel="next"; none on the last.'}}

    @router.get("/documents", responses=listed)
    async def list_documents(request: Request, after: After = "", limit: Limit = 100) -> Response:
        """List documents in order of id, without their texts; `next` is what to give as `after` for more."""
        content = await queue.run(lambda: handlers.documents(after, limit))
        response = conditional(request, json_bytes(content))
        if content["next"] is not None:
            query = urlencode({"after": content["next"], "limit": limit})
            response.headers["link"] = f'<{prefix_of(request)}/documents?{query}>; rel="next"'
        return response

    @router.get("/documents/{document_id:path}/text", responses=described_with_tag("Slice"))
    async def get_text(document_id: str, request: Request, start: Offset = 0, end: Offset | None = None) -> Response:
        """Return a range of the stored text, unchanged."""
        if request.scope.get("raw_path", b"").lower().endswith(b"%2ftext"):  # the id itself ends with "/text"
            return await get_document(f"{document_id}/text", request)
        return conditional(request, json_bytes(await queue.run(lambda: handlers.text(document_id, start, end))))

    @router.get("/documents/{document_id:path}", responses=described_with_tag("Document"))
    async def get_document(document_id: str, request: Request) -> Response:
        """Return the metadata of a document and its masked parts."""
        return conditional(request, json_bytes(await queue.run(lambda: handlers.document(document_id))))

    @router.get("/facets", responses=described("Facets"))
    async def get_facets(key: Keys) -> Response:
        """Count the documents that have each value of a key, as filters take them."""
        return respond(await queue.run(lambda: handlers.facets(key)))

    @router.get("/stats", responses=described("Stats"), tags=["service"])
    async def get_stats() -> Response:
        """Return which index is asked, by which settings."""
        return respond(await queue.run(handlers.stats))

    return router


def page_routes(handlers: Handlers, queue: RequestQueue) -> APIRouter:
    """Return the addresses that show the pages of PDFs; they stand before those of documents, which fit them too."""
    router = APIRouter(prefix="/v1", tags=["documents"])

    @router.get("/documents/{document_id:path}/boxes", responses=described_with_tag("Boxes"))
    async def get_boxes(document_id: str, request: Request, start: Offset, end: Offset) -> Response:
        """Return where a range of the text stands on the pages of its PDF, as shares of their width and height."""
        if request.scope.get("raw_path", b"").lower().endswith(b"%2fboxes"):
            content = await queue.run(lambda: handlers.document(f"{document_id}/boxes"))
        else:
            content = await queue.run(lambda: handlers.boxes(document_id, start, end))
        return conditional(request, json_bytes(content))

    @router.get("/documents/{document_id:path}/pages/{number}.png", responses=PICTURE, response_class=Response)
    async def get_page_picture(
        document_id: str, number: PageNumber, request: Request, width: Width = 1_200, start: Offset | None = None,
        end: Offset | None = None,
    ) -> Response:  # fmt: skip
        """Return a page of the PDF as a picture; with `start` and `end`, this range of the text is tinted on it."""
        if ENCODED_PAGE.search(request.scope.get("raw_path", b"")):
            content = await queue.run(lambda: handlers.document(f"{document_id}/pages/{number}.png"))
            return conditional(request, json_bytes(content))
        # The tag names the file and what is shown of it, so that nothing is drawn for a client that has the picture.
        shown = (number, width, start, end)
        tag = entity_tag(repr((await queue.run(lambda: handlers.source_sha256(document_id)), *shown)).encode())
        if is_current(request, tag):
            return not_modified(tag)
        return tagged(await queue.run(lambda: handlers.page_picture(document_id, *shown)), "image/png", tag)

    return router


def client_of(request: Request) -> Client:
    """Return who asks."""
    client: Client = request.scope["pincite.client"]
    return client


def prefix_of(request: Request) -> str:
    """Return the beginning of the addresses of this service, as its clients see them."""
    prefix: str = request.scope.get(REST_PREFIX_KEY, "/v1")
    return prefix


async def _lines(asked: BatchRequest, handlers: Handlers, queue: RequestQueue) -> AsyncIterator[bytes]:
    for question in asked.asked():
        try:
            content = await queue.run(lambda question=question: handlers.ask(question))  # type: ignore[misc]
        except RagError as error:
            content = problem_of(error).to_dict()
        except Refused as refusal:
            content = refusal.problem.to_dict()
        yield json_bytes(content) + b"\n"


def json_bytes(content: Any) -> bytes:
    """Return the JSON text, as `Response.to_json` writes it."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
