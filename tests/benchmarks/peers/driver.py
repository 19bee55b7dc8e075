"""Runs one peer in a process of its own and prints, as JSON, what it cost in CPU seconds of all its threads.

    python with_NAME.py index MODEL PASSAGES FOLDER      # PASSAGES: a JSON list of texts
    python with_NAME.py ask MODEL QUESTIONS FOLDER       # QUESTIONS: a JSON list, asked of what `index` left

`indexing` is without imports and without loading the model; `first` is all from the start of the process to the first
passage. Only the standard library is imported here, so that a peer's own imports are counted.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Peer:
    """How a library loads the model, indexes passages into a folder, opens it, and finds the best passage."""

    load: Callable[[str], Any]
    index: Callable[[Any, list[str], Path], object]
    open: Callable[[Any, Path], Any]
    best: Callable[[Any, str], str]


def run(peer: Peer) -> None:
    """Do what the command line says."""
    action, model, given, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    texts: list[str] = json.loads(given.read_text(encoding="utf-8"))
    loaded = peer.load(model)
    found = indexed(peer, loaded, texts, folder) if action == "index" else asked(peer, loaded, texts, folder)
    sys.stdout.write("\n" + json.dumps({**found, "peak_mib": peak_mib()}) + "\n")


def indexed(peer: Peer, model: Any, passages: list[str], folder: Path) -> dict[str, float]:
    """Return the CPU seconds of indexing."""
    began = time.process_time()
    peer.index(model, passages, folder)
    return {"indexing": time.process_time() - began}


def asked(peer: Peer, model: Any, questions: list[str], folder: Path) -> dict[str, Any]:
    """Return the CPU seconds to the first passage, those of every later question, and all that was found."""
    opened = peer.open(model, folder)
    found = [peer.best(opened, questions[0])]
    first = time.process_time()
    warm = []
    for question in questions[1:]:
        began = time.process_time()
        found.append(peer.best(opened, question))
        warm.append(time.process_time() - began)
    return {"first": first, "warm": warm, "found": found}


def peak_mib() -> float:
    """Return the largest resident size of this process in MiB, on Linux.

    `getrusage` would count the process that started this one too: until a program is loaded, their memory is shared.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1_024, 1)
