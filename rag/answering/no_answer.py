"""Says why a question gets no answer, before it is read and after."""

from collections.abc import Sequence

from rag.core.response import Answer, NoAnswer, NoAnswerReason
from rag.index.filters import Chosen
from rag.index.index import Index
from rag.retrieval.question_types import needs_context, question_terms

MAX_CLOSEST = 3
"""Passages that a refusal shows."""
MESSAGES: dict[NoAnswerReason, str] = {
    "empty_question": "There is no question to answer.",
    "empty_index": "The index holds no passages.",
    "filtered_out": "The filter leaves no passage to look for an answer in.",
    "needs_context": "The question names nothing to look for. Say what it is about: each question stands alone.",
    "no_match": "No passage could be read for this question.",
    "low_confidence": "The documents do not seem to answer this: no passage reaches the confidence asked for.",
}


def refused_unread(question: str, index: Index, chosen: Chosen, is_question: bool = True) -> NoAnswer | None:
    """Return why nothing can answer, None if reading may tell; a search (`is_question` false) needs no context."""
    reason: NoAnswerReason
    if not question:
        reason = "empty_question"
    elif not index.manifest.chunks:
        reason = "empty_index"
    elif chosen.rows is not None and not len(chosen.rows):
        reason = "filtered_out"
    elif is_question and needs_context(question):
        reason = "needs_context"
    else:
        return None
    return NoAnswer(reason, MESSAGES[reason])


def refusal(question: str, index: Index, candidates: Sequence[Answer], threshold: float) -> NoAnswer:
    """Return the no-answer of a question whose best `candidates` do not reach the threshold."""
    missing_terms = question_terms(question, index.words).missing()
    if not candidates:
        return NoAnswer("no_match", MESSAGES["no_match"], threshold, None, (), missing_terms)
    best = max(answer.confidence for answer in candidates)
    closest = tuple(candidates[:MAX_CLOSEST])
    return NoAnswer("low_confidence", MESSAGES["low_confidence"], threshold, best, closest, missing_terms)
