"""Every sample of the README runs and gives what it says; every command and option that it names is there."""

import io
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rag.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
RECALL = "Why did Armenia recall its ambassador to Israel?"
SEED = "003_ef5e1746d28300d1.txt"
NOT_RUN = ("https://", "rag eval", "rag calibrate", "rag serve", "rag mcp")
"""What would need a network or a data set, or would never end; the options are checked all the same."""
GIVEN = {"…": RECALL, "ID": SEED, "NAME": "wiki", "reports/*": "*"}


def shell_lines() -> list[str]:
    """Return the commands of the shell, one alternative a line: `list | show ID` are two."""
    lines = [line.partition("#")[0] for kind, text in BLOCKS if not kind for line in text.splitlines()]
    found = []
    for line in (part.strip() for whole in lines for part in whole.split(";")):
        if line.startswith("rag "):
            first, *others = line.replace("[", "").replace("]", "").split(" | ")
            words = first.split()
            stem = words[:2] if len(words) > 1 and words[1] in ("documents", "token") else words[:-1]
            found += [first, *(" ".join([*stem, other]) for other in others)]
    return found


def arguments(line: str) -> list[str]:
    words = shlex.split(line.replace("…", RECALL))[1:]
    return [GIVEN.get(word, word.replace("reports/*", "*")) for word in words]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words of the shell name, and the rest of them."""
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with the seeds and an index of them, and work in it."""
    found = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "seeds", found / "seeds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        yield found


def test_the_python_samples_print_what_they_say(place: Path) -> None:
    code = "\n".join(text for kind, text in BLOCKS if kind == "python")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    given, at = re.sub(r"\s+", " ", printed.getvalue()), 0
    outputs = re.findall(r"^print.*\n((?:^# .*\n)+)", code, re.MULTILINE)
    assert len(outputs) >= 4
    for part in outputs:
        expected = re.sub(r"\s+", " ", re.sub(r"^# ", "", part, flags=re.MULTILINE)).strip()
        pattern = ".*?".join(map(re.escape, expected.split("…")))
        match = re.search(pattern, given[at:])
        assert match, f"the README says {expected!r}"
        at += match.end()


@pytest.mark.parametrize("line", [line for line in shell_lines() if not any(word in line for word in NOT_RUN)])
def test_a_command_of_the_shell_runs(place: Path, line: str) -> None:
    run = CliRunner()
    if not (place / "saved.json").exists():
        assert run.invoke(app, ["index", "seeds/"]).exit_code == 0
        (place / "saved.json").write_text(run.invoke(app, ["ask", RECALL, "--json"]).stdout, encoding="utf-8")
    if line.startswith("rag token remove"):
        run.invoke(app, ["token", "add", "wiki"])
    if line.startswith("rag token add"):
        run.invoke(app, ["token", "remove", "wiki"])
    if line.startswith("rag import"):
        run.invoke(app, ["export", "all.zip"])
        shutil.rmtree(place / "copy", ignore_errors=True)
    if line.startswith("rag export"):
        (place / "all.zip").unlink(missing_ok=True)
    done = run.invoke(app, arguments(line))
    assert done.exit_code == 0, f"{done.output} {done.exception!r}"
    if line.startswith("rag documents remove"):
        assert run.invoke(app, ["index", "seeds/"]).exit_code == 0


@pytest.mark.parametrize("line", [line for line in shell_lines() if any(word in line for word in NOT_RUN)])
def test_a_command_that_is_not_run_here_is_one(line: str) -> None:
    command, words = command_of(arguments(line))
    assert not hasattr(command, "commands")
    command.make_context("rag", words, resilient_parsing=False).close()


def test_every_option_that_is_named_is_there() -> None:
    def options(command: Any) -> set[str]:
        own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        return own.union(*(options(each) for each in getattr(command, "commands", {}).values()))

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    of_others = {"--json", "--request"}
    assert named - of_others <= options(get_command(app)), "an option that there is not"
