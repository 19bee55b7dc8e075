import asyncio
import threading

import pytest

from rag.server.api.access import Client
from rag.server.api.request_queue import RequestQueue
from rag.server.problems import Refused

ANN = Client("ann", "read")


def test_who_comes_when_all_places_are_taken_is_told_to_come_again() -> None:
    gate = threading.Event()

    async def scenario() -> tuple[list[int], Refused]:
        queue = RequestQueue(100, waiting=2)
        held = [asyncio.ensure_future(queue.run(lambda: gate.wait(120) and 7)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refusal:
            await queue.run(lambda: 1)
        gate.set()
        results = list(await asyncio.gather(*held))
        assert (queue.waiting, await queue.run(lambda: 1)) == (0, 1)
        return [int(result) for result in results], refusal.value

    results, refusal = asyncio.run(scenario())
    assert results == [7, 7]
    assert refusal.problem.status == 429 and int(refusal.problem.headers["retry-after"]) > 0


def test_what_takes_too_long_is_answered_and_carried_out_all_the_same() -> None:
    gate, written = threading.Event(), []

    def write() -> None:
        gate.wait(120)
        written.append(True)

    async def scenario() -> int:
        queue = RequestQueue(100, seconds=0.05)
        with pytest.raises(Refused) as refusal:
            await queue.run(write)
        assert queue.waiting == 1, "it still holds its place"
        gate.set()
        while queue.waiting:
            await asyncio.sleep(0.01)
        return refusal.value.problem.status

    assert (asyncio.run(scenario()), written) == (503, [True])


def test_retry_after_is_long_enough() -> None:
    queue = RequestQueue(6)
    queue.take(ANN, 6)
    with pytest.raises(Refused) as refusal:
        queue.take(ANN)
    assert refusal.value.problem.headers["retry-after"] == "10", "six a minute are one in ten seconds"
