"""Probabilities, thresholds and curves, by hand and on data whose truth is known."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering.confidence import SHIPPED, Calibration, fit, load_calibration, risk_coverage, save_calibration
from rag.answering.selection import DENIED_SHARE
from rag.core.errors import EvaluationError, IndexCorrupt, IndexWriteFailed

SMALL = Calibration(
    ("a", "b"), (1.0, 0.0), (2.0, 1.0), (3.0, -1.0), 0.5, 0.4, ((0.0, 0.5, 1.0), (0.5, 0.9, 0.4)), "x", 20
)


def drawn(count: int, seed: int = 1) -> tuple[list[dict[str, float]], list[bool], list[str]]:
    """Return questions whose answer is right with probability 1 / (1 + exp(-2 x))."""
    chance = random.Random(seed)
    values = [chance.gauss(0, 1.5) for _ in range(count)]
    labels = [chance.random() < 1 / (1 + math.exp(-2 * value)) for value in values]
    return [{"x": value, "noise": chance.random()} for value in values], labels, [f"g{i % 10}" for i in range(count)]


def test_the_probability_by_hand() -> None:
    # 0.5 + 3 * (5 - 1) / 2 - 1 * (2 - 0) / 1 = 4.5
    assert SMALL.probability({"a": 5.0, "b": 2.0}) == pytest.approx(1 / (1 + math.exp(-4.5)))
    assert SMALL.probability({}) == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert SMALL.probability({"a": 1e9}) == 1.0


def test_the_curve_by_hand() -> None:
    found = risk_coverage([0.9, 0.8, 0.3, 0.2], [True, False, True, False])
    curve = {threshold: (precision, coverage) for threshold, precision, coverage in found}
    assert curve[0.0] == (0.5, 1.0)
    assert curve[0.25] == pytest.approx((2 / 3, 0.75))
    assert curve[0.85] == (1.0, 0.25)
    assert curve[1.0] == (1.0, 0.0)


def test_a_wanted_precision_gives_the_lowest_threshold_that_keeps_it() -> None:
    curve = ((0.0, 0.5, 1.0), (0.2, 0.9, 0.8), (0.4, 0.7, 0.6), (0.6, 0.92, 0.4), (0.8, 0.95, 0.2), (1.0, 1.0, 0.0))
    made = replace(SMALL, curve=curve)
    assert made.threshold_for(0.9) == 0.6
    assert made.threshold_for(0.95) == 0.8
    with pytest.raises(EvaluationError, match=r"precision of 0.99 on the 20 questions"):
        made.threshold_for(0.99)


@pytest.mark.thorough
def test_the_fit_recovers_the_truth_it_was_drawn_from() -> None:
    calibration = fit(*drawn(3_000), fitted_on="drawn")
    for value in (-1.5, 0.0, 1.5):
        truth = 1 / (1 + math.exp(-2 * value))
        assert calibration.probability({"x": value, "noise": 0.5}) == pytest.approx(truth, abs=0.05)
    # Youden's J of a symmetric truth is largest at one half
    assert calibration.threshold == pytest.approx(0.5, abs=0.12)


def test_the_threshold_parts_answerable_questions_from_the_others_where_these_are_told() -> None:
    rows, labels, groups = drawn(3_000)
    answerable = [row["x"] > -1.0 for row in rows]
    calibration = fit(rows, labels, groups, answerable=answerable)
    # x = -1 has probability 1 / (1 + exp(2)) = 0.119
    assert calibration.threshold == pytest.approx(0.12, abs=0.03)
    assert calibration.probability({"x": 0.0, "noise": 0.5}) == pytest.approx(0.5, abs=0.05)


def test_a_threshold_for_a_precision_holds_on_other_questions() -> None:
    calibration = fit(*drawn(3_000), precision=0.9)
    rows, labels, _ = drawn(3_000, seed=2)
    kept = [
        label for row, label in zip(rows, labels, strict=True) if calibration.probability(row) >= calibration.threshold
    ]
    assert sum(kept) / len(kept) == pytest.approx(0.9, abs=0.03)


def test_too_little_data_says_how_much_is_there() -> None:
    rows, _, groups = drawn(30)
    with pytest.raises(EvaluationError, match="30 right and 0 wrong"):
        fit(rows, [True] * 30, groups)
    with pytest.raises(EvaluationError, match="over 1"):
        fit(rows, [place % 2 == 0 for place in range(30)], ["one"] * 30)


def test_a_saved_calibration_reads_back_the_same(tmp_path: Path) -> None:
    save_calibration(SMALL, tmp_path / "c.json")
    assert load_calibration(tmp_path / "c.json") == SMALL


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"features": 3}'])
def test_a_damaged_calibration_names_the_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(IndexCorrupt, match="rag calibrate"):
        load_calibration(tmp_path / "c.json")


def test_the_shipped_calibration_says_what_it_was_fitted_on() -> None:
    shipped = load_calibration(SHIPPED)
    assert shipped.fitted_on
    assert shipped.questions > 1_000
    assert 0 < shipped.threshold < 1
    assert shipped.threshold_for(0.6) <= shipped.threshold_for(0.8)


@pytest.mark.thorough
def test_a_calibration_with_any_flipped_bit_is_an_error(tmp_path: Path) -> None:
    file, chance = tmp_path / "calibration.json", random.Random(5)
    save_calibration(SMALL, file)
    content = file.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        try:
            # White space and escapes have more than one form, so a flip may leave the content the same.
            assert load_calibration(file) == SMALL
        except IndexCorrupt as error:
            assert error.remedy and "\n" not in str(error)
        else:
            assert not content[position : position + 1].strip()
    file.write_bytes(content)
    assert load_calibration(file) == SMALL


def test_an_empty_or_cut_calibration_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    save_calibration(SMALL, file)
    content = file.read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 3):
        file.write_bytes(content[:size])
        with pytest.raises(IndexCorrupt, match="cannot be used"):
            load_calibration(file)


def test_a_calibration_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calibration.json"
    save_calibration(SMALL, file)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(IndexWriteFailed, match="No space"):
        save_calibration(replace(SMALL, threshold=0.9), file)
    assert load_calibration(file) == SMALL


def test_a_sentence_that_denies_is_never_a_sure_answer_but_may_be_a_possible_one() -> None:
    calibration = load_calibration(SHIPPED)
    assert calibration.possible_threshold < DENIED_SHARE < calibration.threshold
