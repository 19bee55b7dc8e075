"""The how-tos of standing questions and of newsrooms: files are written, and commands print, as they say."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag.cli.main import app
from tests import ROOT

HOW_TOS = ROOT / "docs" / "site" / "how-to"


def steps(name: str) -> list[tuple[str, str]]:
    """Return the commands of a how-to and what they print; `cat` shows what an editor has written."""
    page = (HOW_TOS / f"{name}.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    return re.findall(r"^\$ (.*)\n((?:^[^$].*\n|^\n)*)", blocks, re.MULTILINE)


def printed(command: str) -> str:
    """Run `rag …`, or `rag … || echo "…"`, and return its output with single spaces."""
    words, _, otherwise = command.removeprefix("rag ").partition(" || echo ")
    done = CliRunner().invoke(app, shlex.split(words))
    assert done.exit_code == 0 or (otherwise and done.exit_code == 1), f"{command}: {done.output} {done.exception!r}"
    return " ".join(f"{done.output} {shlex.split(otherwise)[0] if done.exit_code else ''}".split())


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "folder", "written"), [("standing", "policies", "standing.atom"), ("newsroom", "story", "proof.html")]
)
def test_the_how_to_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str, written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder).mkdir()
    for command, expected in steps(name):
        if command.startswith("cat "):
            Path(command.removeprefix("cat ")).write_text(expected, encoding="utf-8")
            continue
        pattern = ".*?".join(map(re.escape, " ".join(expected.split()).split("…")))
        shown = printed(command) if command.startswith("rag ") else Path(command.split()[1]).read_text(encoding="utf-8")
        assert re.fullmatch(pattern, " ".join(shown.split())), f"{command}: {shown}"
    assert (tmp_path / written).is_file() and len(steps(name)) > 7
