"""Puts together what serves one collection: its assistant, its REST and MCP, and its page for readers and writers.

Nothing of it is shared with another collection but the queue of requests: questions, jobs, removals
and figures can be reached only by who was let in to this collection.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.answering.assistant import Assistant
from rag.core.settings import Options
from rag.server.api.access_log import AccessLog
from rag.server.api.application import IndexService
from rag.server.api.request_queue import RequestQueue
from rag.server.api.tokens import Scope
from rag.server.asgi import App
from rag.server.collections.lazy_page import LazyPage
from rag.server.files.incoming_files import IncomingFiles
from rag.server.local_socket import answering_shell
from rag.server.shared_assistant import SharedAssistant
from rag.server.web import build_app, forgetting, incoming_files


@dataclass(frozen=True)
class Collection:
    """One index that is served under a name."""

    name: str
    index: Path
    assistant: SharedAssistant
    service: IndexService
    access_log: AccessLog
    incoming: IncomingFiles
    reading_page: LazyPage
    writing_page: LazyPage

    def page(self, role: Scope) -> App:
        """Return the page of a role: that of readers has no calls that change anything."""
        return self.reading_page if role == "read" else self.writing_page

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what works in the background, until the server stops."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.service.running(self.access_log))
            await stack.enter_async_context(forgetting(self.incoming))
            await stack.enter_async_context(self.reading_page.running())
            await stack.enter_async_context(self.writing_page.running())
            stack.enter_context(answering_shell(self.index, self.assistant))
            yield


def build_collection(
    name: str,
    index: Path,
    open_assistant: Callable[[], Assistant],
    options: Options,
    queue: RequestQueue,
    private: Sequence[Path],
) -> Collection:
    """Return a collection that is not open yet; no file below `private` is ever served."""
    assistant = SharedAssistant(open_assistant)
    # Who asks is known before a request comes here, so neither page asks for a password of its own.
    for_writers = replace(options, auth=None)
    for_readers = replace(for_writers, readonly=True)
    incoming = incoming_files(assistant, options)
    reading, writing = (
        LazyPage(functools.partial(build_app, assistant, own, tuple(private), incoming=incoming))
        for own in (for_readers, for_writers)
    )
    service = IndexService(assistant, options, incoming, queue)
    access_log = AccessLog(service.app, service.figures, name)
    return Collection(name, index, assistant, service, access_log, incoming, reading, writing)
