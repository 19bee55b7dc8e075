"""Measures what a step costs: CPU and wall time, by stage, and memory."""

import re
import resource
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np


class Stages:
    """CPU seconds spent in the functions that are watched, without those inside others of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.spent: dict[str, float] = defaultdict(float)
        self._inside = [0.0]

    def watch(self, place: Any, name: str, label: str) -> None:
        """Count the time of `place.name` under `label`."""
        real = getattr(place, name)

        def timed(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inside.append(0.0)
            try:
                return real(*given, **named)
            finally:
                whole = time.process_time() - began
                self.spent[label] += whole - self._inside.pop()
                self._inside[-1] += whole

        setattr(place, name, timed)


def watched(embedder: Any) -> Stages:
    """Return stages over the steps of a write with this kind of embedder."""
    from rag.index.storage import documents as store
    from rag.index.storage import integrity, lexical
    from rag.index.writing import build, ingest, writer
    from rag.index.writing import vector_writer as vector_files
    from rag.loading.formats.spreadsheets import jsonl

    stages = Stages()
    for place, name, label in (
        (jsonl, "_document", "read rows"), (writer, "find_blocks", "blocks"), (writer, "find_masks", "boilerplate"),
        (writer, "chunk", "chunks"), (writer, "sketch", "sketches"), (writer, "trace", "traces"),
        (embedder, "embed_with_parts", "look vectors up"), (writer, "packed", "pack sentence vectors"),
        (store.Store, "put", "store"), (store.Store, "put_sentence_vectors", "store"), (store.Store, "commit", "store"),
        (store.Store, "rows_by_embedded", "store"), (store.Store, "document", "store"),
        (lexical.TantivyStore, "add", "words"), (lexical.TantivyStore, "commit", "words"),
        (vector_files.VectorWriter, "add", "vectors"), (vector_files.VectorWriter, "finish", "vectors"),
        (vector_files, "trained", "vectors: lists and 8 bits"), (vector_files, "extended", "vectors: add to lists"),
        (vector_files, "tuned", "vectors: measure recall"), (writer.Writer, "settle", "repeated blocks"),
        (ingest.Ingest, "_near_duplicates", "near-duplicates"), (writer, "described", "hash files"),
        (build, "_require_whole", "hash the version before"), (writer, "_fingerprint", "fingerprint"),
        (build, "commit", "commit, fsync"), (integrity.DeferredChecks, "require_whole", "hash before use"),
        (shutil, "copyfile", "copy the document store"),
    ):  # fmt: skip
        stages.watch(place, name, label)
    return stages


def rounded(stages: Stages, whole: float) -> dict[str, float]:
    spent = {label: round(seconds, 2) for label, seconds in sorted(stages.spent.items(), key=lambda item: -item[1])}
    return {**spent, "rest": round(whole - sum(stages.spent.values()), 2)}


def peak() -> int:
    """Return the peak resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024


def memory() -> dict[str, int]:
    """Return resident MB: all, and what is no page of a file."""
    found = dict(re.findall(r"^(Rss|Anonymous):\s+(\d+)", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE))
    return {name: int(kb) // 1_024 for name, kb in found.items()}


class Memory:
    """Looks twice a second at the resident memory while a step is done, and keeps the most, in MB."""

    def __enter__(self) -> "Memory":
        self.most = resident()
        self._done = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._done.wait(0.5):
            self.most = {name: max(mb, self.most[name]) for name, mb in resident().items()}


def resident() -> dict[str, int]:
    """Return resident MB: all, what is no page of a file, and pages of files."""
    status = dict(re.findall(r"^(VmRSS|RssAnon|RssFile):\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE))
    return {name: int(kb) // 1_024 for name, kb in status.items()}


def timed(work: Callable[..., object], *given: Any) -> tuple[float, float]:
    """Return CPU and wall milliseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work(*given)
    return (time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3


def spread(found: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return medians and 95th percentiles."""
    cpu, wall = zip(*found, strict=True)
    return {"n": len(found), "cpu_p50": round(median(cpu), 2), "cpu_p95": round(float(np.percentile(cpu, 95)), 2),
            "wall_p50": round(median(wall), 2), "wall_p95": round(float(np.percentile(wall, 95)), 2)}  # fmt: skip
