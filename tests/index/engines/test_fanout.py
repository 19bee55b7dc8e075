"""A corpus embedded by the workers of a real Ray cluster of two nodes makes the index that one process makes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rag.answering.assistant import Assistant
from rag.core.errors import EmbedderMismatch, InvalidInput
from rag.core.reports import Progress
from rag.core.settings import Settings
from rag.core.types import Document
from rag.embedding.embedder import open_embedder
from rag.index import distributed as fanout
from rag.index.distributed import fan_out
from rag.index.index import Index
from tests import ROOT

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

ray = pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray leaves sockets and files to the collector
QUESTION = "Why did Armenia recall its ambassador to Israel?"


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    ray.init(made.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def corpus(seeds: Path) -> list[Document]:
    """Return the seed articles, and many that are made of their sentences in another order."""
    articles = [file.read_text(encoding="utf-8") for file in sorted(seeds.glob("*.txt"))]
    lines = [line for text in articles for line in text.splitlines() if line.strip()]
    shuffled = np.random.default_rng(3)
    made = [Document(f"made/{n}", "\n\n".join(shuffled.permutation(lines)[:12].tolist())) for n in range(30)]
    return [*(Document(f"seed/{n}", text) for n, text in enumerate(articles)), *made]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "SHARD_CHARACTERS", 8_000)


def same(index: Index, expected: Index) -> None:
    assert index.fingerprint == expected.fingerprint and index.store.rows() == expected.store.rows()
    rows = np.array(expected.store.rows(), np.int64)
    np.testing.assert_allclose(index.vectors.get(rows), expected.vectors.get(rows), atol=1e-3)
    for mine, right in zip(
        index.sentence_vectors(rows.tolist()), expected.sentence_vectors(rows.tolist()), strict=True
    ):
        np.testing.assert_allclose(mine, right, atol=1e-2)
    found, right_one = (Assistant(part).ask(QUESTION).to_dict() for part in (index, expected))
    assert [answer["answer"] for answer in found["answers"]] == [answer["answer"] for answer in right_one["answers"]]
    assert found["answers"][0]["citation"]["document_offset"] == right_one["answers"][0]["citation"]["document_offset"]


def test_two_nodes_make_the_index_of_one_process(
    cluster: Any, corpus: list[Document], tmp_path: Path, embedder: "Embedder"
) -> None:
    steps: list[Progress] = []
    ready = fan_out(corpus, Settings(), 2, tmp_path / "made", steps.append)
    index = Index.build(corpus, tmp_path / "index", embedder=ready)

    same(index, Index.build(corpus, tmp_path / "expected", embedder=embedder))
    assert steps[-1].documents == len(corpus) and steps[-1].done == steps[-1].total
    # Run again, as after a kill, nothing is embedded: what the workers made is there.
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "made").iterdir()}
    ready = fan_out(corpus, Settings(), 2, tmp_path / "made")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "made").iterdir()} == files
    assert len(files) > 4
    ready.delete_files()
    assert list((tmp_path / "made").iterdir()) == []


def test_a_node_that_dies_in_mid_job_loses_nothing(
    cluster: Any, corpus: list[Document], tmp_path: Path, embedder: "Embedder"
) -> None:
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    killed = threading.Event()

    def after_two(progress: Progress) -> None:
        if progress.documents >= 2 and not killed.is_set():
            killed.set()
            cluster.remove_node(second, allow_graceful=False)

    ready = fan_out(corpus, Settings(), 2, tmp_path / "made", after_two)
    assert killed.is_set()
    index = Index.build(corpus, tmp_path / "index", embedder=ready)
    same(index, Index.build(corpus, tmp_path / "expected", embedder=embedder))


def test_a_worker_with_other_weights_is_refused(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = open_embedder(Settings())
    monkeypatch.setattr(real, "_fingerprint", "another", raising=False)
    monkeypatch.setattr(fanout, "open_embedder", lambda settings: real)
    with pytest.raises(EmbedderMismatch, match="every node"):
        fan_out([Document("a", "One text.")], Settings(), 2, tmp_path / "made")


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be reached"):
        fan_out([Document("a", "One text.")], Settings(), "ray://127.0.0.1:1", tmp_path / "made")
