"""Settings outside the command line: the file, over it the environment, over both what is typed."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from rag.cli.main import app
from rag.core.configuration import KEYS, OPTION_NAMES, SETTING_NAMES, configured, load_configuration
from rag.core.errors import InvalidSettings
from rag.core.settings import Options, Settings
from rag.index.index import Index
from tests import ROOT

RECALL = "Why did Armenia recall its ambassador to Israel?"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder without a file of the user; what a test configures is gone after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    yield tmp_path
    (tmp_path / "pincite.toml").unlink(missing_ok=True)
    load_configuration(environment={})


def written(folder: Path, *lines: str, name: str = "pincite.toml") -> Path:
    file = folder / name
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_without_file_and_variables_nothing_is_set() -> None:
    assert load_configuration(environment={"PATH": "/bin", "PINCITE_CACHE": "/tmp", "PINCITE_TOP_K": ""}).values == {}


def test_the_file_of_the_folder_is_read_and_the_environment_goes_before_it(folder: Path) -> None:
    written(folder, "top_k = 3", "dense_weight = 0.5", "port = 8000", 'host = "::1"')
    found = load_configuration(environment={"PINCITE_TOP_K": "7", "PINCITE_READONLY": "true"})
    settings, options = Settings().updated(found.settings()), Options().updated(found.options())
    assert (settings.top_k, settings.dense_weight, settings.chunk_size) == (7, 0.5, 900)
    assert (options.port, options.host, options.readonly, options.rate_limit) == (8000, "::1", True, 120)
    assert found.values["top_k"].origin == "PINCITE_TOP_K" and found.values["port"].origin == "pincite.toml"


def test_a_named_file_takes_the_place_of_the_folder_s(folder: Path) -> None:
    written(folder, "top_k = 3")
    other = written(folder, "top_k = 4", name="other.toml")
    third = written(folder, "top_k = 5", name="third.toml")
    assert load_configuration(environment={"PINCITE_CONFIG": str(other)}).settings() == {"top_k": 4}
    assert load_configuration(third, {"PINCITE_CONFIG": str(other)}).settings() == {"top_k": 5}


def test_the_file_is_looked_for_upwards_then_in_the_folder_of_the_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "project" / "deep").mkdir(parents=True)
    (folder / "config" / "pincite").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.chdir(folder / "project" / "deep")
    users = written(folder / "config" / "pincite", "top_k = 3")
    assert load_configuration(environment={}).values["top_k"].origin == str(users)
    above = written(folder / "project", 'index = "articles"', "top_k = 4")
    configuration = load_configuration(environment={})
    assert configuration.values["top_k"].origin == str(above)
    assert configuration.index == folder / "project" / "articles"
    written(folder / "project" / "deep", "top_k = 5")
    assert load_configuration(environment={}).settings() == {"top_k": 5}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_a_file_above_that_somebody_else_owns_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "deep").mkdir()
    written(folder, "top_k = 4")
    monkeypatch.chdir(folder / "deep")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    monkeypatch.setattr("rag.core.configuration.ROOT_USER", -1)
    assert load_configuration(environment={}).values == {}


def test_the_folder_of_the_index_lies_beside_the_file(folder: Path) -> None:
    (folder / "deep").mkdir()
    file = written(folder / "deep", 'index = "articles"')
    assert load_configuration(file, {}).index == folder / "deep" / "articles"
    assert load_configuration(file, {"PINCITE_INDEX": "here"}).index == Path("here")
    address = written(folder / "deep", 'index = "milvus://localhost/news"', name="server.toml")
    assert load_configuration(address, {}).index == Path("milvus://localhost/news")


@pytest.mark.parametrize(("line", "words"), [
    ("topk = 3", "Unknown setting 'topk'. Did you mean 'top_k'?"),
    ("prot = 3", "Unknown setting 'prot'. Did you mean 'port'?"),
    ("top_k = 51", "Setting top_k=51 is out of range. Give one from 1 to 50."),
    ('port = "many"', "Setting port='many' is not a number."),
    ("readonly = 1", "Setting readonly=1 is neither yes nor no."),
    ("stemmer = 3", "Setting stemmer=3 is not text."),
    ("index = 3", "Setting index=3 is not the name of a folder."),
    ("[serve]\nport = 1", "Unknown setting 'serve'."),
    ("min_confidence = 0.5\nmin_precision = 0.9", "Both min_confidence=0.5 and min_precision=0.9 are given."),
    ("top_k = ", "Cannot read the settings in"),
])  # fmt: skip
def test_a_mistake_in_the_file_names_file_and_key(folder: Path, line: str, words: str) -> None:
    file = written(folder, line, name="mine.toml")
    with pytest.raises(InvalidSettings) as refusal:
        load_configuration(file, {})
    assert str(file) in refusal.value.message and words in str(refusal.value)


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    with pytest.raises(InvalidSettings, match=r"PINCITE_TOPK: Unknown setting 'topk'\. Did you mean 'top_k'"):
        load_configuration(environment={"PINCITE_TOPK": "3"})
    with pytest.raises(InvalidSettings, match=r"PINCITE_PORT: Setting port='tcp://10\.0\.0\.1:7860' is not a number"):
        load_configuration(
            environment={"PINCITE_PORT": "tcp://10.0.0.1:7860"}
        )  # as Kubernetes sets it for a service of this name


def test_a_login_is_never_repeated(folder: Path) -> None:
    file = written(folder, 'auth = "secret"')
    with pytest.raises(InvalidSettings) as refusal:
        load_configuration(file, {})
    assert "secret" not in refusal.value.message and "name:password" in refusal.value.message


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"none\.toml"):
        load_configuration(Path("none.toml"), {})


def test_a_threshold_of_the_environment_displaces_the_file_s(folder: Path) -> None:
    written(folder, "min_confidence = 0.5")
    assert load_configuration(environment={"PINCITE_MIN_PRECISION": "0.9"}).settings() == {"min_precision": "0.9"}


@pytest.mark.parametrize(("typed", "expected"), [
    (None, ["min_confidence=0.5", "top_k=3"]),
    (["top_k=4"], ["min_confidence=0.5", "top_k=4"]),
    (["min_precision=0.9"], ["top_k=3", "min_precision=0.9"]),
])  # fmt: skip
def test_what_is_typed_goes_before_what_is_configured(folder: Path, typed: list[str] | None,
                                                      expected: list[str]) -> None:  # fmt: skip
    seen: list[object] = []

    @configured
    def command(settings: list[str] | None = None) -> None:
        seen.append(settings)

    written(folder, "min_confidence = 0.5", "top_k = 3")
    load_configuration(environment={})
    command(settings=typed)
    assert seen == [expected]


def test_the_keys_of_serving_are_the_options_of_the_shell_with_its_defaults() -> None:
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    defaults = {parameter.name: parameter.default for parameter in command.params}
    assert {*OPTION_NAMES, "index", "rights", "settings"} == defaults.keys()
    assert all(defaults[key] == getattr(Options(), key) for key in OPTION_NAMES)
    assert len(KEYS) == len({*KEYS}) == len(OPTION_NAMES) + len(SETTING_NAMES) + 1


def test_every_command_that_takes_set_has_what_is_configured_before_it() -> None:
    def commands(command: Any) -> Iterator[Any]:
        yield command
        for each in getattr(command, "commands", {}).values():
            yield from commands(each)

    taking = {
        each.name: each.callback.__wrapped__.__code__.co_qualname
        for each in commands(get_command(app))
        if any("--set" in parameter.opts for parameter in each.params)
    }
    of_own = {"proof", "pack", "add", "check"}  # the last three of `rag evidence` and `rag standing`
    assert taking.keys() == {"index", "ask", "batch", "search", "crawl", "eval", "calibrate", "serve", "mcp"} | of_own
    assert set(taking.values()) == {"configured.<locals>.run"}


def shell(*given: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PINCITE_")}
    return subprocess.run(
        [sys.executable, "-m", "rag.cli", *given], cwd=folder, capture_output=True, text=True, check=False,
        env={**outer, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def test_the_shell_obeys_file_environment_and_command_line(folder: Path, seeds_index: Index) -> None:
    written(folder, f'index = "{seeds_index.path}"', "top_k = 1", 'auth = "ann:secret"')

    def answers(*given: str, **environment: str) -> int:
        done = shell("ask", RECALL, "--json", *given, folder=folder, **environment)
        assert done.returncode == 0, done.stderr
        return len(json.loads(done.stdout)["answers"])

    assert answers() == 1
    assert answers(PINCITE_TOP_K="3") > 1
    assert answers("--set", "top_k=1", PINCITE_TOP_K="3") == 1
    assert answers("--top-k", "1", PINCITE_TOP_K="3") == 1

    shown = shell("config", folder=folder, PINCITE_TOP_K="3")
    assert shown.stdout.splitlines() == [
        f"index\t{seeds_index.path}\tpincite.toml", "auth\t•••\tpincite.toml", "top_k\t3\tPINCITE_TOP_K"
    ]  # fmt: skip
    elsewhere = shell("documents", "list", "--index", "none", folder=folder)
    assert elsewhere.returncode == 2 and "none" in elsewhere.stderr


def test_a_mistake_is_one_line_of_the_shell(folder: Path) -> None:
    written(folder, "candidate = 3", name="mine.toml")
    done = shell("--config", "mine.toml", "check", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: mine.toml: Unknown setting 'candidate'. Did you mean 'candidates'?\n"


def test_serving_listens_where_the_environment_says(folder: Path, seeds_index: Index) -> None:
    # A port that is taken is told before anything is loaded.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = shell("serve", folder=folder, PINCITE_PORT=port, PINCITE_INDEX=str(seeds_index.path))
    assert done.returncode == 2 and f"Cannot listen on 127.0.0.1, port {port}" in done.stderr
