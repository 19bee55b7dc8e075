"""Fuzzes loaders, questions and filters: `python -m tests.fuzz.run [--minutes 30] [TARGET...]`; see README.md here.

Each target runs in a process of its own, so that one that dies is a finding too. What was run is kept in `build/fuzz/`,
and the next run draws other inputs: minutes of several runs add up.
"""

import argparse
import hashlib
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from fuzz.mutations import mutated  # noqa: E402

FINDINGS = ROOT / "build" / "fuzz"
RUNS = FINDINGS / "runs.jsonl"
SECONDS_FOR_ONE = 20
KEPT = 200
"""Inputs that are changed further, beside the sound ones."""


def inputs(random_: random.Random, sound: list[bytes]) -> Iterator[bytes]:
    """Give changed inputs without end; some of them are changed again."""
    pool: list[bytes] = []
    while True:
        again = pool and random_.random() < 0.3
        made = mutated(random_, random_.choice(pool if again else sound), random_.choice(sound))
        if random_.random() < 0.05:
            pool = [*pool[1 - KEPT :], made]
        yield made


def findings(check: Callable[[bytes], None], given: Iterator[bytes], seconds: float, now: Path) -> Iterator[str]:
    """Give the traceback of each input that fails, for so many CPU seconds; `now` always holds the input at work."""
    until = time.process_time() + seconds
    signal.signal(signal.SIGPROF, _too_long)
    for data in given:
        if time.process_time() > until:
            return
        now.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_ONE)  # CPU seconds: the machine may be busy
        try:
            check(data)
        except Exception:
            yield traceback.format_exc()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def one_target(name: str, seconds: float, seed: int) -> int:
    """Fuzz one target in this process, keep what is found, and return how many different findings there were."""
    from fuzz.targets import checks, examples

    FINDINGS.mkdir(parents=True, exist_ok=True)
    now, seen, check, tried = FINDINGS / f"now{name}", set(), checks(name), itertools.count()

    def counted(data: bytes) -> None:
        next(tried)
        check(data)

    for told in findings(counted, inputs(random.Random(seed), examples(name)), seconds, now):
        place = told.splitlines()[-3:]  # one finding for each line that raises
        if str(place) not in seen:
            seen.add(str(place))
            _keep(name, now, told)
    row = {"target": name, "seed": seed, "minutes": seconds / 60, "inputs": next(tried), "findings": len(seen)}
    with RUNS.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(row) + "\n")
    return len(seen)


def runs(name: str) -> list[dict[str, Any]]:
    """Return what was run of a target so far."""
    rows = map(json.loads, RUNS.read_text(encoding="utf-8").splitlines()) if RUNS.exists() else ()
    return [row for row in rows if row["target"] == name]


def main() -> int:
    """Fuzz the targets one after the other; return 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=30, help="CPU minutes for each target")
    parser.add_argument("--seed", type=int, help="of the inputs; without it, one that no run of the target had")
    parser.add_argument("--input", type=Path, help="check this file alone")
    parser.add_argument("--here", action="store_true", help="in this process: a process that dies ends the run")
    given = parser.parse_args()
    from fuzz.targets import checks, names

    targets = given.targets or names()
    if given.input:
        checks(targets[0])(given.input.read_bytes())
        return 0
    seeds = [given.seed or 1 + max((row["seed"] for row in runs(name)), default=0) for name in targets]
    if given.here:
        return min(1, sum(map(one_target, targets, [given.minutes * 60] * len(targets), seeds)))
    return max(map(_in_a_process, targets, [given.minutes] * len(targets), seeds))


def _in_a_process(name: str, minutes: float, seed: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz.run", "--here", "--minutes", str(minutes), "--seed", str(seed), name]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status not in (0, 1):
        _keep(name, FINDINGS / f"now{name}", f"the process ended with {status}\n")
    minutes, tried = (sum(row[key] for row in runs(name)) for key in ("minutes", "inputs"))
    told = "nothing found" if status == 0 else f"see {FINDINGS}"
    sys.stdout.write(f"{name}: {told}; {minutes:.1f} CPU minutes and {tried} inputs so far\n")
    sys.stdout.flush()
    return min(1, abs(status))


def _keep(name: str, now: Path, told: str) -> None:
    digest = hashlib.sha256(now.read_bytes()).hexdigest()[:12]
    kept = FINDINGS / f"{name.lstrip('.')}-{digest}"
    shutil.copyfile(now, kept)
    kept.with_name(f"{kept.name}.told").write_text(told, encoding="utf-8")
    sys.stdout.write(f"{name}: {kept}: {told.strip().splitlines()[-1]}\n")


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS_FOR_ONE} CPU seconds for one input")


if __name__ == "__main__":
    sys.exit(main())
