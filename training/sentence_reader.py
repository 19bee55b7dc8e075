"""Fits the coefficients of the sentence reader and the shipped confidence on public developer data.

    python training/sentence_reader.py DATA CACHE

DATA is the folder of data sets (see `training/README.md`), CACHE any folder for indexes. Every question is read by the
real pipeline; the reader's coefficients are those that make the sentence holding the gold span likeliest among all
sentences read (a softmax over them), the confidence is `rag.confidence.fit` over the best sentence of questions asked
in three ways: with their article in the index, with it taken out, and of small indexes of one article.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag import Assistant, Document, Index
from rag.assistant import Trace
from rag.confidence import fit, save
from rag.evaluation import datasets
from rag.types import Extraction

MODELS = Path(__file__).parent.parent / "rag" / "models"
SETS = {"train/squad_train_part": 1_200, "nq_open_gold": 1_200}
SMALL_ARTICLES, FEWEST_PARAGRAPHS = 24, 12
SEED = 20261121
RIDGE = 1e-3
Questions = Sequence[datasets.Question]


@dataclass(frozen=True)
class Case:
    """One question read: its sentences and which of them hold a gold span."""

    group: str
    way: str
    extractions: tuple[Extraction, ...]
    holds: tuple[bool, ...]


def main(data: Path, cache: Path) -> None:
    """Read, fit, write both files, print the figures."""
    began = time.monotonic()
    cases = [case for name, size in SETS.items() for case in read_set(data / name, cache / name, size)]
    print(f"{len(cases)} readings after {time.monotonic() - began:.0f} s")
    train, test = by_group(cases)
    names, weights = fit_reader([case for case in train if case.way == "own"])
    for part, chosen in (("fitted on", train), ("held out", test)):
        print(f"sentence right at rank 1, {part}: {top_one(chosen, names, weights)}")
    write_reader(names, weights, len(train))
    fit_confidence(cases, names, weights)


def read_set(folder: Path, cache: Path, size: int) -> Iterator[Case]:
    """Yield the readings of a data set: own article there, own article taken out, small indexes."""
    dataset = datasets.load(folder)
    # Half of the documents of nq_open_gold are kept for reports; a hash decides, so that every script agrees.
    questions = [q for q in dataset.questions if datasets.developer_half(q.group) or folder.name != "nq_open_gold"]
    drawn = random.Random(SEED).sample(questions, min(size, len(questions)))
    assistant = opened(cache / "all", lambda: datasets.documents(folder))
    yield from readings(assistant, drawn, "own", dataset)
    yield from readings(assistant, drawn[: size // 2], "out", dataset)
    articles = group_documents(folder, dataset)
    large = sorted(key for key, held in articles.items() if len(held) >= FEWEST_PARAGRAPHS)
    random.Random(SEED).shuffle(large)
    for number, article in enumerate(large[:SMALL_ARTICLES]):
        own = [question for question in questions if question.group == article][:30]
        other = random.Random(number).sample([q for q in questions if q.group != article], len(own))
        small = opened(cache / f"small-{number}", lambda article=article: articles[article])  # type: ignore[misc]
        yield from readings(small, own, "own", dataset)
        yield from readings(small, other, "out", dataset)


def group_documents(folder: Path, dataset: datasets.Dataset) -> dict[str, list[Document]]:
    """Return the documents of each article."""
    groups: dict[str, list[Document]] = {}
    for document in datasets.documents(folder):
        groups.setdefault(dataset.articles.get(document.id, document.id), []).append(document)
    return groups


def opened(path: Path, documents: Callable[[], Iterable[Document]]) -> Assistant:
    """Return an assistant over an index that is built where it is missing."""
    if not (path / "manifest.json").exists():
        Index.build(documents(), path)
    return Assistant.open(path)


def readings(assistant: Assistant, questions: Questions, way: str, dataset: datasets.Dataset) -> Iterator[Case]:
    """Yield one case for each question; with way `out` its own article is treated as not in the index."""
    for question in questions:
        missing = dataset.own_documents(question) if way == "out" else ()
        trace: Trace = assistant.trace_many([question.text], depth=10, without=[missing])[0]
        holds = tuple(
            any(item.span.overlaps(gold) for gold in question.golds) and not question.impossible
            for item in trace.extractions
        )
        yield Case(question.group, way, trace.extractions, holds)


def by_group(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Return the cases of four fifths of the groups, and of the rest."""
    held_out = {group for group in {case.group for case in cases} if random.Random(group).random() < 0.2}
    return [c for c in cases if c.group not in held_out], [c for c in cases if c.group in held_out]


def matrix(case: Case, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a case's sentences, float64 (sentences, features)."""
    return np.array([[item.features[name] for name in names] for item in case.extractions], np.float64)


def fit_reader(cases: Sequence[Case]) -> tuple[list[str], NDArray[np.float64]]:
    """Return feature names and the weights of largest likelihood, with a small ridge."""
    useful = [case for case in cases if any(case.holds) and not all(case.holds)]
    names = sorted(useful[0].extractions[0].features)
    data = [(matrix(case, names), np.array(case.holds)) for case in useful]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, slope = RIDGE * len(data) * float(weights @ weights), 2 * RIDGE * len(data) * weights
        for features, holds in data:
            scores = features @ weights
            likely = np.exp(scores - scores.max())
            likely /= likely.sum()
            right = likely[holds].sum()
            total -= float(np.log(right))
            slope += features.T @ likely - features[holds].T @ (likely[holds] / right)
        return total, slope

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B")
    return names, found.x


def reordered(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> list[int]:
    """Return the places of a case's sentences, best first by the new weights."""
    return [int(place) for place in np.argsort(-(matrix(case, names) @ weights), kind="stable")]


def top_one(cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> str:
    """Return in words how often the first sentence holds a gold span, of the questions where a read one does."""
    useful = [case for case in cases if case.way == "own" and any(case.holds)]
    right = sum(case.holds[reordered(case, names, weights)[0]] for case in useful)
    return f"{right / len(useful):.3f}, n = {len(useful)}"


def write_reader(names: Sequence[str], weights: NDArray[np.float64], questions: int) -> None:
    """Write the reader's coefficients."""
    content = {
        "weights": {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)},
        "fitted_on": f"{', '.join(SETS)}: {questions} readings",
    }
    (MODELS / "sentence_reader.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content["weights"]))


def fit_confidence(cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> None:
    """Fit and write the confidence over the best sentence of every reading."""
    rows, labels, groups = [], [], []
    for case in cases:
        if case.extractions:
            best = reordered(case, names, weights)[0]
            rows.append(dict(case.extractions[best].features))
            labels.append(case.holds[best])
            groups.append(case.group)
    calibration = fit(rows, labels, groups, fitted_on=f"{', '.join(SETS)}")
    save(calibration, MODELS / "confidence.json")
    print(f"threshold {calibration.threshold}, n = {len(rows)}, right {sum(labels)}")
    print(dict(zip(calibration.features, calibration.weights, strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
