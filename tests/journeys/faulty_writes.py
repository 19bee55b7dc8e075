"""Runs one write of an index again and again, each time with another of its writes failing.

    LD_PRELOAD=faulty_writes.so python tests/journeys/faulty_writes.py ARTICLES INDEX COPY EVERY

`tests/journeys/test_crash.py` starts it. It prints how many calls failed with each error and how each write ended; exit
status 1 if something was lost.
"""

import ctypes
import errno
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rag.core.errors import IndexWriteFailed
from rag.core.protocols import Embedder
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
from rag.index.index import Index
from rag.index.repair import examine
from rag.index.storage.manifest import read_manifest

REFUSED, NOT_REACHED, OTHERWISE = 0, 3, 4


def texts(path: Path) -> dict[str, str]:
    """Return id and text of every document."""
    index = Index.open(path)
    found = {item.id: document.text for item in index.documents() if (document := index.document(item.id))}
    index.close()
    return found


def armed(write: Callable[[], object], below: Path, call: int, error: int) -> int:
    """Return how a write ends, in a process of its own, whose call number `call` fails."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    faults, status = ctypes.CDLL(None), OTHERWISE
    try:
        faults.left.restype = ctypes.c_long
        faults.arm(os.fsencode(below), ctypes.c_long(call), error)
        write()
        status = NOT_REACHED if faults.left() >= 0 else OTHERWISE + 1
    except IndexWriteFailed as refusal:
        status = REFUSED if refusal.remedy else OTHERWISE
    except BaseException as problem:
        os.write(2, f"call {call}: {problem!r}\n".encode())
    os._exit(status)


def tried(articles: Path, base: Path, copy: Path, every: int, error: int, embedder: Embedder) -> Counter[str]:
    """Return what became of a sync, whose every `every`th call failed in turn."""
    found, old = Counter[str](), texts(base)
    new = {path.name: path.read_bytes().decode() for path in articles.iterdir()}
    for call in range(0, 100_000, every):
        # Whoever watches the words of the copy before may put a lock file there meanwhile.
        while copy.exists():
            shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(base, copy)
        status = armed(lambda: Index.open(copy, embedder).sync(articles), copy, call, error)
        held, problems = texts(copy), examine(copy)
        state = "old" if held == old else "new" if held == new else "LOST"
        version_fits = read_manifest(copy).version == (1 if state == "old" else 2)
        if (
            problems
            or not version_fits
            or (status == OTHERWISE + 1 and state != "new")
            or (status == REFUSED and any(copy.glob("*.partial")))
        ):
            state = f"LOST at {call}: {problems}"
        if status == NOT_REACHED:
            found["not reached"] += 1
            return found
        name = {REFUSED: "refused", OTHERWISE + 1: "done all the same"}.get(status, f"ENDED {status} at {call}")
        found[f"{name}, {state}"] += 1
    return found


def main() -> None:
    """Print what became of every call, for a full disk and for a broken one."""
    articles, base, copy, every = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    embedder = open_embedder(Settings())
    embedder.embed_queries(["ready"])
    lost = False
    for error in (errno.ENOSPC, errno.EIO):
        found = tried(articles, base, copy, every, error, embedder)
        lost = lost or any("LOST" in key or "ENDED" in key for key in found) or found["not reached"] != 1
        sys.stdout.write(f"{errno.errorcode[error]}: {dict(found)}\n")
    sys.exit(int(lost))


if __name__ == "__main__":
    main()
