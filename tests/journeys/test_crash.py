"""Kills real writers at random moments and before every step of a commit; nothing that was committed may be lost."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.index.index import Index
from rag.index.repair import examine
from rag.index.storage.manifest import read_manifest

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a writer is forked, so that its model need not be loaded"),
    # Newer Pythons warn of forking beside threads. The child starts none of the parent's and leaves by _exit.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
Write = Callable[[Path], object]


class Place:
    """A folder of articles, an index of them, and a write that brings the index to other content."""

    def __init__(self, folder: Path, files: int, embedder: "Embedder") -> None:
        self.folder, self.embedder = folder, embedder
        self.articles = folder / "articles"
        self.articles.mkdir(parents=True)
        for n in range(files):
            (self.articles / f"{n:04}.txt").write_text(f"Report {n}.\r\n\r\nThe first count was {n * n}.")
        self.base = folder / "base"
        Index.build(self.articles, self.base, embedder=embedder).close()
        self.old = content(self.base)
        for n in range(0, files, 3):
            (self.articles / f"{n:04}.txt").write_text(f"Report {n}.\n\nThe second count was {n + 7}, not {n * n}.")
        for n in range(1, files, 10):
            (self.articles / f"{n:04}.txt").rename(self.articles / f"{n:04} new.txt")
        self.new = {path.name: path.read_bytes().decode() for path in self.articles.iterdir()}

    def rebuild(self, index: Path) -> None:
        """Do what `rag index --rebuild` does."""
        Index.build(self.articles, index, embedder=self.embedder)

    def sync(self, index: Path) -> None:
        """Do what `rag index --sync` does."""
        Index.open(index, self.embedder).sync(self.articles)

    def add(self, index: Path) -> None:
        """Do what `rag index` does: what is gone stays, what was only renamed does not."""
        Index.open(index, self.embedder).add(self.articles)

    def remove(self, index: Path) -> None:
        """Do what `rag documents remove` does."""
        Index.open(index, self.embedder).remove("0001.txt")

    def shrink(self, index: Path) -> None:
        """Sync after most files are gone, so that the commit also writes store and words anew."""
        for path in self.articles.iterdir():
            if not path.name.endswith("0.txt"):
                path.unlink()
        Index.open(index, self.embedder).sync(self.articles)

    def after(self, write: Write) -> dict[str, str]:
        """Return what the index holds after a write."""
        if write == self.shrink:
            return {key: text for key, text in self.new.items() if key.endswith("0.txt")}
        if write == self.add:
            found = set(self.new.values())
            return {key: text for key, text in self.old.items() if text not in found} | self.new
        if write == self.remove:
            return {key: text for key, text in self.old.items() if key != "0001.txt"}
        return self.new

    def copy(self) -> Path:
        """Return a fresh copy of the index of the old content."""
        index = self.folder / "index"
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(self.base, index)
        return index

    def judged(self, index: Path, write: Write) -> str:
        """Return `old` or `new` where the index holds exactly that, is sound, and takes the next write."""
        found = content(index)
        assert found in (self.old, self.after(write)), "the index holds neither the old content nor the new"
        assert examine(index) == []
        state = "old" if found == self.old else "new"
        assert read_manifest(index).version == (1 if state == "old" else 2)
        opened = Index.open(index, self.embedder)
        assert opened.remove(min(found)).removed == (min(found),)
        assert examine(index) == [] and not list(index.glob("*.partial"))
        opened.close()
        return state


def content(path: Path) -> dict[str, str]:
    """Return id and text of every document, each proven by its passages."""
    index = Index.open(path)
    found = {}
    for summary in index.documents():
        document = index.document(summary.id)
        assert document is not None and index.chunks(summary.id)
        found[summary.id] = document.text
    index.close()
    return found


def forked(write: Write, index: Path) -> int:
    """Start `write` in a process of its own and return its id."""
    child = os.fork()
    if child:
        return child
    try:
        write(index)
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
    finally:
        os._exit(1)


def full_run(write: Write, index: Path) -> float:
    """Return the seconds that an undisturbed write takes."""
    began = time.monotonic()
    assert os.waitpid(forked(write, index), 0)[1] == 0
    return time.monotonic() - began


def killed_at_random(place: Place, write: Write, kills: int, seed: int) -> Counter[str]:
    """Return how often the old and how often the new content was found after a kill -9.

    Every second kill falls where files are written and the version is switched: a moment after the vectors are saved.
    A run that ends before its kill is judged as well, does not count, and makes the following ones die sooner.
    """
    random_, found = random.Random(seed), Counter[str]()
    until, after = full_run(write, place.copy()), 0.2
    while found["killed"] < kills:
        index, late = place.copy(), found["killed"] % 2 == 0
        child = forked(write, index)
        if late:
            _wait_for(index / "v000002.partial/vectors.faiss", child)
        time.sleep(random_.uniform(0, after if late else until))
        os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == 0:
            found["finished"] += 1
            assert place.judged(index, write) == "new"
            until, after = (until, after * 0.7) if late else (until * 0.9, after)
            continue
        found["killed"] += 1
        found["half a version lay about"] += bool(list(index.glob("*.partial")))
        found[place.judged(index, write)] += 1
    return found


def _wait_for(path: Path, child: int) -> None:
    while not path.exists() and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.001)


def test_a_writer_killed_at_random_moments_loses_nothing(tmp_path: Path, embedder: "Embedder") -> None:
    place = Place(tmp_path, 40, embedder)
    found = killed_at_random(place, place.rebuild, 3, seed=1) + killed_at_random(place, place.sync, 3, seed=2)

    assert found["old"] + found["new"] == found["killed"] == 6


@pytest.mark.slow
def test_a_writer_killed_at_200_random_moments_of_every_kind_of_write_loses_nothing(
    tmp_path: Path, embedder: "Embedder"
) -> None:
    place = Place(tmp_path, 40, embedder)
    for seed, write in enumerate((place.rebuild, place.add, place.remove, place.sync, place.shrink)):
        found = killed_at_random(place, write, 40, seed)
        sys.stderr.write(f"\nkilled in {write.__name__}: {dict(found)}\n")
        assert found["old"] + found["new"] == 40


@pytest.mark.slow
def test_every_write_that_fails_once_leaves_the_last_commit_or_the_next(tmp_path: Path, embedder: "Embedder") -> None:
    assert every_failing(tmp_path, embedder, every=1) == 0


def test_a_write_that_fails_once_leaves_the_last_commit_or_the_next(tmp_path: Path, embedder: "Embedder") -> None:
    assert every_failing(tmp_path, embedder, every=25) == 0


def every_failing(tmp_path: Path, embedder: "Embedder", every: int) -> int:
    """Return the exit status of `faulty_writes.py`, which fails every `every`th write and fsync of a sync."""
    compiler, library = shutil.which("cc"), tmp_path / "faulty_writes.so"
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler to stand between a program and its disk")
    here = Path(__file__).parent
    subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", library, here / "faulty_writes.c", "-ldl"], check=True)
    place = Place(tmp_path / "place", 12, embedder)
    given = (here / "faulty_writes.py", place.articles, place.base, tmp_path / "copy", every)
    return subprocess.run(
        [sys.executable, *map(str, given)], env={**os.environ, "LD_PRELOAD": str(library)}, check=False
    ).returncode


@pytest.mark.slow
def test_a_writer_of_500_files_killed_at_50_random_moments_loses_nothing(tmp_path: Path, embedder: "Embedder") -> None:
    place = Place(tmp_path, 500, embedder)
    rebuilt = killed_at_random(place, place.rebuild, 25, seed=3)
    synced = killed_at_random(place, place.sync, 25, seed=4)

    sys.stderr.write(f"\nkilled while building: {dict(rebuilt)}\nkilled while syncing: {dict(synced)}\n")
    assert rebuilt["old"] + rebuilt["new"] == synced["old"] + synced["new"] == 25
    assert min(rebuilt["half a version lay about"], synced["half a version lay about"]) > 5


def test_a_writer_killed_before_any_step_of_its_commit_loses_nothing(tmp_path: Path, embedder: "Embedder") -> None:
    place = Place(tmp_path, 3, embedder)
    found: list[str] = []
    while found[-1:] != ["finished"]:
        index = place.copy()
        child = forked(_dying_at(len(found), place.sync), index)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL)
        state = place.judged(index, place.sync)
        found.append("finished" if status == 0 else state)
    assert found.count("old") > 15 and found.count("new") > 0, Counter(found)
    assert found == sorted(found, key=["old", "new", "finished"].index), "the new version stays once it is seen"


def _dying_at(step: int, write: Write) -> Write:
    """Return a write that kills itself before call number `step` that changes the index folder."""
    left = step

    def before(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == -1:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call

    def dying(index: Path) -> None:
        for owner, names in ((os, ("fsync",)), (shutil, ("rmtree", "copyfile"))):
            for name in names:
                setattr(owner, name, before(getattr(owner, name)))
        for name in ("rename", "replace", "write_text", "mkdir"):
            setattr(Path, name, before(getattr(Path, name)))
        write(index)

    return dying
