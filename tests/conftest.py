"""Shared parts of the tests: the real embedder and an index of the two seed articles, each made once."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import ROOT
from tests.exploring import load_profile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A test that would reach for a model hub fails instead of waiting for one.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
load_profile()

if TYPE_CHECKING:
    from rag.core.protocols import Embedder
    from rag.index.index import Index

MODEL_FIXTURES = {"embedder", "seeds_index", "cache"}
"""`cache` is that of tests/evaluation; who uses it evaluates."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that load the embedder, so that `make quick` can leave them out."""
    for item in items:
        if MODEL_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("model")


def pytest_collection_finish() -> None:
    """Leave the imported libraries out of later garbage collections, which would look at a million objects each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def seeds() -> Path:
    """Return the folder of the two seed articles."""
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def embedder() -> "Embedder":
    """Return the shipped embedder as the package opens it."""
    from rag.core.settings import Settings
    from rag.embedding.embedder import open_embedder

    return open_embedder(Settings())


@pytest.fixture(scope="session")
def seeds_index(seeds: Path, embedder: "Embedder", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Index]":
    """Give an index of the seed articles for reading; `.path` is its folder, to be copied by who would change it."""
    from rag.index.index import Index

    index = Index.build(seeds, tmp_path_factory.mktemp("seeds") / "index", embedder=embedder)
    yield index
    index.close()
