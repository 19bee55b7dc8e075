"""Fits the order of answers and the shipped confidence on public developer data, with the reader model and without.

    python -m training.fit DATA CACHE [--keep-order]

DATA is the folder of data sets (see `training/README.md`), CACHE any folder for indexes and readings. With
`--keep-order` the order stays and the confidence of its best answers is fitted. Every question is
read by the real pipeline, over articles that the reader model has not seen; the coefficients are those that make the
sentence holding the gold span likeliest among all sentences read (a softmax over them); the confidence is
`rag.answering.confidence.fit` over the best answer of questions asked in three ways: with their article in the index,
with it
taken out, and of small indexes, where scores that compare a passage with the others have less to compare with.
"""

import hashlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag import Document, Index
from rag.answering.confidence import SHIPPED, SHIPPED_WITHOUT_MODEL, Calibration, fit
from rag.core.errors import EvaluationError
from rag.core.settings import WITHOUT_MODEL, Settings
from rag.core.types import Extraction
from rag.embedding.embedder import QueryVectors
from rag.evaluation import datasets
from rag.evaluation.cache import cached_index
from rag.evaluation.metrics.abstention import auroc, calibration_error
from rag.reading.reader_model import span_model
from rag.reading.sentence_reader import (
    MARGINS,
    RANKED_FEATURE,
    WEIGHTS,
    WEIGHTS_WITH_MODEL,
    WIDEST_MARGIN,
    SentenceReader,
    hand_score,
    margins,
    statement_key,
)
from rag.retrieval.candidates import retrieve, to_read
from training.reader.sources import fitted_articles, kept_for_fit, rows

SETS = {
    "train/squad_train_part": 450,
    "train/selqa_ass_devtest": 100,
    "train/wikitables": 120,
    "train/tatqa_tables": 60,
    "squad2": 150,
    "nq_open_gold": 100,
}
"""Questions of each set that are asked, all over articles the reader model has not seen."""
MIN_SURE_PRECISION = 0.7
"""Share of the answers called sure that shall be right."""
MIN_POSSIBLE_PRECISION = 0.18
"""Share of the answers called possible that shall be right."""
SMALL_INDEXES, SMALL_SIZE, SMALL_QUESTIONS = 4, 12, 10
"""Indexes of so many documents that stand side by side in the data, each asked so many questions of its own, as many
of its subject that other documents answer, and as many of any subject."""
OF_MODEL = ("span", "span_margin", "reason", "relevance", "echo")
"""Figures that the reader model gives."""
OWN, OWN_COUNT = "own_questions", 4
"""Folder of the cache with readings of own questions over manuals, rules and office files, of which the data sets have
few, and how often each counts in the confidence with the reader model."""
CONFIDENCE_FIGURES = (
    "passage_names", "relevance", "sentence_cosine", "sentence_words", "subject_words", *MARGINS
)  # fmt: skip
"""Figures of the confidence with the reader model: these tell own questions without an answer from the others."""
NOT_FOR_CONFIDENCE = ("fused", "is_question")
"""`fused` does not mean the same in a small index and in a large one; questions are rarely quoted."""
SEED = 20261121
SPLITS = 10
RIDGE = 1e-3
Questions = Sequence[datasets.Question]


@dataclass(frozen=True)
class Case:
    """One question read: the figures of its sentences, and what tells copies.

    `holds` says which sentences hold a gold span, `meets` of which the words taken are among those of one.
    """

    group: str
    way: str
    sentences: tuple[dict[str, float], ...]
    holds: tuple[bool, ...]
    meets: tuple[bool, ...]
    statements: tuple[str, ...]
    spans: tuple[str, ...]


def main(data: Path, cache: Path, keep_order: bool) -> None:
    """Read, fit, write the files of both readers, print the figures."""
    by_set = {name: kept_readings(data, name, cache, size) for name, size in SETS.items()}
    cases = [case for readings in by_set.values() for case in readings]
    train, test = by_group(cases)
    figures = sorted(next(case for case in train if case.sentences).sentences[0])
    for with_model, order, confidence in ((False, WEIGHTS, SHIPPED_WITHOUT_MODEL), (True, WEIGHTS_WITH_MODEL, SHIPPED)):
        names = [name for name in figures if with_model or name not in OF_MODEL]
        # With the model the words shall be right, without it the sentence.
        asked = [case for case in train if case.way == "own"]
        if keep_order:
            kept_weights = json.loads(order.read_text(encoding="utf-8"))["weights"]
            weights = np.array([kept_weights.get(name, 0.0) for name in names])
        else:
            weights = fit_reader([replace(case, holds=case.meets) for case in asked] if with_model else asked, names)
        for part, cut in (("fitted on", train), ("held out", test)):
            print(f"sentence right at rank 1, {part}: {top_one(cut, names, weights)}")
        if not keep_order:
            write_reader(order, dict(zip(names, weights, strict=True)), len(train))
        fit_confidence(confidence, [*cases, *own_readings(cache)] if with_model else cases, names, weights)
        print_sets_left_out(by_set, names, weights)


def kept_readings(data: Path, name: str, cache: Path, size: int) -> list[Case]:
    """Return the readings of a data set, from an earlier run of the same reader model where there are any."""
    file = cache / name / f"cases-{size}-{span_model().fingerprint[:16]}.json"
    if not file.exists():
        began = time.monotonic()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([asdict(case) for case in read_set(data, name, cache, size)]), encoding="utf-8")
        print(f"{name}: read in {time.monotonic() - began:.0f} s", flush=True)
    return cases_of(file)


def own_readings(cache: Path) -> list[Case]:
    """Return the readings of own questions, each `OWN_COUNT` times; none if the cache holds no such folder."""
    return [case for file in sorted((cache / OWN).glob("*.json")) for case in cases_of(file) * OWN_COUNT]


def cases_of(file: Path) -> list[Case]:
    """Return the cases of a file."""
    return [
        Case(
            row["group"],
            row["way"],
            *(tuple(row[key]) for key in ("sentences", "holds", "meets", "statements", "spans")),
        )
        for row in json.loads(file.read_text(encoding="utf-8"))
    ]


def read_set(data: Path, name: str, cache: Path, size: int) -> Iterator[Case]:
    """Yield the readings of a data set: own article there, own article taken out, small indexes."""
    dataset = datasets.load_dataset(data / name)
    unseen = unseen_documents(data, name)
    questions = [question for question in dataset.questions if dataset.own_documents(question) <= unseen]
    drawn = random.Random(SEED).sample(questions, min(size, len(questions)))
    index = Index.open(cached_index(dataset, Settings(), cache / "indexes")[0])
    yield from readings(index, drawn, "own", dataset)
    half = [question for question in drawn if question.answerable][: size // 3]
    yield from readings(index, half, "out", dataset)
    # The subject stays, only the passages that answer go: what is asked of a collection is mostly about its subjects.
    yield from readings(index, half, "gone", dataset)
    every = list(datasets.documents(data / name))
    places = [place for place, document in enumerate(every[:-SMALL_SIZE]) if document.id in unseen]
    for number in range(SMALL_INDEXES):
        place = random.Random(number).choice(places)
        few = every[place : place + SMALL_SIZE]
        small = opened(cache / name / f"small-{number}", lambda few=few: few)  # type: ignore[misc]
        held = {document.id for document in few}
        own = [question for question in questions if held.intersection(question.relevant)][:SMALL_QUESTIONS]
        yield from readings(small, own, "own", dataset)
        foreign = [question for question in questions if not held & dataset.own_documents(question)]
        subjects = {question.group for question in own}
        near = [question for question in foreign if question.group in subjects]
        for others in (near, foreign):
            drawn = random.Random(number).sample(others, min(len(own), len(others)))
            yield from readings(small, drawn, "out", dataset)


def unseen_documents(data: Path, name: str) -> frozenset[str]:
    """Return the documents that were kept from the reader model to fit on; others are only reported on."""
    corpus = rows(data / name / "corpus.jsonl")
    if name == "squad2":
        articles = fitted_articles(data)
        return frozenset(row["_id"] for row in corpus if row["doc"] in articles)
    kept = (row["_id"] for row in corpus if kept_for_fit(name, row))
    return frozenset(key for key in kept if name != "nq_open_gold" or datasets.developer_half(key))


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
    reader = SentenceReader(vectors, index.sentence_vectors, index.words, model=span_model)
    settings = index.settings
    for question in questions:
        missing = question.relevant if way == "gone" else dataset.own_documents(question) if way == "out" else ()
        candidates = retrieve(index, question.text, vectors([question.text])[0], settings, missing)
        read = reader.read([question.text], [to_read(index, candidates, settings, question.text)])[0]
        # One answer a sentence: where a list is asked for, the reader gives more.
        read = list({(item.hit.row, sentence(item)): item for item in reversed(read)}.values())[::-1]
        golds = () if question.impossible else question.golds
        around = [item.hit.chunk.locate(*sentence(item)) for item in read]
        holds = tuple(any(span.overlaps(gold) for gold in golds) for span in around)
        meets = tuple(any(item.span.overlaps(gold) for gold in golds) for item in read)
        figures = tuple({name: item.features[name] for name in item.features if name not in MARGINS} for item in read)
        statements = (item.hit.chunk.text[slice(*sentence(item))] for item in read)
        spans = (item.hit.chunk.text[item.start : item.end] for item in read)
        yield Case(question.group, way, figures, holds, meets, tuple(map(_hash, statements)), tuple(map(_hash, spans)))


def sentence(item: Extraction) -> tuple[int, int]:
    """Return the sentence of its passage that an extraction lies in; a heading is its own."""
    return next(
        ((start, end) for start, end in item.hit.chunk.sentences if start <= item.start and item.end <= end),
        (item.start, item.end),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(statement_key(text).encode()).hexdigest()[:16]


def by_group(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Return the cases of four fifths of the groups, and of the rest."""
    held_out = {group for group in {case.group for case in cases} if random.Random(group).random() < 0.2}
    return [c for c in cases if c.group not in held_out], [c for c in cases if c.group in held_out]


def matrix(case: Case, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a case's sentences, float64 (sentences, features)."""
    return np.array([[features[name] for name in names] for features in case.sentences], np.float64)


def fit_reader(cases: Sequence[Case], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the weights of largest likelihood for the named figures, with a small ridge.

    The ridge acts on figures of unit deviation: else it would hold down those of a small range, such as cosines.
    """
    useful = [case for case in cases if any(case.holds) and not all(case.holds)]
    figures = [matrix(case, names) for case in useful]
    scales = np.vstack(figures).std(axis=0)
    scales[scales == 0] = 1.0
    data = [(rows / scales, np.array(case.holds)) for rows, case in zip(figures, useful, strict=True)]

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
    weights: NDArray[np.float64] = found.x / scales
    return weights


def reordered(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> list[int]:
    """Return the places of a case's sentences, best first by the new weights."""
    by_hand = np.array([hand_score(features) for features in case.sentences])
    return [int(place) for place in np.argsort(-(matrix(case, names) @ weights + by_hand), kind="stable")]


def ahead(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> dict[str, float]:
    """Return the margins of a case's best sentence."""
    best = reordered(case, names, weights)[0]
    scores = matrix(case, names) @ np.where([name == RANKED_FEATURE for name in names], 0.0, weights)
    scores += [hand_score(features) for features in case.sentences]
    with_model = set(OF_MODEL) <= set(names)
    keys = case.spans if with_model else case.statements
    found = margins([float(score) for score in scores], keys, WIDEST_MARGIN[with_model])
    return dict(zip(MARGINS, found[best], strict=True))


def top_one(cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> str:
    """Return in words how often the first sentence holds a gold span, of the questions where a read one does.

    And how often the words taken of it are among those of one.
    """
    useful = [case for case in cases if case.way == "own" and any(case.holds)]
    first = [(case, reordered(case, names, weights)[0]) for case in useful]
    right, met = (sum(getattr(case, what)[place] for case, place in first) for what in ("holds", "meets"))
    return f"{right / len(useful):.3f}, words right {met / len(useful):.3f}, n = {len(useful)}"


def write_reader(file: Path, weights: dict[str, float], questions: int) -> None:
    """Write the coefficients of the order."""
    content = {
        "weights": {name: round(float(weight), 4) for name, weight in weights.items()},
        "fitted_on": f"{', '.join(SETS)}: {questions} readings",
    }
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content))


def fit_confidence(file: Path, cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]) -> None:
    """Fit and write the confidence over the best sentence of every reading.

    More evidence must never lower a confidence, so the figure of most negative weight is dropped until there is none.
    """
    read = [case for case in cases if case.sentences]
    figures, labels = first_answers(read, names, weights)
    answerable = [any(case.holds) for case in read]
    own = sum(case.way == OWN for case in read) // OWN_COUNT
    fitted_on = ", ".join(SETS) + (f", {own} own questions" if own else "")
    kept = [name for name in (*names, *MARGINS) if name not in NOT_FOR_CONFIDENCE]
    if file == SHIPPED:
        kept = [name for name in kept if name in CONFIDENCE_FIGURES]
    while True:
        rows = [{name: values[name] for name in kept} for values in figures]
        groups = [case.group for case in read]
        calibration = fit(rows, labels, groups, fitted_on=fitted_on, answerable=answerable)
        lowest, name = min(zip(calibration.weights, calibration.features, strict=True))
        if lowest >= 0:
            break
        kept.remove(name)
    reader = "shipped" if file == SHIPPED else WITHOUT_MODEL
    calibration = replace(with_thresholds(calibration), reader=reader)
    file.write_text(json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8")
    print_halves(rows, labels, groups)
    print(f"thresholds {calibration.threshold}, {calibration.possible_threshold}")
    print(f"n = {len(rows)}, right {sum(labels)}, answerable {sum(answerable)}")
    print(dict(zip(calibration.features, calibration.weights, strict=True)))


def first_answers(
    cases: Sequence[Case], names: Sequence[str], weights: NDArray[np.float64]
) -> tuple[list[dict[str, float]], list[bool]]:
    """Return the figures of the best sentence of every case, and whether it holds a gold span."""
    best = [reordered(case, names, weights)[0] for case in cases]
    pairs = list(zip(cases, best, strict=True))
    figures = [{**case.sentences[i], **ahead(case, names, weights)} for case, i in pairs]
    return figures, [case.holds[i] for case, i in pairs]


def with_thresholds(calibration: Calibration) -> Calibration:
    """Return a confidence with the thresholds of both grades by the precision that each grade shall have."""
    threshold = calibration.threshold_for(MIN_SURE_PRECISION)
    right, coverage = {}, {}
    for step, precision, share in calibration.curve:
        right[step], coverage[step] = precision * share, share
    possible = threshold
    for step in sorted((step for step in right if step < threshold), reverse=True):
        between = coverage[step] - coverage[threshold]
        if between and (right[step] - right[threshold]) / between >= MIN_POSSIBLE_PRECISION:
            possible = step
    return replace(calibration, threshold=threshold, possible_threshold=possible)


def print_sets_left_out(
    by_set: Mapping[str, Sequence[Case]], names: Sequence[str], weights: NDArray[np.float64]
) -> None:
    """Print how a confidence that was fitted on all data sets but one does on that one."""
    for name in by_set:
        others = [case for other, cases in by_set.items() if other != name for case in cases if case.sentences]
        rows, labels = first_answers(others, names, weights)
        usable = [key for key in rows[0] if key not in NOT_FOR_CONFIDENCE]
        groups = [case.group for case in others]
        fitted = with_thresholds(fit([{key: row[key] for key in usable} for row in rows], labels, groups))
        own = [case for case in by_set[name] if case.sentences]
        print(f"  left out {name}: {judged(fitted, *first_answers(own, names, weights))}")


def judged(fitted: Calibration, rows: Sequence[dict[str, float]], labels: Sequence[bool]) -> str:
    """Return in words how well a confidence tells right from wrong answers it was not fitted on."""
    confidence, right = np.array([fitted.probability(row) for row in rows]), np.array(labels)
    sure = confidence >= fitted.threshold
    return (
        f"n = {len(rows)}, right {right.mean():.3f}, AUROC {auroc(confidence[right], confidence[~right]):.3f}, error"
        f" {calibration_error(confidence, right):.3f}, sure {sure.mean():.3f}, of these right {right[sure].mean():.3f}"
    )


def print_halves(rows: Sequence[dict[str, float]], labels: Sequence[bool], groups: Sequence[str]) -> None:
    """Print how a confidence fitted on one half of the articles does on the other: precision asked for, and got.

    Over both halves of `SPLITS` ways to halve the articles: one way says more of its articles than of the confidence.
    """
    gaps, got = [], dict[float, list[tuple[float, float]]]({0.8: [], 0.9: [], 0.95: []})
    for number in range(2 * SPLITS):
        inside, outside = halved(groups, random.Random(number // 2))[:: 1 if number % 2 else -1]
        fitted = fit(*([values[place] for place in inside] for values in (rows, labels, groups)))  # type: ignore[arg-type]
        confidence = np.array([fitted.probability(rows[place]) for place in outside])
        right = np.array([labels[place] for place in outside])
        gaps.append(calibration_error(confidence, right))
        for wanted, found in got.items():
            with suppress(EvaluationError):  # no threshold reached it on that half
                shown = confidence >= fitted.threshold_for(wanted)
                found.append((float(right[shown].mean()), float(shown.mean())))
    print(f"other half of the articles, {2 * SPLITS} halves: error of calibration {np.mean(gaps):.3f}")
    for wanted, found in got.items():
        precision, coverage = np.array(found or [(np.nan, np.nan)]).T
        print(
            f"  asked for {wanted}: reached on {len(found)}, got {precision.mean():.3f} (deviation"
            f" {precision.std():.3f}, {precision.min():.3f} to {precision.max():.3f}), coverage {coverage.mean():.3f}"
        )


def halved(groups: Sequence[str], chance: random.Random) -> tuple[list[int], list[int]]:
    """Return the places of two halves of about one size; a group is wholly in one of them."""
    sizes = Counter(groups)
    halves: tuple[list[int], list[int]] = ([], [])
    side, filled = dict[str, int](), [0, 0]
    for group in chance.sample(sorted(sizes), len(sizes)):
        side[group] = int(filled[0] > filled[1])
        filled[side[group]] += sizes[group]
    for place, group in enumerate(groups):
        halves[side[group]].append(place)
    return halves


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "--keep-order" in sys.argv[3:])
