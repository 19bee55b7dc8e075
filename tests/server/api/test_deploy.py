"""The unit and the image start the service with options that there are."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from rag.cli.commands.collection_commands import named_indexes
from rag.cli.main import app
from tests import ROOT

DEPLOY = ROOT / "deploy"


def unit() -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=True, allow_no_value=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(DEPLOY / "pincite.service", encoding="utf-8")
    return found


def instructions() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(re.findall(r"^([A-Z]+) +(.*)$", text, re.MULTILINE))


def parsed(arguments: list[str]) -> dict[str, object]:
    """Return the options that the shell reads; a wrong one raises."""
    name, *rest = arguments
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    options: dict[str, Any] = command.make_context(name, rest).params
    return {**options, "index": named_indexes(options["index"])[""]}


def test_the_unit_serves_this_machine_alone() -> None:
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    options = parsed(arguments)
    assert program.endswith("/bin/rag") and (options["host"], options["readonly"]) == ("127.0.0.1", False)
    state = Path("/var/lib") / unit()["Service"]["StateDirectory"]
    assert Path(str(options["index"])).parent == state, "the only place that the unit may write to"


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd on this machine")
    copy = tmp_path / "pincite.service"
    text = (DEPLOY / "pincite.service").read_text(encoding="utf-8")
    copy.write_text(text.replace("/opt/pincite/.venv/bin/rag", "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "pincite" in line]) == (0, [])


def test_the_image_serves_visitors_for_reading_and_not_as_root() -> None:
    found = instructions()
    options = parsed(json.loads(found["CMD"]))
    assert (json.loads(found["ENTRYPOINT"]), options["readonly"], found["USER"]) == (["rag"], True, "10001")
    assert str(options["port"]) == found["EXPOSE"] and str(options["index"]).startswith(found["VOLUME"])
    for copied in re.findall(r"^COPY (.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE):
        for name in copied.split():
            assert (DEPLOY.parent / name).exists() and f"!{name}" in (DEPLOY / "Dockerfile.dockerignore").read_text()
