"""The how-to of standing questions: each file is written as it says, and each command prints what it says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag.cli.main import app
from tests import ROOT

PAGE = (ROOT / "docs" / "site" / "how-to" / "standing.md").read_text(encoding="utf-8")
BLOCKS = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
STEPS = re.findall(r"^\$ (.*)\n((?:^[^$].*\n|^\n)*)", BLOCKS, re.MULTILINE)
"""Commands and what they print; `cat` shows what an editor has written."""


def printed(command: str) -> str:
    """Run `rag …`, or `rag … || echo "…"`, and return its output with single spaces."""
    words, _, otherwise = command.removeprefix("rag ").partition(" || echo ")
    done = CliRunner().invoke(app, shlex.split(words))
    assert done.exit_code == 0 or (otherwise and done.exit_code == 1), f"{command}: {done.output} {done.exception!r}"
    return " ".join(f"{done.output} {shlex.split(otherwise)[0] if done.exit_code else ''}".split())


@pytest.mark.model
def test_the_how_to_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    for command, expected in STEPS:
        if command.startswith("cat "):
            Path(command.removeprefix("cat ")).write_text(expected, encoding="utf-8")
        else:
            pattern = ".*?".join(map(re.escape, " ".join(expected.split()).split("…")))
            shown = printed(command)
            assert re.fullmatch(pattern, shown), f"{command}: {shown}"
    assert (tmp_path / "standing.atom").is_file() and len(STEPS) > 8
