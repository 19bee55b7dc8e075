"""Measures a reader on articles that no training saw, the right paragraph given: exact match, F1, and near misses."""

import random
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import torch

from rag.evaluation.metrics import squad
from rag.evaluation.metrics.abstention import auroc
from rag.evaluation.metrics.bootstrap import mean_interval
from rag.reading.reader_tokens import Pair
from rag.reading.span_decoding import Read, decoded
from training.reader.batches import Encoder, Learnable, padded
from training.reader.examples import Example
from training.reader.network import BF16, Network
from training.reader.sources import held_out_articles, rows

Reads = Callable[[Sequence[Pair]], list[Read]]
SIDE_BY_SIDE = 32


def held_out_questions(
    data: Path, count: int | None = None, articles: Collection[str] | None = None
) -> list[tuple[Example, list[str]]]:
    """Return questions over the held-out articles of `squad2` with their paragraph and the answers that are right.

    With `articles`, only over these.
    """
    held = held_out_articles(data) if articles is None else articles
    corpus = {row["_id"]: row for row in rows(data / "squad2" / "corpus.jsonl") if row["doc"] in held}
    texts = {row["_id"]: row["text"] for row in rows(data / "squad2" / "queries.jsonl")}
    found = []
    for row in rows(data / "squad2" / "answers.jsonl"):
        if row["doc_id"] in corpus:
            passage = corpus[row["doc_id"]]
            example = Example(
                texts[row["query_id"]], passage["title"], passage["text"], (), (), not row["is_impossible"]
            )
            found.append((example, [answer["text"] for answer in row["answers"]]))
    return found if count is None else random.Random(0).sample(found, min(count, len(found)))


def gold_paragraphs(
    reader: Reads, questions: Sequence[tuple[Example, list[str]]], encoder: Encoder
) -> dict[str, object]:
    """Return the figures: answers where there is one, and how well the two kinds of questions are told apart."""
    reads = read_all(reader, [encoder.encode(example) for example, _ in questions])
    best = [read.best(0, len(example.text))[0] for (example, _), read in zip(questions, reads, strict=True)]
    given = [example.text[span.start : span.end] for (example, _), span in zip(questions, best, strict=True)]
    answerable = np.array([example.relevant for example, _ in questions])
    pairs = [(answer, golds) for answer, (_, golds) in zip(given, questions, strict=True) if golds]
    exact = [squad.exact_match(answer, golds) for answer, golds in pairs]
    overlap = [squad.f1(answer, golds) for answer, golds in pairs]
    margins = np.array([span.score - read.none for span, read in zip(best, reads, strict=True)])
    relevance = np.array([read.relevance for read in reads])
    figures: dict[str, object] = {"n": len(questions), "answerable": len(pairs)}
    for name, values in (("exact", exact), ("f1", overlap)):
        found = mean_interval(values)
        figures |= {
            name: round(float(np.mean(values)), 4),
            f"{name}_interval": [round(found.low, 4), round(found.high, 4)],
        }
    if len(pairs) == len(questions):
        return figures
    for name, scores in (("auroc_margin", margins), ("auroc_relevance", relevance), ("auroc_sum", margins + relevance)):
        figures[name] = round(auroc(scores[answerable], scores[~answerable]), 4)
    return figures


def read_all(reader: Reads, items: Sequence[Learnable]) -> list[Read]:
    """Return what a reader makes of each input, inputs of like length side by side."""
    order = sorted(range(len(items)), key=lambda place: len(items[place].pair))
    reads: dict[int, Read] = {}
    for start in range(0, len(order), SIDE_BY_SIDE):
        places = order[start : start + SIDE_BY_SIDE]
        reads |= zip(places, reader([items[place].pair for place in places]), strict=True)
    return [reads[place] for place in range(len(items))]


def by_network(network: Network) -> Reads:
    """Return what reads with a network in training."""

    @torch.inference_mode()
    def read(pairs: Sequence[Pair]) -> list[Read]:
        empty = [Learnable(pair, (), (), np.full(len(pair.passage.ids), -1, np.int8), False) for pair in pairs]
        batch = padded(empty)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BF16):
            tokens, relevance = network(*map(torch.from_numpy, (batch.ids, batch.segments, batch.filled)))
        found = tokens.float().numpy()
        return [decoded(pair, found[row, : len(pair)], float(relevance[row])) for row, pair in enumerate(pairs)]

    return read
