"""Tries REST by its own OpenAPI document with schemathesis, all checks: `python -m tests.fuzz.rest [--cases 7000]`.

It serves a copy of the seeds in a process of its own, to a token that may do all. No answer may be of the server's own
fault, and each must be as described. Exit status 1 where one is not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from rag.index.index import Index
from rag.index.storage.manifest import TOKENS
from rag.server.api.tokens import Tokens
from tests import ROOT
from tests.server.running_service import served

METHODS = ("get", "post", "put", "patch", "delete")


def command(address: str, token: str, each: int, seed: int) -> list[str]:
    """Return what is run, for `each` cases of every operation."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    return [
        program, "run", f"{address}/v1/openapi.json", "--checks", "all",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(each), "--seed", str(seed),
        "--request-timeout", "60", "--continue-on-failure",
        "--header", f"Authorization: Bearer {token}", "--suppress-health-check", "all",
    ]  # fmt: skip


def operations(address: str, token: str) -> int:
    """Return how many operations the document describes."""
    bearing = {"authorization": f"Bearer {token}"}
    paths = httpx.get(f"{address}/v1/openapi.json", headers=bearing, timeout=60).json()["paths"]
    return sum(method in METHODS for described in paths.values() for method in described)


def main() -> int:
    """Serve, try, and return the exit status of schemathesis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=7_000, help="of the fuzzing phase, at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    index = Path(tempfile.mkdtemp(prefix="schemathesis-")) / "index"
    Index.build(ROOT / "seeds", index).close()
    token = Tokens(index / TOKENS).add("schemathesis", "admin")
    with served(index, "--rate-limit", "1000000") as running:
        each = -(-given.cases // operations(running.address, token))
        hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.rest_hooks"}
        done = subprocess.run(command(running.address, token, each, given.seed), cwd=ROOT, env=hooks, check=False)
        faults = [line for line in running.lines() if int(line["status"]) >= 500 or line.get("failed")]
    sys.stdout.write(
        "".join(f"{line}\n" for line in faults) + f"{len(faults)} answers were of the server's own fault.\n"
    )
    return done.returncode or min(1, len(faults))


if __name__ == "__main__":
    sys.exit(main())
