"""Notices files that change once they rest, and nothing else."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.cli.watching import changes


def steps(folder: Path, acts: Sequence[Callable[[], object] | None]) -> Iterator[int]:
    """Yield the number of each look at which a change was told; one of `acts` is done before each look."""
    looks = 0

    def wait(_: float) -> None:
        nonlocal looks
        if looks == len(acts):
            raise StopIteration
        act = acts[looks]
        looks += 1
        if act is not None:
            act()

    found = changes([folder], lambda path: path.name == "own.txt", wait=wait)
    try:
        for _ in found:
            yield looks
    except RuntimeError:  # what a StopIteration in a generator becomes
        return


def test_a_change_is_told_once_when_two_looks_agree(tmp_path: Path) -> None:
    file, other = tmp_path / "a.txt", tmp_path / "b.txt"
    file.write_text("one")
    acts = [
        None,  # 1: nothing happened
        lambda: file.write_text("one two"),  # 2: changed
        lambda: file.write_text("one two three"),  # 3: still being written
        None,  # 4: rests, told
        None,  # 5: told only once
        lambda: other.write_text("new"),  # 6
        None,  # 7: told
        lambda: os.utime(other, ns=(1, 1)),  # 8
        None,  # 9: told
        lambda: other.unlink(),  # 10
        None,  # 11: told
        lambda: (tmp_path / "own.txt").write_text("ignored"),  # 12
        None,
        lambda: other.write_text("came"),  # 14
        lambda: other.unlink(),  # 15: and went again before it rested
        None,
    ]
    assert list(steps(tmp_path, acts)) == [4, 7, 9, 11]


def test_a_folder_that_goes_and_comes_is_a_change(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    acts = [lambda: folder.rename(tmp_path / "aside"), None, lambda: (tmp_path / "aside").rename(folder), None]
    assert list(steps(folder, acts)) == [2, 4]
