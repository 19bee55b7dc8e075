"""Fits the coefficients of the sentence reader and the shipped confidence on public developer data.

    python training/sentence_reader.py DATA CACHE

DATA is the folder of data sets (see `training/README.md`), CACHE any folder for indexes and readings. Every question is
read by the real pipeline; the reader's coefficients are those that make the sentence holding the gold span likeliest
among all sentences read (a softmax over them); the confidence is `rag.confidence.fit` over the best sentence of
questions asked in three ways: with their article in the index, with it taken out, and of small indexes, where scores
that compare a passage with the others have less to compare with.
"""

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag import Document, Index
from rag.confidence import fit, save
from rag.embedding import QueryVectors
from rag.evaluation import datasets
from rag.reading import MARGINS, RANKED, SentenceReader, margins, statement_key
from rag.retrieval import hits, retrieve

MODELS = Path(__file__).parent.parent / "rag" / "models"
SETS = {"train/squad_train_part": 3_000, "train/selqa_ass_devtest": 1_000, "nq_open_gold": 1_400}
SMALL_INDEXES, SMALL_SIZE, SMALL_QUESTIONS = 30, 12, 20
"""Indexes of so many documents that stand side by side in the data, each asked so many questions of its own, as many
of its subject that other documents answer, and as many of any subject."""
NOT_FOR_CONFIDENCE = ("fused", "is_question")
"""`fused` does not mean the same in a small index and in a large one; questions are rarely quoted."""
SEED = 20261121
RIDGE = 1e-3
Questions = Sequence[datasets.Question]


@dataclass(frozen=True)
class Case:
    """One question read: the figures of its sentences, which of them hold a gold span, and what tells copies."""

    group: str
    way: str
    sentences: tuple[dict[str, float], ...]
    holds: tuple[bool, ...]
    statements: tuple[str, ...]


def main(data: Path, cache: Path) -> None:
    """Read, fit, write both files, print the figures."""
    cases = [case for name, size in SETS.items() for case in kept_readings(data / name, cache / name, size)]
    train, test = by_group(cases)
    names = sorted(next(case for case in train if case.sentences).sentences[0])
    weights = fit_reader([case for case in train if case.way == "own"], names)
    for part, cut in (("fitted on", train), ("held out", test)):
        print(f"sentence right at rank 1, {part}: {top_one(cut, names, weights)}")
    write_reader(dict(zip(names, weights, strict=True)), len(train))
    fit_confidence(cases, names, weights)


def kept_readings(folder: Path, cache: Path, size: int) -> list[Case]:
    """Return the readings of a data set, from an earlier run where there are any."""
    file = cache / f"readings-{size}.json"
    if not file.exists():
        began = time.monotonic()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([asdict(case) for case in read_set(folder, cache, size)]), encoding="utf-8")
        print(f"{folder.name}: read in {time.monotonic() - began:.0f} s")
    content = json.loads(file.read_text(encoding="utf-8"))
    return [
        Case(row["group"], row["way"], tuple(row["sentences"]), tuple(row["holds"]), tuple(row["statements"]))
        for row in content
    ]


def read_set(folder: Path, cache: Path, size: int) -> Iterator[Case]:
    """Yield the readings of a data set: own article there, own article taken out, small indexes."""
    dataset = datasets.load(folder)
    # Half of the documents of nq_open_gold are kept for reports; a hash decides, so that every script agrees.
    questions = [q for q in dataset.questions if datasets.developer_half(q.group) or folder.name != "nq_open_gold"]
    drawn = random.Random(SEED).sample(questions, min(size, len(questions)))
    index = opened(cache / "all", lambda: datasets.documents(folder))
    yield from readings(index, drawn, "own", dataset)
    half = drawn[: size // 2]
    yield from readings(index, half, "out", dataset)
    # The subject stays, only the passages that answer go: what is asked of a collection is mostly about its subjects.
    yield from readings(index, half, "gone", dataset)
    every = list(datasets.documents(folder))
    for number in range(SMALL_INDEXES):
        place = random.Random(number).randrange(len(every) - SMALL_SIZE)
        few = every[place : place + SMALL_SIZE]
        small = opened(cache / f"small-{number}", lambda few=few: few)  # type: ignore[misc]
        held = {document.id for document in few}
        own = [question for question in questions if held.intersection(question.relevant)][:SMALL_QUESTIONS]
        yield from readings(small, own, "own", dataset)
        foreign = [question for question in questions if not held & dataset.own_documents(question)]
        subjects = {question.group for question in own}
        near = [question for question in foreign if question.group in subjects]
        for others in (near, foreign):
            drawn = random.Random(number).sample(others, min(len(own), len(others)))
            yield from readings(small, drawn, "out", dataset)


def opened(path: Path, documents: Callable[[], Iterable[Document]]) -> Index:
    """Return an index that is built where it is missing."""
    if not (path / "manifest.json").exists():
        Index.build(documents(), path)
    return Index.open(path)


def readings(index: Index, questions: Questions, way: str, dataset: datasets.Dataset) -> Iterator[Case]:
    """Yield one case for each question; what `way` takes away is treated as not in the index.

    `out`: its whole article; `gone`: the documents that answer it; `own`: nothing.
    """
    vectors = QueryVectors(lambda: index.embedder)
    reader, settings = SentenceReader(vectors, index.sentence_vectors, index.words), index.settings
    for question in questions:
        missing = question.relevant if way == "gone" else dataset.own_documents(question) if way == "out" else ()
        candidates = retrieve(index, question.text, vectors([question.text])[0], settings, missing)
        found = hits(index, candidates.fused[: settings.read_passages], candidates.scores)
        read = reader.read([question.text], [found])[0]
        holds = tuple(
            any(item.span.overlaps(gold) for gold in question.golds) and not question.impossible for item in read
        )
        figures = tuple({name: item.features[name] for name in item.features if name not in MARGINS} for item in read)
        yield Case(question.group, way, figures, holds, tuple(_hash(statement_key(item)) for item in read))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def by_group(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Return the cases of four fifths of the groups, and of the rest."""
    held_out = {group for group in {case.group for case in cases} if random.Random(group).random() < 0.2}
    return [c for c in cases if c.group not in held_out], [c for c in cases if c.group in held_out]


def matrix(case: Case, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a case's sentences, float64 (sentences, features)."""
    return np.array([[features[name] for name in names] for features in case.sentences], np.float64)


def fit_reader(cases: Sequence[Case], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the weights of largest likelihood for the named figures, with a small ridge."""
    useful = [case for case in cases if any(case.holds) and not all(case.holds)]
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
    weights: NDArray[np.float64] = found.x
    return weights


def reordered(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> list[int]:
    """Return the places of a case's sentences, best first by the new weights."""
    return [int(place) for place in np.argsort(-(matrix(case, names) @ weights), kind="stable")]


def ahead(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> dict[str, float]:
    """Return the margins of a case's best sentence."""
    best = reordered(case, names, weights)[0]
    scores = matrix(case, names) @ np.where([name == RANKED for name in names], 0.0, weights)
    return dict(zip(MARGINS, margins([float(score) for score in scores], case.statements)[best], strict=True))


def top_one(cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> str:
    """Return in words how often the first sentence holds a gold span, of the questions where a read one does."""
    useful = [case for case in cases if case.way == "own" and any(case.holds)]
    right = sum(case.holds[reordered(case, names, weights)[0]] for case in useful)
    return f"{right / len(useful):.3f}, n = {len(useful)}"


def write_reader(weights: dict[str, float], questions: int) -> None:
    """Write the reader's coefficients."""
    content = {
        "weights": {name: round(float(weight), 4) for name, weight in weights.items()},
        "fitted_on": f"{', '.join(SETS)}: {questions} readings",
    }
    (MODELS / "sentence_reader.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content))


def fit_confidence(cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> None:
    """Fit and write the confidence over the best sentence of every reading.

    More evidence must never lower a confidence, so the figure of most negative weight is dropped until there is none.
    """
    read = [case for case in cases if case.sentences]
    best = [reordered(case, names, weights)[0] for case in read]
    figures = [{**case.sentences[place], **ahead(case, names, weights)} for case, place in zip(read, best, strict=True)]
    labels = [case.holds[place] for case, place in zip(read, best, strict=True)]
    answerable = [any(case.holds) for case in read]
    kept = [name for name in (*names, *MARGINS) if name not in NOT_FOR_CONFIDENCE]
    while True:
        rows = [{name: values[name] for name in kept} for values in figures]
        groups = [case.group for case in read]
        calibration = fit(rows, labels, groups, fitted_on=", ".join(SETS), answerable=answerable)
        lowest, name = min(zip(calibration.weights, calibration.features, strict=True))
        if lowest >= 0:
            break
        kept.remove(name)
    save(calibration, MODELS / "confidence.json")
    print(f"threshold {calibration.threshold}, n = {len(rows)}, right {sum(labels)}, answerable {sum(answerable)}")
    print(dict(zip(calibration.features, calibration.weights, strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
