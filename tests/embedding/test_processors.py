"""An index answers alike on processors of other kinds, emulated: the 8-bit products fit the oldest of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from rag.index.index import Index

EMULATOR = shutil.which("qemu-x86_64")
PROCESSORS = {"Nehalem": "SSE4.2, the least that numpy runs on", "Haswell": "AVX2, no AVX-512 and no VNNI"}
QUESTIONS = (
    "What share of its oil does Israel buy from Azerbaijan?",
    "When was the ceasefire signed?",
    "Who supplies weapons to Azerbaijan?",
    "What is the best recipe for bread?",
)
ASKED = """
import json, sys
from rag import Assistant
from rag.core.settings import Settings
from rag.embedding.embedder import open_embedder
index, *questions = sys.argv[1:]
assistant = Assistant.open(index)
responses = [assistant.ask(question) for question in questions]
print(json.dumps({
    "vectors": open_embedder(Settings()).embed_queries(questions).tolist(),
    "answers": [[answer.citation.quote for answer in response.answers] for response in responses],
    "confidence": [max([answer.confidence for answer in response.answers], default=0.0) for response in responses],
}))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here(seeds_index: "Index") -> dict[str, Any]:
    return asked(seeds_index.path, [])


@pytest.mark.skipif(EMULATOR is None, reason="needs qemu-x86_64, of the Debian package qemu-user")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_processor_gives_the_same_answers(processor: str, seeds_index: "Index", here: dict[str, Any]) -> None:
    there = asked(seeds_index.path, [str(EMULATOR), "-cpu", processor])
    likeness = (np.array(here["vectors"]) * np.array(there["vectors"])).sum(1)
    assert any(here["answers"]) and not all(here["answers"]), "both kinds of questions are needed"
    assert there["answers"] == here["answers"]
    assert likeness.min() > 0.999, likeness
    apart = np.abs(np.array(there["confidence"]) - here["confidence"])
    assert apart.max() < 0.02, apart


def asked(index: Path, emulator: list[str]) -> dict[str, Any]:
    """Return vectors, answers and confidence, of a process of its own."""
    command = [*emulator, sys.executable, "-c", ASKED, str(index), *QUESTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_200, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
