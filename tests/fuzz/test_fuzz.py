"""The fuzzer finds what is planted, and what it has found before stays mended."""

import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests import ROOT
from tests.fuzz.mutations import LONGEST, inputs, mutated
from tests.fuzz.run import finding
from tests.fuzz.targets import checks, examples, names

CORPUS = Path(__file__).parent / "corpus"


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (list(islice(inputs(random.Random(7), [b"one two", b"three"]), 50)) for _ in range(2))
    assert first == second and len(set(first)) > 40
    assert len(mutated(random.Random(1), b"x" * LONGEST * 2, b"")) <= LONGEST


PLANTED = """
import os, sys
from pathlib import Path
from tests.fuzz import guided

def check(data):
    if b"9999" in data:
        os._exit(7)

guided.run("planted", 3, Path(sys.argv[1]), lambda: (check, [b"The year 1999."]))
"""


def test_a_planted_mistake_is_found(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no package for this system")
    command = [sys.executable, "-c", PLANTED, str(tmp_path / "corpus")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 7, done.stderr[-2_000:]


def test_what_fails_or_takes_long_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(data: bytes) -> None:
        if data == b"fails":
            raise ValueError("planted")
        while data == b"takes long":
            pass

    monkeypatch.setattr("tests.fuzz.run.SECONDS_FOR_ONE", 0.2)
    told = [finding(check, data, tmp_path / "now") for data in (b"sound", b"fails", b"takes long")]
    assert told[0] is None and "planted" in str(told[1]) and "CPU seconds" in str(told[2])
    assert (tmp_path / "now").read_bytes() == b"takes long"


@pytest.mark.parametrize("name", names())
def test_each_target_takes_sound_and_changed_inputs(name: str, tmp_path: Path) -> None:
    sound = examples(name)
    given = islice(inputs(random.Random(5), sound), 4)
    found = [finding(checks(name), data, tmp_path / "now") for data in (*sound[:1], *given)]
    assert len(found) == 5 and not any(found), found


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_stays_mended(file: Path, tmp_path: Path) -> None:
    target = file.name.partition("-")[0]
    check = checks(target if target in ("question", "filter") else f".{target}")
    assert finding(check, file.read_bytes(), tmp_path / "now") is None
