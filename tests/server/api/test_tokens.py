import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.core.errors import InvalidInput
from rag.server.api.tokens import Tokens


def test_a_token_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    secret = Tokens(file).add("wiki", "write")
    held = Tokens(file).holder(secret)
    assert held is not None and (held.name, held.scope) == ("wiki", "write")
    assert secret not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(secret.removeprefix("pincite_")) == 43, "32 bytes of which nothing can be guessed"


def test_a_token_that_was_removed_counts_for_nothing_at_once(tmp_path: Path) -> None:
    serving, shell = Tokens(tmp_path / "tokens.json"), Tokens(tmp_path / "tokens.json")
    first, second = shell.add("a", "read"), shell.add("b", "admin")
    assert serving.holder(first) and serving.holder(second)
    shell.remove("a")
    assert serving.holder(first) is None and serving.holder(second) is not None


@given(st.text(max_size=60))
def test_nothing_that_is_guessed_is_a_token(guess: str) -> None:
    tokens = Tokens(Path(__file__).with_name("no_tokens.json"))
    assert tokens.holder(guess) is None


def test_what_is_near_a_token_is_none(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    secret = tokens.add("a", "read")
    for near in (secret[:-1], secret + "A", secret.upper(), secret[:-1] + "é", tokens.listed()[0].sha256):
        assert tokens.holder(near) is None


@pytest.mark.parametrize(("name", "scope"), [("a\nb", "read"), ("", "read"), ("../x", "read"), ("a", "root")])
def test_names_and_scopes_are_checked(tmp_path: Path, name: str, scope: str) -> None:
    with pytest.raises(InvalidInput):
        Tokens(tmp_path / "tokens.json").add(name, scope)
    assert not list(tmp_path.iterdir())


def test_a_name_is_given_once(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    tokens.add("a", "read")
    with pytest.raises(InvalidInput, match="rag token remove a"):
        tokens.add("a", "admin")
    with pytest.raises(InvalidInput, match="no token 'b'"):
        tokens.remove("b")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 100_000, '{"schema": "other", "tokens": []}',
     '{"schema": "pincite-tokens-1", "tokens": [{"name": "a", "scope": "all", "sha256": "0", "created_at": ""}]}'],
    ids=range(6),
)  # fmt: skip
def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Tokens(tmp_path / "tokens.json").holder("x")


def _add_and_remove(file: Path, worker: int, rounds: int) -> None:
    tokens = Tokens(file)
    for n in range(rounds):
        tokens.add(f"{worker}.{n}", "read")
        if n % 2:
            tokens.remove(f"{worker}.{n}")


def raced(file: Path, workers: int, rounds: int) -> tuple[list[str], list[str]]:
    """Return the names that should be left and those that are, after processes added and removed tokens at once."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_and_remove, args=(file, n, rounds)) for n in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * workers
    left = [f"{worker}.{n}" for worker in range(workers) for n in range(0, rounds, 2)]
    return sorted(left), sorted(token.name for token in Tokens(file).listed())


RACES = (
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
)


@pytest.mark.parametrize(
    ("workers", "rounds"),
    [
        pytest.param(3, 8, marks=RACES),
        # 500 additions and removals: 6 processes add 56 tokens each and remove every second one.
        pytest.param(6, 56, marks=(*RACES, pytest.mark.slow)),
    ],
)
def test_processes_that_add_and_remove_at_once_lose_no_token_and_bring_none_back(
    tmp_path: Path, workers: int, rounds: int
) -> None:
    expected, names = raced(tmp_path / "tokens.json", workers, rounds)
    assert names == expected
