"""Whom the server and the loader ask, seen from the packets in a network of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.server.own_network import INTERNET

OWN_NETWORK = ["unshare", *(["--map-root-user"] if os.name == "posix" and os.geteuid() else []), "--net"]
PAGE = "http://news.example/pier.html"
FETCHES = "fetch or makes_the_server or connected_to"
"""Words in the names of the tests that send addresses to the page in each way that Gradio has."""


def has_own_network() -> bool:
    """Tell whether a process here can be given a network of its own."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    command = [*OWN_NETWORK, "ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo"]
    return subprocess.run(command, capture_output=True, check=False).returncode in (0, 2)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_own_network(), reason="needs unshare, ip, and the right to make a network namespace"),
]


def asked(folder: Path, *command: str) -> tuple[int, list[str], str]:
    """Return the exit status of a command, whom it asked, and what it printed."""
    log = folder / "asked.txt"
    log.touch()
    run = [*OWN_NETWORK, sys.executable, "-m", "tests.server.own_network", str(log), sys.executable, *command]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, log.read_text(encoding="utf-8").splitlines(), done.stdout + done.stderr


def test_the_loader_asks_for_an_address_only_if_the_network_is_allowed(tmp_path: Path) -> None:
    command = ("-m", "rag.cli", "index", PAGE, "--index", str(tmp_path / "index"))
    status, lines, said = asked(tmp_path, *command)
    assert (status, lines) == (2, []) and "--allow-network" in said
    status, lines, said = asked(tmp_path, *command, "--allow-network")
    assert status == 0, said
    assert [line for line in lines if line.startswith("request")] == ["request /pier.html"], "not its picture"
    assert set(lines) == {"packet for the name news.example", f"packet to {INTERNET} 80", "request /pier.html"}


def test_no_request_of_a_visitor_leaves_the_machine(tmp_path: Path) -> None:
    """Runs the tests that send addresses in each field of the page, its calls, events, paths and files."""
    tests = ("tests/server/test_page_routes.py", "tests/server/api/test_hostile.py")
    status, lines, said = asked(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", FETCHES, *tests)
    assert status == 0, said
    assert lines == [] and "passed" in said
