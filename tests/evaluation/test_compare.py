from dataclasses import replace
from pathlib import Path

import pytest

from rag.core.errors import EvaluationError
from rag.evaluation.reporting.compare import compare
from rag.evaluation.results import Evaluation, Measure, as_saved, read_json, write_json

IDS = tuple(f"q{number}" for number in range(20))


def evaluation(**changes: object) -> Evaluation:
    made = Evaluation(
        created="2026-01-02T03:04:05+00:00",
        dataset={"name": "rivers", "corpus_sha256": "ab", "questions": 20},
        environment={"processor": "p"},
        settings={"top_k": 5},
        index={"chunks": 3},
        measures=(
            Measure("fused", "recall@1", 0.5, 0.3, 0.7, 20),
            Measure("cost", "questions/s, batched", 9.0, None, None, 20),
        ),
        question_ids=IDS,
        values={"fused.recall@1": [float(number % 2) for number in range(20)]},
        curves={},
        failures=({"question": "„?“"},),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def better() -> Evaluation:
    values = {"fused.recall@1": [1.0] * 19 + [None]}
    return evaluation(settings={"top_k": 7}, values=values, measures=(Measure("fused", "recall@1", 1.0, 1.0, 1.0, 19),))


def test_means_are_compared_on_questions_that_both_runs_count() -> None:
    (row,) = compare(evaluation(), better()).rows
    # Nine of the 19 questions that both count were right before.
    assert (row.before, row.after, row.n) == (9 / 19, 1.0, 19)
    assert row.p_value is not None and row.p_value < 0.01
    assert row.low is not None and row.low > 0


def test_figures_without_values_of_questions_have_no_p_value() -> None:
    rows = {row.name: row for row in compare(evaluation(), evaluation()).rows}
    assert rows["questions/s, batched"].p_value is None
    assert rows["recall@1"].p_value == 1.0


def test_changed_settings_are_told() -> None:
    assert "setting top_k: 5 -> 7" in compare(evaluation(), better()).notes


def test_other_corpora_and_other_questions_do_not_compare() -> None:
    with pytest.raises(EvaluationError, match="different corpora"):
        compare(evaluation(), evaluation(dataset={"name": "lakes", "corpus_sha256": "cd"}))
    with pytest.raises(EvaluationError, match="no question in common"):
        compare(evaluation(), evaluation(question_ids=tuple(f"x{number}" for number in range(20))))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    made = better()
    write_json(made, tmp_path / "run.json")
    assert read_json(tmp_path / "run.json") == made


def test_a_saved_run_does_not_differ_from_itself_by_rounding(tmp_path: Path) -> None:
    exact = [number / 7 for number in range(20)]
    made = evaluation(values={"fused.recall@1": as_saved(exact)})
    write_json(made, tmp_path / "run.json")
    rows = {row.name: row for row in compare(read_json(tmp_path / "run.json"), made).rows}
    assert rows["recall@1"].p_value == 1.0 and rows["recall@1"].before == pytest.approx(sum(exact) / 20, abs=1e-4)


def test_values_are_kept_in_four_digits(tmp_path: Path) -> None:
    write_json(evaluation(values={"fused.recall@1": [1 / 3, None, 1.0]}), tmp_path / "run.json")
    assert '"values": {"fused.recall@1":"0.3333,,1"}' in (tmp_path / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "other"}', '{"schema": "pincite-evaluation-1"}'])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"run\.json"):
        read_json(tmp_path / "run.json")
