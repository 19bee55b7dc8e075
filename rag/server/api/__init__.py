"""REST and MCP for other programs, on the port of the page."""

from pathlib import Path
from typing import TYPE_CHECKING

from rag.index.storage.manifest import TOKENS
from rag.server.api.tokens import Tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rag.core.settings import Options
    from rag.server.files.incoming_files import IncomingFiles
    from rag.server.shared_assistant import SharedAssistant
    from rag.server.web import Attach

__all__ = ["TOKENS", "Tokens", "attach_service"]


def attach_service(index: Path) -> "Attach":
    """Return a function that puts the service over an index before its page. The log goes to standard error."""

    def attach(app: "FastAPI", assistant: "SharedAssistant", options: "Options", incoming: "IncomingFiles") -> None:
        # FastAPI takes a second to import; `rag token` needs none of it.
        from rag.server.api.access_log import log_to_stderr
        from rag.server.api.application import put_before

        log_to_stderr()
        put_before(app, assistant, options, incoming, Tokens(index / TOKENS))

    return attach
