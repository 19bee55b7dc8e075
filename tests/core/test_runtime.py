"""Graphs that cannot be run are told as the contract says; a search keeps to the thread that asks for it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import pytest

from rag.core.runtime import session
from rag.index.storage.flat_vectors import one_thread
from tests import ROOT


def test_what_is_no_graph_is_a_runtime_error(tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(b"not a graph")
    for given in (b"not a graph", tmp_path / "graph.onnx", tmp_path / "nowhere.onnx"):
        with pytest.raises(RuntimeError):
            session(given)


def test_onnx_runtime_stores_no_events_for_its_maker(tmp_path: Path) -> None:
    """It would store an id of the machine and the events in the home folder, and send them later."""
    program = "from rag.core.runtime import session\ntry: session(b'')\nexcept RuntimeError: print('refused')"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n" and list(tmp_path.rglob("*")) == []


def test_one_thread_is_left_to_the_caller_and_all_to_others() -> None:
    every = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        with ThreadPoolExecutor(1) as other:
            theirs = other.submit(faiss.omp_get_max_threads).result()
            with one_thread():
                assert faiss.omp_get_max_threads() == 1
                assert other.submit(faiss.omp_get_max_threads).result() == theirs
            assert faiss.omp_get_max_threads() == 3, "it was not given back"
    finally:
        faiss.omp_set_num_threads(every)
