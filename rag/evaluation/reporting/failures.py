"""Lists the questions that went wrong, worst first, each with what was wanted, what came, and where it was lost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rag.evaluation.observation import Observation, Quote, is_right

LONGEST = 600


def failures(observations: Sequence[Observation], limit: int) -> tuple[Mapping[str, Any], ...]:
    """Return the worst `limit` failures.

    A wrong answer that was shown is worse than one that was withheld, the surer the worse; among those withheld the
    least sure comes first.
    """
    wrong = [seen for seen in observations if _failed(seen)]
    wrong.sort(
        key=lambda seen: (not seen.answered, -seen.confidence if seen.answered else seen.confidence, seen.question.id)
    )
    return tuple(_described(seen) for seen in wrong[:limit])


def _failed(seen: Observation) -> bool:
    if seen.question.answerable:
        return not (seen.answered and is_right(seen.answered[0], seen.question.golds))
    return seen.lost_at is not None


def _described(seen: Observation) -> dict[str, Any]:
    best = next(iter(seen.answered or seen.extracted), None)
    return {
        "question_id": seen.question.id,
        "question": seen.question.text,
        "gold": list(seen.question.references),
        "gold_spans": [[gold.document_id, gold.start, gold.end] for gold in seen.question.golds],
        "returned": _returned(best),
        "shown": bool(seen.answered),
        "confidence": round(seen.confidence, 4),
        "lost_at": seen.lost_at,
    }


def _returned(quote: Quote | None) -> dict[str, Any] | None:
    if quote is None:
        return None
    span, text = quote.span, quote.text if len(quote.text) <= LONGEST else quote.text[:LONGEST] + " …"
    return {"document_id": span.document_id, "start": span.start, "end": span.end, "text": text}
