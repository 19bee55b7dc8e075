"""What is told where a Milvus server is away, slow, killed, or holds what is not ours. With a server of our own."""

import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import IndexUnreachable, IndexVersionMismatch
from rag.core.response import Response
from rag.index.index import Index
from tests.index.engines.conftest import AFTER_A_KILL, Server

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

pymilvus = pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
QUESTION = "Why did Armenia recall its ambassador to Israel?"
TIMEOUT, MARGIN = 4.0, 3.0
"""Seconds: the time-out, and what reading with its model and a busy machine may add to it."""


def said(response: Response) -> Any:
    return {**response.to_dict(), "timings_ms": 0}


def test_a_server_that_is_not_there_is_told_within_the_time_out() -> None:
    with socket.socket() as held:  # bound and not listened to: a connection is refused
        held.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        with pytest.raises(IndexUnreachable, match="See that the server runs"):
            Index.open(f"milvus://127.0.0.1:{held.getsockname()[1]}/none?timeout=2")
    assert time.monotonic() - begun < 2 + MARGIN


def test_a_server_that_takes_and_says_nothing_is_told_within_the_time_out() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        begun = time.monotonic()
        with pytest.raises(IndexUnreachable, match="milvus://127"):
            Index.open(f"milvus://127.0.0.1:{held.getsockname()[1]}/none?timeout=2")
    assert time.monotonic() - begun < 2 + MARGIN


@pytest.mark.slow
def test_a_server_that_stands_still_is_told_and_goes_on(own_server: Server, seeds: Path, embedder: "Embedder") -> None:
    index = Index.build(seeds, f"milvus://{own_server.address}/still?timeout={TIMEOUT}", embedder=embedder)
    assistant = Assistant(index)
    expected = said(assistant.ask(QUESTION))
    own_server.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(IndexUnreachable):
            assistant.ask(QUESTION)
        assert time.monotonic() - begun < TIMEOUT + MARGIN
    finally:
        own_server.signal(signal.SIGCONT)
    assert answered_within(assistant, AFTER_A_KILL) == expected


@pytest.mark.slow
def test_a_collection_of_another_dimension_or_metric_is_refused(
    own_server: Server, seeds: Path, embedder: "Embedder"
) -> None:
    from rag.index.milvus import collections
    from rag.index.milvus.engine import MilvusEngine

    address = f"milvus://{own_server.address}/refused"
    Index.build(seeds, address, embedder=embedder)
    held = MilvusEngine(address).latest().snapshot
    for dimension, metric in ((8, "IP"), (embedder.dimension, "L2")):
        held.connection("drop_collection", held.layout.passages)
        held.connection("drop_collection", held.layout.records)
        collections.METRIC = metric
        collections.make(held.connection, held.layout, dimension)
        collections.METRIC = "IP"
        with pytest.raises(IndexVersionMismatch, match=f"{dimension} dimensions and the metric {metric}.*rebuild"):
            Index.open(address, embedder)


@pytest.mark.slow
def test_questions_outlive_a_server_killed_and_started_again(
    own_server: Server, seeds: Path, embedder: "Embedder"
) -> None:
    # Someone else in this process is more patient with the same server: that is no reason to wait as long.
    Index.build(seeds, f"milvus://{own_server.address}/patient?timeout={5 * TIMEOUT}", embedder=embedder).close()
    index = Index.build(seeds, f"milvus://{own_server.address}/killed?timeout={TIMEOUT}", embedder=embedder)
    assistant = Assistant(index)
    expected = said(assistant.ask(QUESTION))
    outcomes: list[tuple[float, float, Any]] = []
    ended = threading.Event()

    def ask_on() -> None:
        while not ended.is_set():
            begun = time.monotonic()
            try:
                found: Any = said(assistant.ask(QUESTION))
            except IndexUnreachable as error:
                found = error
            outcomes.append((begun, time.monotonic() - begun, found))

    asking = threading.Thread(target=ask_on)
    asking.start()
    time.sleep(3)
    own_server.kill()
    killed = time.monotonic()
    time.sleep(2)
    own_server.start()
    assert answered_within(assistant, AFTER_A_KILL) == expected
    print(f"answered again {time.monotonic() - killed:.0f} s after the kill")  # noqa: T201
    time.sleep(3)
    ended.set()
    asking.join()
    failed = [took for _, took, found in outcomes if isinstance(found, IndexUnreachable)]
    right = [found for *_, found in outcomes if not isinstance(found, IndexUnreachable)]
    # A question makes several requests: one may be answered late, and the next not at all.
    assert failed and max(failed) < 2 * TIMEOUT + MARGIN
    assert right and all(found == expected for found in right), "none is wrong"
    assert not isinstance(outcomes[0][2], IndexUnreachable) and not isinstance(outcomes[-1][2], IndexUnreachable)
    print(f"{len(right)} questions answered, {len(failed)} told of the server")  # noqa: T201


def answered_within(assistant: Assistant, seconds: float) -> Any:
    """Return the response once there is one."""
    end = time.monotonic() + seconds
    while True:
        try:
            return said(assistant.ask(QUESTION))
        except IndexUnreachable:
            assert time.monotonic() < end, "the server did not come back"
            time.sleep(1)
