"""Serves the page, REST and MCP over the articles in `seeds/`: `python app.py`.

Settings come from `pincite.toml` and variables such as `PINCITE_PORT`: see `rag/core/configuration.py`.
"""

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.answering.assistant import Assistant
from rag.core.configuration import load_configuration
from rag.core.errors import IndexNotFound, RagError
from rag.core.settings import Options, Settings
from rag.index.index import Index
from rag.server.api import attach_service
from rag.server.local_socket import also_answering
from rag.server.page import serve_assistant

HERE = Path(__file__).parent
ARTICLES = HERE / "seeds"


def opened(path: Path, settings: Mapping[str, Any]) -> Assistant:
    """Return an assistant over the articles as they are now; the index is built or brought up to date first."""
    try:
        index = Index.open(path)
    except IndexNotFound:
        index = Index.build(ARTICLES, path, Settings().updated(settings))
    else:
        index.sync(ARTICLES)
    return Assistant(index, index.settings.updated(settings))


if __name__ == "__main__":
    try:
        configuration = load_configuration()
        path, options = configuration.index or HERE / "index", Options().updated(configuration.options())
        open_assistant = functools.partial(opened, path, configuration.settings())
        serve_assistant(open_assistant, options, (path,), also_answering(path, attach_service(path)))
    except RagError as error:
        sys.exit(f"error: {error}")
