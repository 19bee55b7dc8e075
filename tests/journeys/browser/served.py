"""Runs the page as users do: `rag serve` in a process of its own, and a headless Chromium to look at it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import ROOT

ADDRESS = re.compile(r"Pincite is at (http://\S+)")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name and no address but those of this machine can be reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def served(index: Path, *options: str) -> Iterator[str]:
    """Give the address of the page over `index`, on a free port; stop the server in the end."""
    command = [sys.executable, "-m", "rag.cli", "serve", "--index", str(index), "--port", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            found = ADDRESS.search(line)
            if found:
                yield found[1]
                return
        raise RuntimeError(f"the server ended without an address:\n{''.join(said)}")
    finally:
        process.terminate()
        process.communicate(timeout=120)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()
