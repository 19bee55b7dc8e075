"""The fuzzer finds what is planted, and what it has found before stays mended."""

import random
from itertools import islice
from pathlib import Path

import pytest
from fuzz.mutations import LONGEST, mutated
from fuzz.run import findings, inputs
from fuzz.targets import checks, examples, names

CORPUS = Path(__file__).parent / "fuzz" / "corpus"


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (list(islice(inputs(random.Random(7), [b"one two", b"three"]), 50)) for _ in range(2))
    assert first == second and len(set(first)) > 40
    assert len(mutated(random.Random(1), b"x" * LONGEST * 2, b"")) <= LONGEST


def test_a_planted_mistake_is_found(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        if b"9999" in data:
            raise ValueError("planted")

    found = findings(check, islice(inputs(random.Random(3), [b"The year 1999."]), 2_000), 60, tmp_path / "now")
    assert "planted" in next(found)
    assert b"9999" in (tmp_path / "now").read_bytes()


@pytest.mark.parametrize("name", names())
def test_each_target_takes_sound_and_changed_inputs(name: str, tmp_path: Path) -> None:
    sound = examples(name)
    given = islice(inputs(random.Random(5), sound), 4)
    assert sound and list(findings(checks(name), iter([*sound[:1], *given]), 60, tmp_path / "now")) == []


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_stays_mended(file: Path) -> None:
    target = file.name.partition("-")[0]
    checks(target if target in ("question", "filter") else f".{target}")(file.read_bytes())
