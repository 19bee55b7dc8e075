import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rag.answering.confidence import load_calibration
from rag.cli.commands.evaluation_commands import calibrate_command, eval_command
from rag.core.errors import EvaluationError, InvalidSettings
from rag.core.settings import Settings
from rag.evaluation.cache import cached_index
from rag.evaluation.datasets import load_dataset
from rag.evaluation.results import read_json

app = typer.Typer()
app.command("eval")(eval_command)
app.command("calibrate")(calibrate_command)


def run(*arguments: object) -> str:
    return str(CliRunner().invoke(app, [str(part) for part in arguments], catch_exceptions=False).output)


def test_eval_writes_json_and_page_and_compares(small_set: Path, cache: Path, tmp_path: Path) -> None:
    first, second, page = tmp_path / "first.json", tmp_path / "second.json", tmp_path / "page.html"
    run("eval", small_set, "--sample", 6, "--stages", "fused,answers", "--cache", cache, "--json", first)
    shown = run(
        "eval", small_set, "--sample", 6, "--stages", "fused,answers", "--cache", cache, "--json", second,
        "--compare", first, "--report", page, "--set", "read_passages=3",
    )  # fmt: skip
    assert read_json(second).settings["read_passages"] == 3
    assert read_json(first).question_ids == read_json(second).question_ids
    assert "setting read_passages: 8 -> 3" in shown
    assert "<h2>Differences</h2>" in page.read_text(encoding="utf-8")


def test_progress_goes_to_the_error_stream(small_set: Path, cache: Path) -> None:
    result = CliRunner().invoke(
        app, ["eval", str(small_set), "--sample", "2", "--stages", "fused", "--cache", str(cache)]
    )
    assert "asking: 2 of 2" in result.stderr
    assert "asking" not in result.stdout and "recall@1" in result.stdout


def test_calibrate_prints_risk_and_coverage_and_the_threshold(small_set: Path, cache: Path, tmp_path: Path) -> None:
    path, _ = cached_index(load_dataset(small_set), Settings(), cache)
    shown = run("calibrate", small_set, "--index", shutil.copytree(path, tmp_path / "index"), "--precision", 0.8)
    assert "Threshold for a precision of 0.8" in shown
    assert (tmp_path / "index" / "calibration.json").is_file()
    run("calibrate", small_set, "--index", tmp_path / "index", "--precision", 0.8, "--set", "reader=sentences")
    assert load_calibration(tmp_path / "index" / "calibration.json").reader == "sentences"


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        (["--references", "some"], EvaluationError, "some"),
        (["--set", "read_pasages=3"], InvalidSettings, "read_passages"),
        (["--set", "top_k"], InvalidSettings, "has no value"),
        (["--compare", "nowhere.json"], EvaluationError, "nowhere.json"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_computed(
    small_set: Path, options: list[str], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        run("eval", small_set, *options)
