"""Asks from many threads while a writer syncs in a loop: no error, and every response true of the version it names."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.answering.assistant import Assistant
from rag.core.response import Response
from rag.core.types import Document
from rag.index.index import Index

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

THREADS, TOWNS = 8, 12


def text(town: int, turn: int) -> str:
    return f"The bridge of Town{town} was opened again.\n\nIt cost {turn * 100 + town} million pounds in all."


def held(index: Index) -> dict[str, str]:
    return {item.id: document.text for item in index.documents() if (document := index.document(item.id))}


def asked_while_synced(folder: Path, embedder: "Embedder", questions: int, seconds: float) -> tuple[int, int]:
    """Return how many responses were right and how many versions they came from; raise what any thread raised."""
    articles, place = folder / "articles", folder / "index"
    articles.mkdir()
    for town in range(TOWNS):
        (articles / f"{town}.txt").write_text(text(town, 0))
    writer = Index.build(articles, place, embedder=embedder)
    versions, faults, responses = {writer.manifest.version: held(writer)}, list[BaseException](), list[Response]()
    done = threading.Event()

    def write() -> None:
        turn, until = 0, time.monotonic() + seconds
        while not done.is_set() or time.monotonic() < until:
            turn += 1
            changed = articles / f"{turn % TOWNS}.txt"
            draft = folder / "draft"
            draft.write_text(text(turn % TOWNS, turn))
            os.replace(draft, changed)
            writer.sync(articles)
            versions[writer.manifest.version] = held(writer)

    def ask(thread: int) -> None:
        assistant, last = Assistant.open(place), 0
        for n in range(questions // THREADS):
            while n <= 3 and writer.manifest.version <= last and not faults:  # each sees some versions, however slow
                time.sleep(0.01)
            assistant.refresh()
            response = assistant.ask(f"What did the bridge of Town{(n + thread) % TOWNS} cost?", min_confidence=0.0)
            responses.append(response)
            last = response.index.version
            time.sleep(seconds / (questions // THREADS) / 2)

    def guarded(act: object, *given: int) -> None:
        try:
            act(*given)  # type: ignore[operator]
        except BaseException as fault:
            faults.append(fault)

    readers = [threading.Thread(target=guarded, args=(ask, n)) for n in range(THREADS)]
    pen = threading.Thread(target=guarded, args=(write,))
    for thread in (pen, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    done.set()
    pen.join()
    writer.close()
    if faults:
        raise faults[0]
    return sum(is_true(response, versions) for response in responses), len({r.index.version for r in responses})


def is_true(response: Response, versions: dict[int, dict[str, str]]) -> bool:
    """Tell whether every quotation stands in the version that the response names, at its place."""
    documents = versions[response.index.version]
    cited = [c for answer in response.answers for c in (answer.citation, *answer.also_in)]
    return bool(cited) and all(documents[c.span.document_id][c.span.start : c.span.end] == c.quote for c in cited)


def test_readers_answer_from_their_version_while_a_writer_syncs(tmp_path: Path, embedder: "Embedder") -> None:
    right, versions = asked_while_synced(tmp_path, embedder, questions=80, seconds=6.0)
    assert right == 80 and versions > 2


@pytest.mark.slow
def test_1000_questions_from_8_threads_while_a_writer_syncs_for_two_minutes(
    tmp_path: Path, embedder: "Embedder"
) -> None:
    right, versions = asked_while_synced(tmp_path, embedder, questions=1_000, seconds=120.0)
    assert right == 1_000 and versions > 20


def shared_while_written(folder: Path, embedder: "Embedder", questions: int, versions: int) -> tuple[int, int]:
    """Ask one Assistant from eight threads while another thread writes and refreshes it.

    Question i waits until the Assistant has been refreshed `i * versions / questions` times, so that a slow writer
    cannot make the test pass over a single version. Return how many responses were right, from how many versions.
    """
    documents = [Document(f"{town}", text(town, 0)) for town in range(TOWNS)]
    writer = Index.build(documents, folder / "index", embedder=embedder)
    assistant = Assistant(Index.open(writer.path, embedder))
    texts, refreshed, done = {writer.manifest.version: held(writer)}, threading.Condition(), threading.Event()

    def write() -> None:
        turn = 0
        try:
            while not done.is_set():
                turn += 1
                writer.add([Document(f"{turn % TOWNS}", text(turn % TOWNS, turn))])
                texts[writer.manifest.version] = held(writer)
                assistant.refresh()
                with refreshed:
                    refreshed.notify_all()
        finally:
            done.set()
            with refreshed:
                refreshed.notify_all()

    def ask(number: int) -> Response:
        with refreshed:
            refreshed.wait_for(lambda: done.is_set() or len(texts) > number * versions // questions)
        return assistant.ask(f"What did the bridge of Town{number % TOWNS} cost?", min_confidence=0.0)

    with ThreadPoolExecutor(THREADS + 1) as pool:
        writing = pool.submit(write)
        try:
            responses = list(pool.map(ask, range(questions)))
        finally:
            done.set()
        writing.result()
    writer.close()
    return sum(is_true(response, texts) for response in responses), len({r.index.version for r in responses})


def test_eight_threads_share_one_assistant_while_another_writes_and_refreshes(
    tmp_path: Path, embedder: "Embedder"
) -> None:
    right, versions = shared_while_written(tmp_path, embedder, questions=120, versions=6)
    assert right == 120 and versions >= 3


@pytest.mark.slow
def test_eight_threads_ask_2000_questions_of_one_assistant_while_another_writes(
    tmp_path: Path, embedder: "Embedder"
) -> None:
    right, versions = shared_while_written(tmp_path, embedder, questions=2_000, versions=80)
    assert right == 2_000 and versions >= 40
