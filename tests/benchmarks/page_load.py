"""Measures the page under load: from click to answer in a real browser, and many users at once for some minutes.

`python tests/benchmarks/page_load.py INDEX` asks titles of the documents of an index. The users speak to the page as a
browser does, each waiting a second or two between questions; every answer is
compared with the others to the same question.
"""

import argparse
import json
import random
import statistics
import sys
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from rag.index.index import Index
from rag.server.page.html.markup import one_line
from tests.journeys.browser.served import browsing, served
from tests.journeys.browser.watching import watching

PAUSE_SECONDS = (1.0, 2.0)


@dataclass
class Load:
    """What all users together have seen."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: dict[str, set[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def clicked(address: str, questions: list[str]) -> list[float]:
    """Return the seconds from Enter to the answer on the screen, in Chromium, for each question."""
    seconds = []
    with browsing() as browser, watching(browser.new_context(reduced_motion="reduce"), address) as seen:
        seen.ready()
        seen.ask("Is anybody there?")
        for question in questions:
            seen.page.get_by_label("Your question").fill(question)
            began = time.perf_counter()
            seen.page.keyboard.press("Enter")
            seen.answered(question)
            seconds.append(time.perf_counter() - began)
    return seconds


def many(address: str, questions: list[str], users: int, lasting: float) -> Load:
    """Let `users` ask at once for `lasting` seconds and return what they saw."""
    load, number = Load(), _number_of_answers(address)
    until = time.monotonic() + lasting
    threads = [
        threading.Thread(target=_use, args=(address, number, questions, random.Random(seed), until, load))
        for seed in range(users)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _use(address: str, number: int, questions: list[str], chance: random.Random, until: float, load: Load) -> None:
    time.sleep(chance.uniform(0, PAUSE_SECONDS[1]))
    while time.monotonic() < until:
        question = chance.choice(questions)
        began = time.perf_counter()
        try:
            html = _ask(address, number, question)
            with load.lock:
                load.seconds.append(time.perf_counter() - began)
                load.answers.setdefault(question, set()).add(html.partition('class="pc-explain"')[0])
                if "pc-error" in html:
                    load.errors.append(html[:300])
        except (OSError, ValueError) as error:
            with load.lock:
                load.errors.append(repr(error))
        time.sleep(chance.uniform(*PAUSE_SECONDS))


def _number_of_answers(address: str) -> int:
    config = _json(f"{address}config", None)
    return next(int(part["id"]) for part in config["components"] if part["props"].get("elem_id") == "pc-answers")


def _ask(address: str, number: int, question: str) -> str:
    call = {"component_id": number, "fn_name": "ask", "session_hash": uuid.uuid4().hex}
    given = {"data": {"question": question, "least": None}, **call}
    return str(_json(f"{address}gradio_api/component_server", given)["html"])


def _json(url: str, body: dict[str, Any] | None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _said(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    middle, late = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]
    return f"{name}: n = {len(ordered)}, p50 {middle:.2f} s, p95 {late:.2f} s, longest {ordered[-1]:.2f} s"


def main() -> None:
    """Print the figures; end with 1 where there was an error."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("index", type=Path)
    given.add_argument("--users", type=int, default=20)
    given.add_argument("--seconds", type=float, default=120)
    given.add_argument("--questions", type=int, default=200)
    asked = given.parse_args()
    titles = sorted({one_line(document.title or document.id) for document in Index.open(asked.index).documents()})
    questions = random.Random(0).sample(titles, min(asked.questions, len(titles)))
    with served(asked.index, "--rate-limit", "1000000") as address:
        lines = [_said("one user, Enter to answer in Chromium", clicked(address, questions))]
        load = many(address, questions, asked.users, asked.seconds)
    lines.append(_said(f"{asked.users} users at once for {asked.seconds:.0f} s", load.seconds))
    different = sum(len(found) > 1 for found in load.answers.values())
    lines.append(f"errors: {len(load.errors)}; answered in more than one way: {different} of {len(load.answers)}")
    sys.stdout.write("\n".join([*lines, *load.errors[:5], ""]))
    sys.exit(bool(load.errors))


if __name__ == "__main__":
    main()
