"""Runs ONNX graphs and searches on one thread each, many inputs side by side, and questions in timed batches."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")

MAX_BATCH_QUESTIONS = 64
"""Questions that are read together."""

_lock = Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def session(graph: bytes | Path) -> Any:
    """Return an ONNX Runtime session that computes on the thread it is called from, and reports nothing to its maker.

    A file is quicker than bytes, by 30 CPU ms of 100 for the reader, because the bytes are not copied first. Raises
    RuntimeError if the graph cannot be run.
    """
    # From 1.29 on it sends events to a server of Microsoft, and reads this when it is imported.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows does not know the variable
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = str(graph) if isinstance(graph, Path) else graph
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a dozen kinds that have no other parent
        raise RuntimeError(str(error).strip().partition("\n")[0]) from error


def tokenizer(file: Path) -> Any:
    """Return the tokenizer of a `tokenizer.json`, without padding and truncation.

    Reader and embedder share the one of their vocabulary: reading it takes 50 CPU ms.
    """
    return _tokenizer(file.read_bytes())


@lru_cache(maxsize=4)
def _tokenizer(content: bytes) -> Any:
    from tokenizers import Tokenizer

    shared = Tokenizer.from_buffer(content)
    shared.no_padding()
    shared.no_truncation()
    return shared


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in order, at most `MAX_BATCH_QUESTIONS` together."""
    return (items[start : start + MAX_BATCH_QUESTIONS] for start in range(0, len(items), MAX_BATCH_QUESTIONS))


class StageTimer:
    """Milliseconds of each stage and of all, for each of `questions` that are read together."""

    def __init__(self, questions: int) -> None:
        """Start now."""
        self._questions = questions
        self._began = self._last = time.perf_counter()
        self.timings: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """Note the time since the last stop under the name of the stage that has ended."""
        now = time.perf_counter()
        self.timings[stage] = round((now - self._last) * 1_000 / self._questions, 1)
        self.timings["total"] = round((now - self._began) * 1_000 / self._questions, 1)
        self._last = now


def side_by_side(function: Callable[[Item], Output], items: Sequence[Item]) -> list[Output]:
    """Return the result of `function` for each item, in order; several run at a time."""
    return [function(item) for item in items] if len(items) < 2 else list(_workers().map(function, items))


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers() -> ThreadPoolExecutor:
    # A forked child inherits the pool but not its threads, and would wait for them for ever.
    with _lock:
        if os.getpid() not in _pools:
            _pools.clear()
            _pools[os.getpid()] = ThreadPoolExecutor(processors(), thread_name_prefix="model")
        return _pools[os.getpid()]


def _free_the_lock() -> None:
    """Give a forked child a lock of its own: another thread may have held the parent's."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_the_lock)
