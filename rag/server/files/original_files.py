"""Sends the page the pictures of PDF pages, the PDFs that documents were read from, and answers with their proof."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from rag.core.errors import InvalidInput, RagError, UnreadableSource
from rag.core.types import Document
from rag.evidence.pack import evidence_pack
from rag.server.asgi import Message, Receive, Send, send_problem
from rag.server.problems import Refused, problem_of, refused
from rag.server.shared_assistant import SharedAssistant

PICTURE_ADDRESS = "/pincite/page.png"
FILE_ADDRESS = "/pincite/original.pdf"
EVIDENCE_ADDRESS = "/pincite/evidence.zip"
MAX_WAITING_PICTURES = 100
"""Pictures that may wait, over all visitors; each holds a connection."""
MAX_DRAWING_THREADS = 4
PICTURE_MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
"""Media types of the pictures that documents are read from; any other file is a PDF."""
PACK_HEADERS = {"content-disposition": 'attachment; filename="evidence.zip"'}
CACHE = "private, max-age=3600"
"""The address of a picture names the file by its hash."""


class OriginalEndpoint:
    """ASGI application at `PICTURE_ADDRESS`, `FILE_ADDRESS` and `EVIDENCE_ADDRESS`, for visitors who may use the page.

    `document` names the document, and `file` the hash of the PDF that the visitor has seen; `response` names a response
    that was given lately.
    """

    def __init__(self, assistant: SharedAssistant, admitted: Callable[[Message], bool]) -> None:
        """Show documents of `assistant` to each client that is `admitted`."""
        self._assistant, self._admitted, self._waiting = assistant, admitted, 0
        # Threads of its own: pictures must not keep questions from those of the page.
        self._threads = ThreadPoolExecutor(MAX_DRAWING_THREADS, "pincite-pages")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send a picture or a file, or say why there is none."""
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
        if self._waiting >= MAX_WAITING_PICTURES:
            raise refused(503, "Many pages are being drawn.", "Try again in a moment.", {"retry-after": "5"})
        self._waiting += 1
        try:
            work = {FILE_ADDRESS: self._file, EVIDENCE_ADDRESS: self._evidence}.get(request.url.path, self._picture)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, request)
        finally:
            self._waiting -= 1

    def _picture(self, request: Request) -> Response:
        document, index = self._document(request), self._assistant.path
        number, width = _number(request, "page"), _number(request, "width")
        picture = self._assistant.originals.picture(document, index, number, width)
        return Response(picture, media_type="image/png", headers={"cache-control": CACHE})

    def _file(self, request: Request) -> Response:
        path = self._assistant.originals.file(self._document(request), self._assistant.path)
        kind = PICTURE_MEDIA_TYPES.get(path.suffix.lower(), "application/pdf")
        return FileResponse(path, media_type=kind, filename=path.name, content_disposition_type="inline")

    def _evidence(self, request: Request) -> Response:
        response = self._assistant.response(request.query_params.get("response", ""))
        with self._assistant.ready() as assistant:
            pass
        # Others ask while pages are drawn; the pack is made of one version of the index.
        pack = evidence_pack(assistant, [response], pages=self._assistant.originals)
        return Response(pack, media_type="application/zip", headers=PACK_HEADERS)

    def _document(self, request: Request) -> Document:
        document_id = request.query_params.get("document", "")
        document, _ = self._assistant.document(document_id)
        if document is None:
            raise refused(404, f"There is no document {document_id!r}.", "Ask the question again.")
        if document.source_sha256 != request.query_params.get("file"):
            raise UnreadableSource("The document has changed since it was quoted.", "Ask the question again.")
        return document


def _number(request: Request, name: str) -> int:
    """Return a number of the address. Raises InvalidInput."""
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        raise InvalidInput(f"{name} is {text[:20]!r}.", "Give a whole number.")
    return int(text)
