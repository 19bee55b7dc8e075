"""Measures REST under load: many clients for some minutes below what each may ask, then one that asks more.

`python tests/benchmarks/service_load.py DATA/bbc_news [--index INDEX]` needs locust. The questions are the titles of
the documents. It ends with 1 where a client below the limit saw an error, where one above it was not told with status
429 when to come again, or where the memory of the server grew by 5 % over the last two minutes.
"""

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from rag.evaluation import datasets
from rag.index.index import Index
from rag.index.storage.manifest import TOKENS
from rag.server.api.tokens import Tokens
from tests.server.running_service import served

A_MINUTE = 30
SECONDS_BETWEEN = 20
"""Between the requests of one client: three a minute, or a few more where one leads to another."""
QUESTIONS = 150
"""Each asked once before anything is measured: what is kept of texts and responses, up to a bound, is then there."""
LAST_SECONDS, MOST_GROWTH = 120, 0.05
USERS = Path(__file__).with_name("service_users.py")


def warm(address: str, tokens: list[str], questions: list[str]) -> None:
    """Ask each question once, a few for each client."""
    for number, question in enumerate(questions):
        headers = {"authorization": f"Bearer {tokens[number % len(tokens)]}"}
        httpx.post(f"{address}/v1/ask", json={"question": question}, headers=headers, timeout=60).raise_for_status()


def memory(process: int) -> int:
    """Return the resident bytes of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1_024


def watched(process: int, samples: list[tuple[float, int]], ended: threading.Event) -> None:
    """Note the memory of a process every second."""
    while not ended.wait(1.0):
        samples.append((time.monotonic(), memory(process)))


def growth(samples: list[tuple[float, int]]) -> float:
    """Return by which share the memory grew over the last two minutes, by the median of ten seconds at both ends."""
    last = [(moment, held) for moment, held in samples if moment >= samples[-1][0] - LAST_SECONDS]
    first = statistics.median(held for moment, held in last if moment <= last[0][0] + 10)
    return statistics.median(held for moment, held in last if moment >= last[-1][0] - 10) / first - 1


def loaded(address: str, clients: int, seconds: float, given: Path) -> dict[str, dict[str, str]]:
    """Let clients ask at once and return what locust says of each address."""
    prefix = given.with_name("locust")
    command = [
        sys.executable, "-m", "locust", "-f", str(USERS), "--headless", "--users", str(clients), "--spawn-rate", "10",
        "--run-time", f"{seconds:.0f}s", "--host", address, "--csv", str(prefix), "--only-summary",
        "--stop-timeout", "30",
    ]  # fmt: skip
    subprocess.run(command, env={**os.environ, "LOAD": str(given)}, stdout=sys.stderr, check=False)
    with prefix.with_name("locust_stats.csv").open(encoding="utf-8") as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def beyond(address: str, token: str) -> tuple[int, int, bool, bool]:
    """Ask more than a minute holds; return how many were taken and refused, and whether the time told was true."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        given = [client.post("/v1/search", json={"query": "drones", "top_k": 1}) for _ in range(A_MINUTE + 20)]
        refused = [answer for answer in given if answer.status_code == 429]
        told = bool(refused) and all(int(answer.headers.get("retry-after", 0)) > 0 for answer in refused)
        time.sleep(int(refused[-1].headers["retry-after"]) if told else 0)
        again = client.post("/v1/search", json={"query": "drones", "top_k": 1}).status_code
    taken = sum(answer.status_code == 200 for answer in given)
    return taken, len(refused), told and taken + len(refused) == len(given), again == 200


def main() -> None:
    """Print the figures; end with 1 where something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--index", type=Path, help="an index of the data set; without it one is built")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=180)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="service-load-"))
    index = folder / "index"
    if given.index:
        shutil.copytree(given.index, index)
    else:
        Index.build(datasets.documents(given.dataset), index).close()
    titles = sorted({document.title or document.id for document in Index.open(index).documents()})
    tokens = [Tokens(index / TOKENS).add(f"client-{number}", "read") for number in range(given.clients)]
    load_file = folder / "load.json"
    questions = random.Random(0).sample(titles, min(QUESTIONS, len(titles)))
    told = {"tokens": tokens, "questions": questions, "seconds_between": SECONDS_BETWEEN}
    load_file.write_text(json.dumps(told), encoding="utf-8")
    samples: list[tuple[float, int]] = []
    with served(index, "--rate-limit", str(A_MINUTE)) as running:
        warm(running.address, tokens, questions)
        ended = threading.Event()
        watcher = threading.Thread(target=watched, args=(running.process.pid, samples, ended))
        watcher.start()
        seen = loaded(running.address, given.clients, given.seconds, load_file)
        ended.set()
        watcher.join()
        taken, refused, true, again = beyond(running.address, tokens[0])
        faults = [line for line in running.lines() if int(line["status"]) >= 500 or line.get("failed")]
    sys.exit(report(seen, growth(samples), samples[-1][1], (taken, refused), true and again, len(faults)))


def report(
    seen: dict[str, dict[str, str]], grown: float, held: int, beyond: tuple[int, int], told: bool, faults: int
) -> int:
    """Print the figures and return the exit status."""
    for name, row in seen.items():
        longest = float(row["Max Response Time"])
        sys.stdout.write(
            f"{name}: n = {row['Request Count']}, errors {row['Failure Count']},"
            f" {float(row['Requests/s']):.1f} a second, p50 {row['50%']} ms, p95 {row['95%']} ms,"
            f" longest {longest:.0f} ms\n"
        )
    sys.stdout.write(
        f"memory at the end {held / 1e6:.0f} MB, over the last {LAST_SECONDS} s {grown:+.2%}\n"
        f"one client beyond its {A_MINUTE} a minute: {beyond[0]} taken, {beyond[1]} refused with 429,"
        f" {'each told when to come again, and taken then' if told else 'NOT told rightly when to come again'}\n"
        f"answers of the server's own fault: {faults}\n"
    )
    errors = int(seen["Aggregated"]["Failure Count"])
    return int(bool(errors or faults or not told or grown >= MOST_GROWTH))


if __name__ == "__main__":
    main()
