"""Every sample of the README and the site runs and gives what it says; every command and option named is there."""

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

from rag.cli.main import app
from rag.core.configuration import load_configuration
from tests import ROOT

FILES = (ROOT / "README.md", *sorted((ROOT / "docs" / "site").rglob("*.md")))
PAGES = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in FILES}
RECALL = "Why did Armenia recall its ambassador to Israel?"
SEED = "003_ef5e1746d28300d1.txt"
NOT_RUN = ("https://", "milvus://", "postgresql://", "--workers", "rag eval", "rag calibrate", "rag serve", "rag mcp")
"""What would need a network, a server, workers or a data set, or never end; the options are checked all the same."""
GIVEN = {"…": RECALL, "ID": SEED, "NAME": "wiki", "reports/*": "*"}


def blocks(page: str, kind: str) -> list[str]:
    """Return the blocks of a page that name this language, or for the empty name none: commands of the shell."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    return [text for named, text in found if named == kind]


def pages_with(kind: str) -> list[str]:
    return [page for page in PAGES if blocks(page, kind)]


def shell_lines() -> list[str]:
    """Return the commands of the shell, one alternative a line: `list | show ID` are two."""
    lines = [line.partition("#")[0] for page in PAGES for text in blocks(page, "") for line in text.splitlines()]
    found = []
    for line in (part.strip() for whole in lines for part in whole.split(";")):
        if line.startswith("rag "):
            first, *others = line.replace("[", "").replace("]", "").split(" | ")
            words = first.split()
            stem = words[:2] if len(words) > 1 and words[1] in ("documents", "token") else words[:-1]
            found += [first, *(" ".join([*stem, other]) for other in others)]
    return list(dict.fromkeys(found))


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
    """Give a folder with the seeds, and work in it."""
    found = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "seeds", found / "seeds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        yield found


def pattern_of(expected: str) -> str:
    """Return what matches a text with … for what may be anything, and white space of any kind."""
    return ".*?".join(map(re.escape, re.sub(r"\s+", " ", expected).strip().split("…")))


@pytest.mark.parametrize("page", pages_with("python"))
def test_the_python_samples_print_what_they_say(place: Path, page: str) -> None:
    code = "\n".join(blocks(page, "python"))
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, page, "exec"), {})
    given, at = re.sub(r"\s+", " ", printed.getvalue()), 0
    outputs = re.findall(r"^print.*\n((?:^# .*\n)+)", code, re.MULTILINE)
    assert outputs and len(outputs) == len(re.findall(r"^print", code, re.MULTILINE)), "a print without its output"
    for part in outputs:
        expected = re.sub(r"^# ", "", part, flags=re.MULTILINE)
        match = re.search(pattern_of(expected), given[at:])
        assert match, f"{page} says {expected!r}"
        at += match.end()


@pytest.mark.parametrize("page", pages_with("console"))
def test_a_session_of_the_shell_shows_what_it_says(seeds: Path, tmp_path: Path, page: str) -> None:
    shutil.copytree(seeds, tmp_path / "seeds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        session = re.findall(r"^\$ rag (.*)\n((?:^[^$\n].*\n)*)", "".join(blocks(page, "console")), re.MULTILINE)
        assert len(session) > 3
        for line, expected in session:
            command, _, file = line.partition(" > ")
            done = CliRunner().invoke(app, shlex.split(command))
            assert done.exit_code == 0, f"{line}: {done.output} {done.exception!r}"
            shown = re.sub(r"\s+", " ", done.output).strip()
            if file:
                (tmp_path / file).write_text(done.stdout, encoding="utf-8")
            else:
                assert re.fullmatch(pattern_of(expected), shown), (
                    f"{page} says of {line!r}: {expected!r}, not {shown!r}"
                )


@pytest.mark.parametrize("page", pages_with("toml"))
def test_a_sample_of_the_settings_file_is_one(tmp_path: Path, page: str) -> None:
    for number, text in enumerate(blocks(page, "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(text, encoding="utf-8")
        assert load_configuration(file, {}).values.keys() == set(re.findall(r"^(\w+) =", text, re.MULTILINE))


@pytest.mark.parametrize("line", [line for line in shell_lines() if not any(word in line for word in NOT_RUN)])
def test_a_command_of_the_shell_runs(place: Path, line: str) -> None:
    run = CliRunner()
    if not (place / "saved.json").exists():
        (place / "pincite.toml").write_text("top_k = 3\n", encoding="utf-8")
        assert run.invoke(app, ["index", "seeds/"]).exit_code == 0
        (place / "draft.md").write_text("“Never did we experience any anti-Semitism”, he said.\n", encoding="utf-8")
        (place / "saved.json").write_text(run.invoke(app, ["ask", RECALL, "--json"]).stdout, encoding="utf-8")
    if line.startswith("rag token remove"):
        run.invoke(app, ["token", "add", "wiki"])
    if line.startswith("rag token add"):
        run.invoke(app, ["token", "remove", "wiki"])
    if line.startswith(("rag user", "rag token")):
        (place / "pincite-rights.json").unlink(missing_ok=True)
    if line.startswith("rag user remove"):
        run.invoke(app, ["user", "add", "ann", "--collection", "handbook", "--no-password"])
    if line.startswith("rag import"):
        run.invoke(app, ["export", "all.zip"])
        run.invoke(app, ["export", "backup.zip"])
        for name in ("copy", "restored"):
            shutil.rmtree(place / name, ignore_errors=True)
    if line.startswith("rag export"):
        for file in place.glob("*.zip"):
            file.unlink()
    password = "sesame\n" * 2 if line.startswith("rag user add") else None
    done = run.invoke(app, arguments(line), password)
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

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "".join(PAGES.values())))
    of_others = {"--json", "--request", "--header", "--constraint", "--help"}
    of_others |= {"--rounds", "--passages", "--questions", "--articles", "--force"}
    assert len(named) > 20 and named - of_others <= options(get_command(app)), "an option that there is not"
