"""Measures our BM25 and embedder on SciFact as BEIR does: an abstract is one text, cut where the model stops reading.

The pipeline itself cuts abstracts into passages and reads all of them; here its parts meet the published figures.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.core.settings import Settings
from rag.core.types import Document
from rag.embedding.embedder import open_embedder
from rag.evaluation.cache import VECTORS_FILE, default_folder
from rag.evaluation.cost import environment
from rag.evaluation.datasets import Dataset, documents, load_dataset
from rag.evaluation.metrics.measures import Columns, summarised
from rag.evaluation.metrics.ranking import DEPTH, RANKING_MEASURES, ranking_measures
from rag.evaluation.reporting.terminal import number
from rag.evaluation.results import Evaluation, as_saved, write_json
from rag.evaluation.vectors import RememberingEmbedder
from rag.index.storage.flat_vectors import FaissStore
from rag.index.storage.lexical import TantivyStore

if TYPE_CHECKING:
    from rag.core.protocols import Ranking

RESULTS = Path(__file__).parent / "results"
BATCH = 256


def main() -> None:
    """Measure, print and write a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path, help="the folder scifact")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="where vectors are kept")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    dataset, corpus = load_dataset(given.dataset), list(documents(given.dataset))
    questions = [question.text for question in dataset.questions]
    found = {"lexical": _lexical(corpus, questions), "dense": _dense(corpus, questions, given.cache / VECTORS_FILE)}
    columns = {
        key: column for stage, rankings in found.items() for key, column in _columns(dataset, corpus, stage, rankings)
    }
    evaluation = _evaluation(dataset, columns)
    for measure in evaluation.measures:
        print(measure.stage, measure.name, number(measure.value), measure.low, measure.high, measure.n)  # noqa: T201
    write_json(evaluation, RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{dataset.name}_whole.json")


def _lexical(corpus: list[Document], questions: list[str]) -> "list[Ranking]":
    store = TantivyStore()
    store.add(range(len(corpus)), [document.text for document in corpus], [document.title or "" for document in corpus])
    store.commit()
    return [store.search(question, DEPTH) for question in questions]


def _dense(corpus: list[Document], questions: list[str], vectors: Path) -> "list[Ranking]":
    embedder = RememberingEmbedder(open_embedder(Settings()), vectors)
    store = FaissStore(embedder.dimension)
    for start in range(0, len(corpus), BATCH):
        texts = [f"{document.title or ''} {document.text}".strip() for document in corpus[start : start + BATCH]]
        store.add(np.arange(start, start + len(texts), dtype=np.int64), embedder.embed_passages(texts))
    return store.search(embedder.embed_queries(questions), DEPTH)


def _columns(
    dataset: Dataset, corpus: list[Document], stage: str, rankings: "list[Ranking]"
) -> list[tuple[tuple[str, str], list[float | None]]]:
    named = {
        question.id: [corpus[row].id for row, _ in ranking]
        for question, ranking in zip(dataset.questions, rankings, strict=True)
    }
    values = ranking_measures({question.id: question.relevant for question in dataset.questions}, named)
    return [((stage, name), [values[question.id][name] for question in dataset.questions]) for name in RANKING_MEASURES]


def _evaluation(dataset: Dataset, columns: Columns) -> Evaluation:
    return Evaluation(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset={
            "name": f"{dataset.name}_whole",
            "corpus_sha256": dataset.corpus_sha256,
            "questions": len(dataset.questions),
        },
        environment=environment(),
        settings={},
        index={},
        measures=tuple(summarised(columns)),
        question_ids=tuple(question.id for question in dataset.questions),
        values={".".join(key): as_saved(column) for key, column in columns.items()},
        curves={},
        failures=(),
    )


if __name__ == "__main__":
    main()
