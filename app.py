"""Serves the page, REST and MCP over the articles in `seeds/`: `python app.py`.

`PINCITE_INDEX` names the folder of the index, `PINCITE_HOST` and `PINCITE_PORT` the address.
"""

import os
import sys
from pathlib import Path

from rag.assistant import Assistant
from rag.errors import IndexNotFound, RagError
from rag.index import Index
from rag.service.commands import attach_service
from rag.ui import Options, serve_assistant

HERE = Path(__file__).parent
ARTICLES = HERE / "seeds"
INDEX = Path(os.environ.get("PINCITE_INDEX") or HERE / "index")


def open_assistant() -> Assistant:
    """Return an assistant over the articles as they are now; the index is built or brought up to date first."""
    try:
        index = Index.open(INDEX)
    except IndexNotFound:
        index = Index.build(ARTICLES, INDEX)
    else:
        index.sync(ARTICLES)
    return Assistant(index)


if __name__ == "__main__":
    host, port = os.environ.get("PINCITE_HOST") or "127.0.0.1", os.environ.get("PINCITE_PORT") or "7860"
    if not port.isdecimal():
        sys.exit(f"error: PINCITE_PORT={port!r} is not a number. Give one such as 7860, or 0 for a free one.")
    try:
        serve_assistant(open_assistant, Options(host, int(port)), (INDEX,), attach_service(INDEX))
    except RagError as error:
        sys.exit(f"error: {error}")
