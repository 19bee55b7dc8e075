"""Lets every writing call of each command that writes go wrong; see `faulty_commands.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests import ROOT


def status_after(fault: str, folder: Path, every: int) -> int:
    """Return the exit status of `faulty_commands.py`, with a fault at every `every`th writing call."""
    compiler, library = shutil.which("cc"), folder / "faulty_writes.so"
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler to stand between a program and its disk")
    source = Path(__file__).parent / "faulty_writes.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", library, source, "-ldl"], check=True)
    command = [sys.executable, "-m", "tests.journeys.faulty_commands", str(folder), fault, str(every)]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill", "full"])
def test_a_command_with_a_fault_at_any_writing_call_loses_nothing(fault: str) -> None:
    # A kill leaves in memory what it leaves on a disk, and a disk would take minutes for the syncs.
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        assert status_after(fault, Path(folder), every=1) == 0
