"""Runs the service as users do: `rag serve` in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import ROOT

COLLAPSE = "When did the Soviet Union collapse?"
RECALL = "Why did Armenia recall its ambassador to Israel?"
ABSURD = "What is the melting point of tungsten carbide in Kelvin?"


@dataclass
class Served:
    """`rag serve` in a process of its own; `log` is its standard error."""

    address: str
    process: "subprocess.Popen[str]"
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]


@contextmanager
def served(index: Path, *options: str) -> Iterator[Served]:
    """Serve the page, REST and MCP on a free port; stop the server in the end."""
    log = index.parent / "served.log"
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", str(index), "--port", "0", *options]
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Pincite is at " in line:
                break
        else:
            raise RuntimeError(log.read_text(encoding="utf-8"))
        address = line.split()[-1].rstrip("/")
        # A question waits until the model is there.
        httpx.post(f"{address}/v1/search", json={"query": ""}, timeout=120)
        yield Served(address, process, log)
    finally:
        process.terminate()
        process.communicate(timeout=120)
