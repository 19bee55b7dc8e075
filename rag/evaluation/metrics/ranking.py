"""Compares rankings of documents with relevance judgements by trec_eval's measures (ir-measures, pytrec_eval).

A document counts by its best passage, and only the first ten documents count. If a document has the id of the question,
it still counts, because the two ids are not related here.
"""

from collections.abc import Iterable, Mapping, Sequence

from rag.core.types import Hit

DEPTH = 10
RANKING_MEASURES = ("recall@1", "recall@5", "recall@10", "MRR@10", "nDCG@10")


def by_best_passage(hits: Iterable[Hit], depth: int = DEPTH) -> tuple[str, ...]:
    """Return the first `depth` documents, each at the rank of its first hit; hits come best first."""
    return tuple(dict.fromkeys(hit.chunk.span.document_id for hit in hits))[:depth]


def ranking_measures(
    relevant: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Return each of `MEASURES` for each question of `relevant`: question id to measure to value.

    If a question has no ranking or an empty one, all its values are 0. nDCG: the grade is the gain, the discount
    is 1/log2(rank + 1). Relevant {a, b}, ranking (x, a): recall@1 0, recall@5 1/2, MRR 1/2,
    nDCG (1/log2 3) / (1 + 1/log2 3) = 0.387.
    """
    from ir_measures import RR, Qrel, R, ScoredDoc, nDCG, pytrec_eval

    names_of_measures = {R @ 1: "recall@1", R @ 5: "recall@5", R @ 10: "recall@10", RR: "MRR@10", nDCG @ 10: "nDCG@10"}
    qrels = [Qrel(key, name, grade) for key, grades in relevant.items() for name, grade in grades.items()]
    # Falling whole scores keep our order: trec_eval would break ties by document id.
    run = [
        ScoredDoc(key, name, float(-rank)) for key, names in rankings.items() for rank, name in enumerate(names[:DEPTH])
    ]
    values = {key: dict.fromkeys(RANKING_MEASURES, 0.0) for key in relevant}
    for result in pytrec_eval.iter_calc(list(names_of_measures), qrels, run):
        values[result.query_id][names_of_measures[result.measure]] = float(result.value)
    return values
