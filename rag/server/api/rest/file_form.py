"""Receives the files of a `multipart/form-data` request: part by part to the disk, never whole in memory."""

import asyncio
import logging
from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.server.asgi import Message, Receive
from rag.server.files.incoming_files import SILENT_SECONDS, IncomingFiles, file_name
from rag.server.limits.body_limit import DISCARDED_BYTES, too_long
from rag.server.problems import Refused, refused

MAX_FILES_OF_REQUEST = 100
MAX_FORM_BYTES = 1_000_000
"""Of a request beside the content of its files."""
FIELD = b"files"
FORM_REMEDY = f"Send 1 to {MAX_FILES_OF_REQUEST} files as multipart/form-data, each in a field `files`."

# The library warns of every form that it cannot read; the answer says so already, and the log has its line.
logging.getLogger("python_multipart.multipart").setLevel(logging.CRITICAL)


async def receive_files(request: Request, incoming: IncomingFiles) -> list[str]:
    """Return the keys in `incoming` of the files of a request, in order. Raises Refused, and keeps none then."""
    form = _Form(incoming, str((request.scope.get("client") or ("",))[0]))
    receive = _Counting(request.receive)
    try:
        await form.read(receive, _boundary(request))
    except BaseException as error:
        incoming.discard(form.keys)
        refusal = _refusal(error, incoming)
        if refusal is None:
            raise
        await receive.discard_rest()
        raise refusal from None
    return form.keys


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise refused(415, "The request is no form with files.", FORM_REMEDY)
    return options[b"boundary"]


def _refusal(error: BaseException, incoming: IncomingFiles) -> Refused | None:
    """Return how to say that a form was not received, None if the error is the program's own."""
    closing = {"connection": "close"}
    if isinstance(error, Refused):
        return error
    if isinstance(error, FormParserError):
        return refused(422, "The form cannot be read.", FORM_REMEDY, closing)
    if isinstance(error, InvalidInput):
        return refused(413, error.message, error.remedy, closing)
    if isinstance(error, IndexWriteFailed):
        return refused(507, error.message, error.remedy, closing)
    if isinstance(error, TimeoutError | ConnectionError):
        return refused(408, "The files did not arrive whole.", "Send them again.", closing)
    return None


class _Counting:
    """Receives the messages of one body, each within the time that a silent client has."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self.length, self.ended = receive, 0, False

    async def message(self) -> Message:
        message = await asyncio.wait_for(self._receive(), SILENT_SECONDS)
        self.ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        self.length += len(message.get("body", b""))
        if message["type"] == "http.disconnect":
            raise ConnectionError
        return message

    async def discard_rest(self) -> None:
        """Read on for a while, so that the sender is still there to hear why."""
        until = self.length + DISCARDED_BYTES
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                while not self.ended and self.length < until:
                    await self.message()
        except (TimeoutError, ConnectionError):
            return


class _Form:
    """Writes the parts of one form to `incoming`."""

    def __init__(self, incoming: IncomingFiles, client: str) -> None:
        self._incoming, self._client = incoming, client
        self.keys: list[str] = []
        self._file_bytes, self._ended = 0, False
        self._header_name, self._header_value, self._disposition = b"", b"", b""

    async def read(self, receive: _Counting, boundary: bytes) -> None:
        parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        while not receive.ended:
            message = await receive.message()
            parser.write(message.get("body", b""))
            if receive.length - self._file_bytes > MAX_FORM_BYTES:
                raise too_long(MAX_FORM_BYTES)
        if not self._ended or not self.keys:
            raise refused(422, "The form holds no file, or does not end.", FORM_REMEDY)

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value_part,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_end": self._form_ends,
        }

    def _part_begins(self) -> None:
        self._header_name, self._header_value, self._disposition = b"", b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        if kind != b"form-data" or options.get(b"name") != FIELD or not name:
            raise refused(422, "A part of the form is no file of the field `files`.", FORM_REMEDY)
        if len(self.keys) == MAX_FILES_OF_REQUEST:
            raise refused(413, f"The form holds more than {MAX_FILES_OF_REQUEST} files.", FORM_REMEDY)
        self.keys.append(self._incoming.begin(self._client, file_name(name), 0))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._file_bytes += end - start
        self._incoming.append(self.keys[-1], data[start:end])

    def _form_ends(self) -> None:
        self._ended = True
