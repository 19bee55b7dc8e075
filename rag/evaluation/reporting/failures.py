"""Lists the wrong answers, worst first, each with the gold, the answer and the stage that lost it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rag.evaluation.observation import Observation, Quote, is_right

MAX_TEXT_CHARACTERS = 600


def failures(observations: Sequence[Observation], limit: int) -> tuple[Mapping[str, Any], ...]:
    """Return the worst `limit` failures.

    A wrong answer that was shown is worse than one that was withheld. Among those shown, the highest confidence comes
    first; among those withheld, the lowest.
    """
    wrong = [observation for observation in observations if _failed(observation)]
    wrong.sort(
        key=lambda observation: (
            not observation.answered,
            -observation.confidence if observation.answered else observation.confidence,
            observation.question.id,
        )
    )
    return tuple(_described(observation) for observation in wrong[:limit])


def _failed(observation: Observation) -> bool:
    if observation.question.answerable:
        return not (observation.answered and is_right(observation.answered[0], observation.question.golds))
    return observation.lost_at is not None


def _described(observation: Observation) -> dict[str, Any]:
    best = next(iter(observation.answered or observation.extracted), None)
    return {
        "question_id": observation.question.id,
        "question": observation.question.text,
        "gold": list(observation.question.references),
        "gold_spans": [[gold.document_id, gold.start, gold.end] for gold in observation.question.golds],
        "returned": _returned(best),
        "shown": bool(observation.answered),
        "confidence": round(observation.confidence, 4),
        "lost_at": observation.lost_at,
    }


def _returned(quote: Quote | None) -> dict[str, Any] | None:
    if quote is None:
        return None
    span, text = (
        quote.span,
        quote.text if len(quote.text) <= MAX_TEXT_CHARACTERS else quote.text[:MAX_TEXT_CHARACTERS] + " …",
    )
    return {"document_id": span.document_id, "start": span.start, "end": span.end, "text": text}
