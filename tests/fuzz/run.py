"""Fuzzes loaders, questions and filters: `python -m tests.fuzz.run [--minutes 30] [TARGET...]`; see README.md here.

Each target runs in a process of its own, so that one that dies is a finding too. What was run is added to `runs.jsonl`
here, which is committed, and the next run draws other inputs: minutes of several runs, on several machines, add up.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests import ROOT
from tests.fuzz import guided

FINDINGS = ROOT / "build" / "fuzz"
RUNS = Path(__file__).with_name("runs.jsonl")
SECONDS_FOR_ONE = 20
FOUND = 3
"""Status of a process that found something: others are of processes that died."""
Check = Callable[[bytes], None]


def at_work(name: str) -> Path:
    """Return the file that holds the input at work, for when the process dies.

    It is written thousands of times a second: TMPDIR=/dev/shm keeps it, and what loaders read, off the disk.
    """
    return Path(tempfile.gettempdir()) / f"fuzz-now{name}"


def finding(check: Check, data: bytes, now: Path) -> str | None:
    """Check one input, which stands in the file `now` meanwhile; return the traceback where it fails or takes long."""
    signal.signal(signal.SIGPROF, _too_long)
    now.write_bytes(data)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_ONE)  # CPU seconds: the machine may be busy
    try:
        check(data)
    except Exception:
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


class Run:
    """One run of a target in this process: keeps what is found, and writes a row about itself at its end."""

    def __init__(self, name: str, minutes: float, seed: int) -> None:
        """Begin the run; its CPU minutes count from now."""
        self._row: dict[str, Any] = {"target": name, "seed": seed, "minutes": minutes}
        self._until = time.process_time() + 60 * minutes
        self._seen: set[str] = set()
        self._tried = 0

    def go(self) -> None:
        """Fuzz until the time is over, then end the process. Raises ImportError where atheris is missing."""
        guided.run(self._row["target"], self._row["seed"], FINDINGS / f"corpus{self._row['target']}", self._prepared)

    def _prepared(self) -> tuple[Check, list[bytes]]:
        from tests.fuzz.targets import checks, examples

        check, sound = checks(self._row["target"]), examples(self._row["target"])

        def one(data: bytes) -> None:
            if time.process_time() > self._until:
                os._exit(self._ended())  # libFuzzer never returns
            self._try(check, data)

        for data in sound:
            one(data)
        return one, sound

    def _try(self, check: Check, data: bytes) -> None:
        self._tried += 1
        now = at_work(self._row["target"])
        told = finding(check, data, now)
        place = str(told.splitlines()[-3:]) if told else ""
        if told and place not in self._seen:  # one finding for each line that raises
            self._seen.add(place)
            _keep(self._row["target"], now, told)

    def _ended(self) -> int:
        with RUNS.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self._row | {"inputs": self._tried, "findings": len(self._seen)}) + "\n")
        return FOUND if self._seen else 0


def runs(name: str) -> list[dict[str, Any]]:
    """Return what was run of a target so far."""
    rows = map(json.loads, RUNS.read_text(encoding="utf-8").splitlines()) if RUNS.exists() else ()
    return [row for row in rows if row["target"] == name]


def so_far(name: str) -> str:
    """Tell how long a target was fuzzed, all its runs together."""
    minutes, tried, found = (sum(row[key] for row in runs(name)) for key in ("minutes", "inputs", "findings"))
    return f"{minutes:.1f} CPU minutes, {tried} inputs, {found} findings"


def main() -> int:
    """Fuzz the targets one after the other; return 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=30, help="CPU minutes for each target")
    parser.add_argument("--seed", type=int, help="of the inputs; without it, one that no run of the target had")
    parser.add_argument("--input", type=Path, help="check this file alone")
    parser.add_argument("--so-far", action="store_true", help="run nothing: tell what was run of each target")
    parser.add_argument("--here", action="store_true", help="one target in this process, which ends with it")
    given = parser.parse_args()
    if given.here:
        Run(given.targets[0], given.minutes, given.seed).go()
    from tests.fuzz.targets import checks, names

    targets = given.targets or names()
    if given.input:
        checks(targets[0])(given.input.read_bytes())
        return 0
    if given.so_far:
        sys.stdout.writelines(f"{name}: {so_far(name)}\n" for name in targets)
        return 0
    seeds = [given.seed or 1 + max((row["seed"] for row in runs(name)), default=0) for name in targets]
    return max(map(_in_a_process, targets, [given.minutes] * len(targets), seeds))


def _in_a_process(name: str, minutes: float, seed: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz.run", "--here", "--minutes", str(minutes), "--seed", str(seed), name]
    FINDINGS.mkdir(parents=True, exist_ok=True)
    with (FINDINGS / f"log{name}").open("w", encoding="utf-8") as log:  # of libFuzzer: what it reached
        status = subprocess.run(command, cwd=ROOT, stderr=log, check=False).returncode
    if status not in (0, FOUND):
        _keep(name, at_work(name), f"the process ended with {status}\n")
    told = "nothing found" if status == 0 else f"see {FINDINGS}"
    sys.stdout.write(f"{name}: {told}; so far {so_far(name)}\n")
    sys.stdout.flush()
    return min(1, abs(status))


def _keep(name: str, now: Path, told: str) -> None:
    digest = hashlib.sha256(now.read_bytes()).hexdigest()[:12]
    kept = FINDINGS / f"{name.lstrip('.')}-{digest}"
    shutil.copyfile(now, kept)
    kept.with_name(f"{kept.name}.told").write_text(told, encoding="utf-8")
    sys.stdout.write(f"{name}: {kept}: {told.strip().splitlines()[-1]}\n")
    sys.stdout.flush()


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS_FOR_ONE} CPU seconds for one input")


if __name__ == "__main__":
    sys.exit(main())
