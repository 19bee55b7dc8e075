"""Tells documents that are nearly the same from others, against the share of word runs counted by hand."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.core.files.hashed_json import content_sha256
from rag.core.types import Document
from rag.index.index import Index
from rag.index.storage.documents import Store
from rag.index.writing.commit import file_records
from rag.index.writing.near_duplicates import MIN_WORDS, groups, likeness, near, sketch
from tests.exploring import examples

if TYPE_CHECKING:
    from rag.core.protocols import Embedder


def article(seed: int, words: int = 200) -> list[str]:
    chosen = random.Random(seed)
    return [f"w{chosen.randrange(10_000)}" for _ in range(words)]


def changed(words: list[str], share: float) -> list[str]:
    """Return the words with the last part of them replaced."""
    kept = round(len(words) * (1 - share))
    return [*words[:kept], *(f"new{n}" for n in range(len(words) - kept))]


@example(75, 0.5)
@given(st.integers(0, 1_000), st.floats(0.0, 1.0))
@settings(max_examples=examples(40))
def test_the_likeness_is_near_the_share_of_runs_in_common(seed: int, share: float) -> None:
    one, other = article(seed), changed(article(seed), share)
    runs = [{tuple(words[n : n + 3]) for n in range(len(words) - 2)} for words in (one, other)]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    standard_error = (0.25 / 128) ** 0.5  # where half of the runs are in common; less elsewhere
    assert abs(likeness(sketch(" ".join(one)), sketch(" ".join(other))) - true) < 5 * standard_error


def test_letter_case_and_punctuation_do_not_count_and_short_texts_have_no_sketch() -> None:
    words = article(1)
    assert sketch(" ".join(words)) == sketch(", ".join(words).upper() + ".")
    assert len(sketch(" ".join(words[:MIN_WORDS]))) == 512 and sketch(" ".join(words[: MIN_WORDS - 1])) == b""
    assert len(sketch("天地玄黄宇宙洪荒" * 4)) == 512, "characters of scripts without spaces are words"


def test_groups_hold_what_is_like_their_first() -> None:
    made = {
        "new": sketch(" ".join(article(1))),
        "other": sketch(" ".join(article(2))),
        "old": sketch(" ".join(changed(article(1), 0.1))),
        "far": sketch(" ".join(changed(article(1), 0.6))),
        "short": b"",
        "short too": b"",
    }
    assert groups(made) == [("new", "old")]
    assert list(near(["old", "other", "short"], made)) == [("old", "new")]
    assert groups({}) == [] and list(near(["x"], {})) == []


def test_many_documents_of_one_form_are_one_group() -> None:
    made = {f"{n:04}": sketch(" ".join([*article(1), f"number{n}"])) for n in range(500)}
    assert [len(group) for group in groups(made)] == [500]


def test_an_index_reports_near_duplicates_the_newest_first(embedder: "Embedder", tmp_path: Path) -> None:
    # Sentences of words that no rule takes for boilerplate.
    text = " ".join(f"The {a} of {b} was near the {c}." for a, b, c in zip(*[iter(article(5, 90))] * 3, strict=True))
    old = Document("a old", text, metadata={"published_at": "2023-01-01"})
    new = Document(
        "b new", text + " It was opened again in May by a minister.", metadata={"published_at": "2024-01-01"}
    )
    again = Document("c again", text, metadata={"published_at": "2022-01-01"})
    index = Index.build([old], tmp_path / "index", embedder=embedder)
    assert index.near_duplicates() == [] and index.report.near_duplicates == ()

    report = index.add([new, again])
    assert report.near_duplicates == (("b new", ("a old",)),)
    assert report.duplicates == (("c again", ("a old",)),)
    assert index.near_duplicates() == [("b new", "a old")] and index.duplicates() == [("a old", "c again")]
    assert index.add([Document("d", "Something else is said here. " * 9)]).near_duplicates == ()
    index.remove("b new")
    assert index.near_duplicates() == []
    index.close()


def test_an_index_without_sketches_gets_them_with_its_next_write(embedder: "Embedder", tmp_path: Path) -> None:
    words = " ".join(article(3))
    index = Index.build([Document("a", words)], tmp_path / "index", embedder=embedder)
    folder = index.path / index.manifest.folder
    index.close()
    store = Store(folder / "documents.sqlite", writable=True)
    store._rows("DROP TABLE sketches")
    store._rows("COMMIT")
    store.close()
    held = json.loads((index.path / "manifest.json").read_text())
    del held["sha256"]
    held["files"] = file_records(folder)
    (index.path / "manifest.json").write_text(json.dumps({**held, "sha256": content_sha256(held)}))
    opened = Index.open(index.path, embedder)
    assert opened.near_duplicates() == []
    assert opened.add([Document("b", words + " more")]).near_duplicates == (("a", ("b",)),)
    opened.close()


def by_comparing_all(sketches: Mapping[str, bytes]) -> list[tuple[str, ...]]:
    """Return what `groups` does, by datasketch's own index over every sketch."""
    from datasketch import LeanMinHash, MinHashLSH

    firsts, found = MinHashLSH(threshold=0.5, num_perm=128), dict[str, list[str]]()
    for key, held in sketches.items():
        made = LeanMinHash(seed=1, hashvalues=np.frombuffer(held, "<u4"), scheme="affine32")
        near = [first for first in firsts.query(made) if likeness(sketches[first], held) >= 0.6]
        if near:
            found[max(near, key=lambda first: (likeness(sketches[first], held), first))].append(key)
        else:
            firsts.insert(key, made)
            found[key] = [key]
    return [tuple(group) for group in found.values() if len(group) > 1]


@pytest.mark.thorough
def test_groups_are_those_that_comparing_all_documents_gives() -> None:
    chance, sketches = np.random.default_rng(3), dict[str, bytes]()
    for n in range(400):
        first = chance.integers(2**32, size=128, dtype=np.uint32)
        for share in [0.0, *chance.uniform(0, 0.7, size=chance.integers(3))]:
            other = np.where(chance.random(128) < share, chance.integers(2**32, size=128, dtype=np.uint32), first)
            sketches[f"{chance.integers(10**9)} {n}"] = other.astype("<u4").tobytes()
    mixed = dict(sorted(sketches.items()))
    assert groups(mixed) == by_comparing_all(mixed) and len(groups(mixed)) > 50
    assert groups({**mixed, "short": b""}) == groups(mixed) and groups({"short": b""}) == groups({}) == []


@pytest.mark.thorough
def test_near_finds_what_comparing_with_every_other_gives() -> None:
    chance, sketches = np.random.default_rng(4), dict[str, bytes]()
    for n in range(300):
        first = chance.integers(2**32, size=128, dtype=np.uint32)
        for m, share in enumerate([0.0, *chance.uniform(0.2, 0.5, size=chance.integers(3))]):
            other = np.where(chance.random(128) < share, chance.integers(2**32, size=128, dtype=np.uint32), first)
            sketches[f"{n}.{m}"] = other.astype("<u4").tobytes()
    keys = [*list(sketches)[::5], "unknown"]
    by_hand = [
        (key, *alike) for key in keys if key in sketches and (alike := [
            other for other in sketches if other != key and likeness(sketches[key], sketches[other]) >= 0.6
        ])
    ]  # fmt: skip
    assert list(near(keys, sketches)) == by_hand and len(by_hand) > 20
