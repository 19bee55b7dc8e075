"""Programs with an event loop: it goes on while a question is answered; blocks close what they opened."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from rag import Assistant, AsyncAssistant, Index
from tests.user_program import asked, exact, findings, reasons

QUESTIONS = ("When did the Soviet Union collapse?", "Who is xyzzy?")


def test_a_program_of_a_user_asks_and_verifies(seeds_index: Index) -> None:
    responses = asyncio.run(asked(seeds_index.path, QUESTIONS))
    assert [item.quote for item in findings(responses)] == ["1991"]
    assert list(reasons(responses)) == ["Who is xyzzy?"]
    assert exact(seeds_index.path, responses)


def test_the_loop_goes_on_while_a_question_is_answered(seeds_index: Index) -> None:
    async def turns() -> int:
        assistant = AsyncAssistant(Assistant(seeds_index))
        task, count = asyncio.create_task(assistant.ask(QUESTIONS[0])), 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        assert (await task).status == "answered"
        assert await assistant.search("drones", top_k=1) == assistant.assistant.search("drones", top_k=1)
        return count

    assert asyncio.run(turns()) > 1


def test_a_block_closes_the_files(seeds_index: Index) -> None:
    with Assistant.open(Path(seeds_index.path)) as assistant:
        first, second = (summary.id for summary in assistant.index.documents())
        assert assistant.index.document(first) is not None
    with pytest.raises(sqlite3.ProgrammingError):
        assistant.index.document(second)
