"""Reads files in a process of its own, one request after the other, within limits of memory and processor time.

`rag.loading.isolation.process` starts it. Requests come on standard input, answers go to standard output.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from rag.loading.isolation.heartbeat import heard_by
from rag.loading.isolation.messages import LENGTH_BYTES, item_message, message_bytes, message_of
from rag.loading.sources import Source

MAX_MEMORY_BYTES = 4 * 1024 * 1024 * 1024
"""Address space of the process: the largest files that are read take about half of it."""
FOLDER_PREFIX = "rag-reading-"
"""Prefix of the name of the process's temporary folder."""
NICENESS = 5
"""Who asks goes before who hands in files, if both want the processor."""
WORN_BYTES = 1024 * 1024 * 1024
"""Memory that a file may leave in use: after more the process ends, and the next file gets a fresh one."""


def main() -> None:
    """Answer requests until standard input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # A library that prints must not write into the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _limit_memory()
    try:
        _answer_all(requests, answers)
    finally:
        # The process that asked has ended; if it was killed, it has left this folder.
        if os.path.basename(tempfile.gettempdir()).startswith(FOLDER_PREFIX):
            shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)


def _answer_all(requests: BinaryIO, answers: BinaryIO) -> None:
    while (request := _received(requests)) is not None:
        seconds = float(request["seconds"])

        def answer(message: dict[str, Any], seconds: float = seconds) -> None:
            answers.write(message_bytes(message))
            answers.flush()
            _limit_seconds(max(seconds, message.get("patience", 0.0)))

        _limit_seconds(seconds)
        if "pdf" in request:
            _look_into(request["pdf"], answer)
        elif "call" in request:
            _call(request["call"], request["arguments"], answer)
        else:
            _read(request, answer)


def _received(requests: BinaryIO) -> dict[str, Any] | None:
    head = requests.read(LENGTH_BYTES)
    return message_of(requests.read(int.from_bytes(head, "big"))) if len(head) == LENGTH_BYTES else None


def _read(request: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer with the documents of a file, number and name of each archive member before it is read, and the end."""
    from rag.loading import load

    _give_way()
    os.chdir(request["folder"])
    fields = request["source"]
    source = Source(Path(fields.pop("path")), **{**fields, "links": tuple(fields["links"])})
    skipped = set(request["skipped"])
    numbers = count(1)

    def begin(inner: Source) -> bool:
        number = next(numbers)  # two members may have one id
        answer({"member": number, "name": inner.name})
        return number not in skipped

    with heard_by(lambda seconds: answer({"patience": seconds})):
        for item in load(source, begin):
            answer(item_message(item))
    answer({"end": True, "worn": _memory_bytes() > WORN_BYTES})


def _look_into(request: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer with boxes or a picture of a PDF, or the reason why there are none, and the end."""
    from rag.core.errors import LoadError
    from rag.loading.pages.picture_pages import answer_page

    try:
        answer(answer_page(request))
    except LoadError as error:
        answer(item_message(error))
    answer({"end": True, "worn": _memory_bytes() > WORN_BYTES})


def _give_way() -> None:
    if hasattr(os, "setpriority"):  # not on Windows
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def _call(function: str, arguments: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer with the result of a function of the package, or the reason why there is none, and the end."""
    from rag.core.errors import LoadError, RagError

    try:
        answer({"result": called(function, arguments)})
    except RagError as error:
        answer(item_message(LoadError(error.message, error.remedy)))
    answer({"end": True, "worn": _memory_bytes() > WORN_BYTES})


def called(function: str, arguments: Mapping[str, Any]) -> Any:
    """Return what a function of the package returns. Raises LookupError if the name is of no module of it."""
    module, _, name = function.partition(":")
    if not module.startswith("rag."):
        raise LookupError(function)
    return getattr(import_module(module), name)(**arguments)


def _limit_memory() -> None:
    import resource

    _limit(resource.RLIMIT_AS, MAX_MEMORY_BYTES)


def _limit_seconds(seconds: float) -> None:
    """Let the system end the process after so much more processor time, even if nobody waits for it."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def _limit(kind: int, most: int) -> None:
    """Set a limit of the process; the system refuses one above the hard limit."""
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(hard, most), hard))


def _memory_bytes() -> int:
    """Return the memory that this process has, or the most that it has had if the system tells no more."""
    import resource

    unknown = suppress(OSError, StopIteration, ValueError)
    with unknown, open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
