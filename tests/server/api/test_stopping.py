"""SIGTERM while many write and ask: what was accepted is in the index, and what had begun is answered."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from rag.index.repair import examine
from tests.server.running_service import ABSURD, COLLAPSE, RECALL, Served, served

WRITERS, ASKERS, WRITES_BEFORE = 4, 4, 8
SURELY_IN = 0.3
"""Seconds after which a request that was sent is surely being worked on."""


@dataclass
class Seen:
    """What the clients saw; the times are those at which requests were sent."""

    accepted: list[str] = field(default_factory=list)
    begun: dict[str, float] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)


def sent(client: httpx.Client, seen: Seen, name: str, path: str, content: object) -> httpx.Response | None:
    """Send a request and note what became of it; None where the server was gone before it took it."""
    seen.begun[name] = time.monotonic()
    try:
        answer = client.post(path, json=content)
    except httpx.TransportError:
        return None
    seen.answered[name], seen.ended[name] = answer.status_code, time.monotonic()
    return answer


def write(address: str, seen: Seen, writer: int) -> None:
    with httpx.Client(base_url=address, timeout=120) as client:
        for number in range(1_000):
            name = f"w{writer}-{number}"
            documents = [{"id": name, "text": f"The bell of harbour {name} weighs {number + 2} tons."}]
            answer = sent(client, seen, name, "/v1/documents", {"documents": documents})
            if answer is None or answer.status_code != 200:
                return
            assert answer.json()["added"] == [name]
            seen.accepted.append(name)


def ask(address: str, seen: Seen, asker: int) -> None:
    questions = [COLLAPSE, RECALL, ABSURD]
    with httpx.Client(base_url=address, timeout=120) as client:
        for number in range(1_000):
            name = f"a{asker}-{number}"
            path, content = ("/v1/ask", {"question": RECALL}), ("/v1/ask:batch", {"questions": questions})
            answer = sent(client, seen, name, *(content if asker % 2 else path))
            if answer is None or answer.status_code != 200:
                return
            lines = [json.loads(line) for line in answer.text.splitlines()]
            assert len(lines) == (len(questions) if asker % 2 else 1)
            assert all(line["status"] in ("answered", "no_answer") for line in lines)


def stopped_in_mid_load(running: Served) -> tuple[Seen, float]:
    """Return what was seen, and when the server was told to stop."""
    seen, failed = Seen(), list[BaseException]()

    def run(what: Callable[[str, Seen, int], None], number: int) -> None:
        try:
            what(running.address, seen, number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(write, number)) for number in range(WRITERS)]
    threads += [threading.Thread(target=run, args=(ask, number)) for number in range(ASKERS)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while len(seen.accepted) < WRITES_BEFORE and time.monotonic() < until:
        time.sleep(0.02)
    told = time.monotonic()
    running.process.terminate()
    for thread in threads:
        thread.join()
    assert not failed, failed
    return seen, told


@pytest.mark.slow
def test_no_accepted_write_and_no_question_in_flight_is_lost(index: Path) -> None:
    with served(index, "--rate-limit", "1000000") as running:
        seen, told = stopped_in_mid_load(running)
        assert running.process.wait(120) in (0, -15, 143)
        assert not [line for line in running.lines() if line["status"] != 200 or line.get("failed")]
    in_flight = [name for name, at in seen.begun.items() if at < told - SURELY_IN and name not in seen.answered]
    assert not in_flight, "what had begun was answered"
    assert len(seen.accepted) >= WRITES_BEFORE and len(seen.answered) > len(seen.accepted)
    # Some of it was under way, else this test shows nothing.
    assert any(at < told - SURELY_IN < told < seen.ended[name] for name, at in seen.begun.items() if name in seen.ended)
    with served(index) as again:
        for name in seen.accepted:
            text = httpx.get(f"{again.address}/v1/documents/{name}/text", timeout=120).json()["text"]
            assert text.startswith(f"The bell of harbour {name} weighs")
    assert examine(index) == []
