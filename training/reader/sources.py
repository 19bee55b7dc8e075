"""Reads the public data sets that the reader is trained on, and keeps apart what no training may see."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from rag.chunking.blocks import blocks
from rag.chunking.sentences import sentences
from rag.core.types import Document
from rag.evaluation.datasets import developer_half

Style = Literal["span", "sentence", "passage"]
HELD_OUT_ARTICLES = 8
"""Articles of `squad2` that are never trained on, whole with all their questions."""
KEPT_FOR_FIT = {
    "train/squad_train_part": 0.2,
    "train/selqa_ass_devtest": 0.3,
    "train/scifact_train": 0.3,
    "nq_open_gold": 0.4,
    "train/squad2_train_nearmiss": 0.1,
    "train/squad2_train_nearmiss_sentences": 0.1,
    "train/squad_train_nqg_sentences": 0.1,
    "train/wikitables": 0.15,
    "train/tatqa_tables": 0.15,
    "train/tatqa": 0.15,
    "train/afriqa_en": 0.1,
    "train/boolq": 0.1,
    "train/condaqa": 0.1,
    "train/bioasq_snippets": 0.2,
    "train/pubmedqa": 0.2,
}
"""Share of the articles that the reader does not see either: the order of answers and the confidence are fitted on
them, which on passages it was trained on would trust the reader too much."""


@dataclass(frozen=True)
class Source:
    """A data set: its licence, what its answers are, and which share of its questions one pass takes.

    `taught` is the share in the pass that the teacher reads, `teacher` in those that the teacher learns from, `tuned`
    in those of `training.reader.tune`.
    """

    folder: str
    licence: str
    style: Style
    share: float
    taught: float
    teacher: float
    tuned: float = 0.0


SOURCES = (
    Source("train/squad_train_part", "CC BY-SA 4.0", "span", 1.0, 0.4, 0.8, 0.35),
    Source("train/squad_train_cs224n", "CC BY-SA 4.0", "span", 1.0, 0.4, 0.6, 0.35),
    Source("train/squad_train_sentences", "CC BY-SA 4.0", "span", 1.0, 0.4, 0.5, 0.12),
    Source("train/squadshifts_amazon", "CC BY 4.0", "span", 0.6, 0.24, 0.1, 0.06),
    Source("train/squadshifts_reddit", "CC BY 4.0", "span", 0.6, 0.24, 0.1, 0.06),
    Source("train/qamr_devtest", "MIT; CC BY-SA; CC BY 2.5", "span", 0.08, 0.032, 0.0, 0.015),
    Source("train/tweetqa", "CC BY-SA 4.0", "span", 0.2, 0.08, 0.0, 0.02),
    Source("nq_open_gold", "CC BY-SA 3.0", "span", 1.0, 1.0, 1.0, 1.0),
    Source("hotpot_val_sample", "CC BY-SA 4.0", "span", 1.0, 1.0, 1.0, 0.5),
    Source("squad2", "CC BY-SA 4.0", "span", 1.0, 1.0, 1.0, 1.0),
    Source("train/selqa_ass_devtest", "Apache 2.0; CC BY-SA", "sentence", 0.5, 0.5, 0.3, 0.2),
    Source("train/scifact_train", "CC BY 4.0; ODC-By", "sentence", 1.0, 1.0, 0.0, 0.3),
    Source("train/medquad", "CC BY 4.0", "passage", 0.08, 0.032, 0.0),
    Source("train/squad2_train_nearmiss", "CC BY-SA 4.0; MIT", "span", 0.6, 0.6, 0.4, 0.35),
    Source("train/squad2_train_nearmiss_sentences", "CC BY-SA 4.0; MIT", "span", 0.4, 0.4, 0.2, 0.25),
    Source("train/squad_train_nqg_sentences", "CC BY-SA 4.0", "span", 0.6, 0.3, 0.2, 0.25),
    Source("train/afriqa_en", "CC BY 4.0", "span", 0.5, 0.3, 0.2, 0.2),
    Source("train/boolq", "CC BY-SA 3.0", "passage", 0.2, 0.1, 0.0, 0.05),
    Source("train/condaqa", "Apache 2.0; CC BY-SA", "passage", 0.15, 0.1, 0.0, 0.04),
    Source("train/wikitables", "CC BY-SA 4.0", "span", 1.0, 1.0, 0.5, 1.0),
    Source("train/tatqa_tables", "CC BY 4.0", "span", 1.0, 1.0, 0.5, 1.0),
    Source("train/tatqa", "CC BY 4.0", "span", 1.0, 1.0, 0.5, 0.6),
    Source("train/bioasq_snippets", "CC BY 2.5", "sentence", 1.0, 0.5, 0.2, 0.3),
    Source("train/pubmedqa", "MIT", "sentence", 0.8, 0.4, 0.2, 0.2),
)
TABLES = ("train/wikitables", "train/tatqa_tables")
"""Sources of passages that are tables, a row a line, cells between upright strokes."""
UNSURE = ("train/condaqa",)
"""Sources of questions without an answer because it must be inferred, not because the passage lacks it."""


def taken(by: Literal["taught", "teacher", "tuned"]) -> tuple[Source, ...]:
    """Return the sources with the share that goes into one kind of pass; those without a share are not there."""
    shares: dict[Source, float] = {source: getattr(source, by) for source in SOURCES}
    return tuple(replace(source, share=share) for source, share in shares.items() if share)


@dataclass(frozen=True)
class Passage:
    """A text that questions are asked of."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Asked:
    """A question with its passage; `golds` are the ranges that answer it, none where the passage does not.

    `relevant` are the ids of all passages that answer it.
    """

    question: str
    passage: Passage
    golds: tuple[tuple[int, int], ...]
    source: Source
    relevant: frozenset[str]


def passages(data: Path, source: Source, for_fit: bool = False) -> dict[str, Passage]:
    """Return the passages of a source by id that may be trained on, or those that are kept for the fit."""
    found: dict[str, Passage] = {}
    held = held_out_articles(data) if source.folder == "squad2" else frozenset()
    for row in rows(data / source.folder / "corpus.jsonl"):
        reported = row.get("doc") in held or (source.folder == "nq_open_gold" and not developer_half(row["_id"]))
        if reported or kept_for_fit(source.folder, row) != for_fit:
            continue
        found[row["_id"]] = Passage(f"{source.folder}:{row['_id']}", row.get("title") or "", row["text"])
    return found


def questions(data: Path, source: Source, for_fit: bool = False) -> Iterator[Asked]:
    """Yield the questions of a source whose passage may be trained on, or is kept for the fit."""
    texts = {row["_id"]: row["text"] for row in rows(data / source.folder / "queries.jsonl")}
    known = passages(data, source, for_fit)
    for row in rows(data / source.folder / "answers.jsonl"):
        by_passage: dict[str, list[dict[str, Any]]] = {}
        for answer in row["answers"]:
            by_passage.setdefault(answer.get("doc_id") or row["doc_id"], []).append(answer)
        if row["is_impossible"] and source.folder in UNSURE:
            continue
        if row["is_impossible"]:
            by_passage = {row["doc_id"]: []} if row["doc_id"] else {}
        relevant = frozenset(f"{source.folder}:{key}" for key in by_passage)
        for key, answers in by_passage.items():
            if key in known:
                yield Asked(texts[row["query_id"]], known[key], _golds(answers, source, known[key]), source, relevant)


def kept_for_fit(folder: str, row: dict[str, Any]) -> bool:
    """Tell whether a passage belongs to the articles that the reader does not see, by a hash of its title or id."""
    article = row["_id"] if folder == "nq_open_gold" else row.get("title") or row.get("source") or row["_id"]
    drawn = int.from_bytes(hashlib.sha256(f"fit {article}".encode()).digest()[:4], "big") / 2**32
    return drawn < KEPT_FOR_FIT.get(folder, 0.0)


def held_out_articles(data: Path) -> frozenset[str]:
    """Return the articles of `squad2` of the lowest hashes: no training sees them."""
    articles = {row["doc"] for row in rows(data / "squad2" / "corpus.jsonl")}
    ordered = sorted(articles, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return frozenset(ordered[:HELD_OUT_ARTICLES])


def fitted_articles(data: Path) -> frozenset[str]:
    """Return the half of the held-out articles of `squad2` that order and confidence are fitted on."""
    articles = sorted(held_out_articles(data), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return frozenset(articles[: HELD_OUT_ARTICLES // 2])


@lru_cache(maxsize=100_000)
def sentence_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Return the sentences of a text as the index cuts them."""
    document = Document("text", text)
    return tuple((span.start, span.end) for block in blocks(document) for span in sentences(document, block))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _golds(answers: list[dict[str, Any]], source: Source, passage: Passage) -> tuple[tuple[int, int], ...]:
    spans = [(answer["start"], answer["end"]) for answer in answers]
    if not spans:
        return ()
    if source.style != "span":
        return tuple(sorted(set(spans)))
    if source.folder in ("nq_open_gold", "hotpot_val_sample"):
        return tuple(sorted(set(spans))[:4])
    # Of several people's answers the one most gave, of equals the shortest.
    counts = Counter(passage.text[start:end] for start, end in spans)
    best = max(spans, key=lambda span: (counts[passage.text[slice(*span)]], span[0] - span[1], -span[0]))
    return (best,)
