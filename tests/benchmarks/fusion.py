"""Measures how dense and lexical scores are best mixed, and writes the grid to `results/`. Run by hand.

The mix is chosen on half of the articles of squad2 and the developer half of nq_open_gold by the mean of their MRR@10,
then confirmed on the other halves and on scifact, none of which was looked at for the choice.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rag.core.protocols import Ranking
from rag.core.settings import Settings
from rag.evaluation import datasets
from rag.evaluation.cache import cached_index
from rag.evaluation.metrics.bootstrap import mean_interval
from rag.evaluation.metrics.ranking import ranking_measures
from rag.index.index import Index
from rag.index.storage.sentence_vectors import cosine
from rag.retrieval.fusion import convex_mix

RESULTS = Path(__file__).parent / "results"
DEPTH = 100
WEIGHTS = tuple(step / 10 for step in range(11))
CHOSEN_ON = ("squad2 A", "nq_open_gold A")
Scores = dict[int, float]
Fuse = Callable[[Scores, Scores], Ranking]


@dataclass(frozen=True)
class Candidates:
    """The scores of one question's candidates, and the two rankings they come from."""

    dense: Scores
    lexical: Scores
    dense_order: tuple[int, ...]
    lexical_order: tuple[int, ...]


def reciprocal_ranks(found: Candidates) -> Ranking:
    """Return reciprocal rank fusion with k = 60, ranks from 1 (Cormack et al. 2009)."""
    sums: Scores = {}
    for order in (found.dense_order, found.lexical_order):
        for rank, row in enumerate(order, start=1):
            sums[row] = sums.get(row, 0.0) + 1 / (60 + rank)
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def by_maximum(found: Candidates, weight: float) -> Ranking:
    """Return the mix of scores divided by the largest of their ranking."""
    dense_most, lexical_most = max(found.dense.values()), max(found.lexical.values()) or 1.0
    mixed = {
        row: weight * found.dense[row] / dense_most + (1 - weight) * found.lexical[row] / lexical_most
        for row in found.dense
    }
    return sorted(mixed.items(), key=lambda item: (-item[1], item[0]))


def z_mix(found: Candidates, weight: float) -> Ranking:
    """Return the mix that `rag.retrieval.fusion` makes."""
    return convex_mix([found.dense, found.lexical], [weight, 1 - weight])


def methods() -> dict[str, Callable[[Candidates], Ranking]]:
    """Return every mix of the grid by its name."""
    grid: dict[str, Callable[[Candidates], Ranking]] = {"reciprocal ranks": reciprocal_ranks}
    for weight in WEIGHTS:
        grid[f"z-scores {weight:.1f}"] = lambda found, weight=weight: z_mix(found, weight)  # type: ignore[misc]
        grid[f"by maximum {weight:.1f}"] = lambda found, weight=weight: by_maximum(found, weight)  # type: ignore[misc]
    return grid


def candidates(index: Index, questions: Sequence[datasets.Question]) -> list[Candidates]:
    """Return the candidates of each question, scored as `rag.retrieval.candidates` scores them."""
    found = []
    vectors = index.embedder.embed_passages([question.text for question in questions])
    for question, vector in zip(questions, vectors, strict=True):
        dense, lexical = index.vectors.search(vector[None, :], DEPTH)[0], index.words.search(question.text, DEPTH)
        rows = sorted({row for row, _ in (*dense, *lexical)})
        scores = dict(zip(rows, cosine(index.vectors.get(np.array(rows, np.int64)), vector), strict=True))
        words, floor = dict(lexical), lexical[-1][1] if len(lexical) == DEPTH else 0.0
        bm25 = {row: words.get(row, floor) for row in rows}
        found.append(Candidates(scores, bm25, tuple(row for row, _ in dense), tuple(row for row, _ in lexical)))
    return found


def half(dataset: datasets.Dataset, question: datasets.Question) -> str:
    """Return the part of the data set that a question belongs to: by article, so that none is in both."""
    if dataset.name == "scifact":
        return dataset.name
    return f"{dataset.name} {'A' if datasets.developer_half(question.group) else 'B'}"


def measured(index: Index, dataset: datasets.Dataset) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return for each part and mix the values of each measure, one for each question."""
    questions = [question for question in dataset.questions if question.relevant]
    found = candidates(index, questions)
    rows = index.store.rows()
    documents = dict(zip(rows, (chunk.span.document_id for chunk in index.store.chunks(rows)), strict=True))
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    relevant: Mapping[str, Mapping[str, int]] = {question.id: question.relevant for question in questions}
    for name, fuse in methods().items():
        rankings = {
            question.id: list(dict.fromkeys(documents[row] for row, _ in fuse(item)))[:10]
            for question, item in zip(questions, found, strict=True)
        }
        for question, measures in zip(questions, ranking_measures(relevant, rankings).values(), strict=True):
            part = values.setdefault(half(dataset, question), {}).setdefault(name, {})
            for measure, value in measures.items():
                part.setdefault(measure, []).append(value)
    return values


def main() -> None:
    """Measure the grid, choose, confirm, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds the data set folders")
    parser.add_argument("--cache", type=Path, help="where indexes are kept")
    given = parser.parse_args()
    parts: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name in ("squad2", "nq_open_gold", "scifact"):
        dataset = datasets.load_dataset(given.data / name)
        path, _ = cached_index(dataset, Settings(), given.cache)
        index = Index.open(path)
        parts.update(measured(index, dataset))
        index.close()
    best = max(methods(), key=lambda name: sum(np.mean(parts[part][name]["MRR@10"]) for part in CHOSEN_ON))
    Console().print(table(parts, best))
    write(parts, best)


def table(parts: Mapping[str, Mapping[str, Mapping[str, list[float]]]], best: str) -> Table:
    """Return recall@1 / MRR@10 of every mix on every part."""
    shown = Table(title=f"recall@1 / MRR@10; chosen on {' and '.join(CHOSEN_ON)}: {best}")
    shown.add_column("mix")
    for part, found in parts.items():
        shown.add_column(f"{part}, n = {len(found[best]['MRR@10'])}")
    for name in methods():
        pairs = [(np.mean(found[name]["recall@1"]), np.mean(found[name]["MRR@10"])) for found in parts.values()]
        shown.add_row(f"* {name}" if name == best else name, *(f"{recall:.3f} / {mrr:.3f}" for recall, mrr in pairs))
    return shown


def write(parts: Mapping[str, Mapping[str, Mapping[str, list[float]]]], best: str) -> None:
    """Write means and intervals."""
    content = {
        "chosen": best,
        "chosen_on": CHOSEN_ON,
        "parts": {
            part: {
                name: {
                    measure: {"mean": float(np.mean(values)), "interval": mean_interval(values), "n": len(values)}
                    for measure, values in measures.items()
                }
                for name, measures in found.items()
            }
            for part, found in parts.items()
        },
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-fusion.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
