"""Calls a function of the package in the process that reads files, for other work on a file of unknown origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.core.errors import UnreadableSource
from rag.loading.isolation.process import is_possible, lent_process
from rag.loading.isolation.worker import called

MAX_CALL_SECONDS = 60.0


def call_apart(function: str, file: Path, arguments: Mapping[str, Any]) -> Any:
    """Return what a function such as `rag.module:name` returns; arguments and result are JSON values.

    Raises UnreadableSource, also if the call takes too long or ends its process. `file` is named in that case.
    """
    if not is_possible():
        return called(function, arguments)
    with lent_process() as process:
        try:
            (answer,) = process.answers({"call": function, "arguments": arguments}, MAX_CALL_SECONDS)
        except TimeoutError:
            process.close()
            what = f"{file.name}: work on it was stopped after {MAX_CALL_SECONDS:.0f} seconds."
            raise UnreadableSource(what, "Save or export it again.") from None
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            what = f"{file.name}: work on it ended the process that reads files{process.ending()}."
            raise UnreadableSource(what, "Save or export it again.") from None
        except BaseException:
            process.close()  # its answer to this request would be taken for that to the next
            raise
    if "error" in answer:
        raise UnreadableSource(str(answer.get("message")), str(answer.get("remedy")))
    return answer.get("result")
